"""Archives are rewritten in pieces, however large they are."""

from __future__ import annotations

import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from normalising import EPOCH, named

from samebit.image.entry import Entry, Kind
from samebit.normalisers.protocol import Facts

SIZE = 32 << 20
MOST = 8 << 20


def make_tar(file: Path, content: Path) -> None:
    with tarfile.open(file, "w") as archive:
        archive.add(content, "content")


def make_zip(file: Path, content: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(content, "content")


def make_ar(file: Path, content: Path) -> None:
    header = b"content/".ljust(16) + b"1234567".ljust(12) + b"0".ljust(6) + b"0".ljust(6)
    header += b"100644".ljust(8) + str(SIZE).encode().ljust(10) + b"`\n"
    with file.open("wb") as archive, content.open("rb") as source:
        archive.write(b"!<arch>\n" + header)
        while data := source.read(1 << 20):
            archive.write(data)


@pytest.mark.parametrize(
    ("name", "make"),
    [("formats/tar", make_tar), ("formats/zip", make_zip), ("formats/ar", make_ar)],
)
def test_no_archive_is_held_whole(
    tmp_path: Path, name: str, make: Callable[[Path, Path], None]
) -> None:
    content = tmp_path / "content"
    with content.open("wb") as file:
        file.truncate(SIZE)
    archive = tmp_path / "archive"
    make(archive, content)
    size = archive.stat().st_size
    written = 0

    def sink(data: bytes) -> None:
        nonlocal written
        written += len(data)

    rewrite = named(name).rewrite
    assert rewrite is not None
    facts = Facts(EPOCH, Entry(b"archive", Kind.FILE, 0o644, size=size), scratch=tmp_path)
    with archive.open("rb") as source:
        tracemalloc.start()
        assert rewrite(source, size, sink, facts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert SIZE < written <= size
    assert peak < MOST
