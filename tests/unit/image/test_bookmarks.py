"""Going on in the middle of a layer gives what reading it from its start gives."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
from collections.abc import Callable

import pytest

from samebit.canonical.tar_reader import TarReader
from samebit.image.bookmarks import Bookmarks, chunks_from
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_members import read_members
from samebit.model.descriptor import OCI_LAYER_GZIP, Descriptor
from samebit.model.digest import Digest

SIZES = (0, 1, 511, 512, 3_000_000, 700, 20_000_000, 5, 9_000_000, 80_000, 11_000_000, 3)


def archive() -> bytes:
    seeded = random.Random(1)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, size in enumerate(SIZES):
            member = tarfile.TarInfo(f"f{number}" + "x" * (200 * (number % 2)))
            member.size = size
            tar.addfile(member, io.BytesIO(seeded.randbytes(size // 2) + bytes(size - size // 2)))
    return target.getvalue()


def members_of_gzip(data: bytes) -> bytes:
    """Compress in parts, as pigz and samebit do."""
    step = 1_000_003
    return b"".join(gzip.compress(data[at : at + step], 1) for at in range(0, len(data), step))


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, 1), members_of_gzip])
def test_every_member_is_reached_from_its_bookmark(pack: Callable[[bytes], bytes]) -> None:
    plain = archive()
    packed = pack(plain)
    digests = [Digest(hashlib.sha256(data).hexdigest()) for data in (packed, plain)]
    layer = LayerBlob(
        "layer",
        Descriptor(OCI_LAYER_GZIP, digests[0], len(packed)),
        digests[1],
        lambda: io.BytesIO(packed),
    )
    marks = Bookmarks()
    paths = [member.path for member in read_members(layer, bookmarks=marks)]
    used = set()
    for ordinal, path in enumerate(paths):
        mark = marks.last_before(ordinal)
        if mark is None:
            continue
        used.add(mark.ordinal)
        reader = TarReader(chunks_from(layer, mark), "layer", strict_end=False)
        for _ in range(ordinal - mark.ordinal + 1):
            header = reader.next()
        assert header is not None
        assert header.name == path
        content = b"".join(iter(reader.read, b""))
        assert len(content) == SIZES[ordinal]
    assert len(used) >= 3


def test_no_bookmarks_where_nothing_is_compressed() -> None:
    assert Bookmarks().last_before(5) is None
