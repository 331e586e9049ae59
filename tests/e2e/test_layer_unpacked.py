"""Unpackers that are not ours make of canonical layers what the index of their trees says."""

from __future__ import annotations

import hashlib
import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from unpackers import unpacked

from samebit.canonical.json import encode
from samebit.image.base_index import index_base
from samebit.image.entry import Entry, Kind
from samebit.image.layer_writer import Layer, write_layer
from samebit.image.tree_index import TreeIndex
from samebit.image.whiteout import whiteout
from samebit.model.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from samebit.store.store import Store

pytestmark = pytest.mark.e2e

EPOCH = 315619200
CAPABILITY = (b"security.capability", bytes.fromhex("0100000200200000" + "00" * 12))
LONG = b"/".join([b"n" * 60] * 5)
LOWER = [
    Entry(b"", Kind.DIRECTORY, 0o755),
    Entry(b"replaced", Kind.DIRECTORY, 0o755),
    Entry(b"replaced/f", Kind.FILE, 0o644, size=10),
    Entry(b"kept", Kind.DIRECTORY, 0o711, uid=7),
    Entry(b"kept/gone", Kind.FILE, 0o644, size=10),
    Entry(b"kept/gone.d", Kind.DIRECTORY, 0o755),
    Entry(b"kept/gone.d/f", Kind.FILE, 0o644),
    Entry(b"kept/stays", Kind.FILE, 0o644, size=11),
    Entry(b"link", Kind.SYMLINK, 0o777, link=b"kept"),
    Entry(b"was-file", Kind.FILE, 0o600),
]
UPPER = [
    Entry(b"a", Kind.DIRECTORY, 0o1777),
    Entry(b"a-b", Kind.FILE, 0o4755, uid=1000, gid=1000, size=1, xattrs=(CAPABILITY,)),
    Entry(b"a/b", Kind.FILE, 0o2755, uid=3_000_000, gid=4_000_000, size=3),
    Entry(b"a/big", Kind.FILE, 0o644, size=3_500_000, xattrs=((b"user.note", b"\0=\n"),)),
    Entry(b"a/empty", Kind.FILE, 0o000),
    Entry(b"a/link", Kind.HARDLINK, 0o2755, uid=3_000_000, gid=4_000_000, link=b"a/b"),
    Entry(b"a/null", Kind.CHARACTER, 0o666, device=(1, 3)),
    Entry(b"a/pipe", Kind.FIFO, 0o622),
    Entry(b"a/\xff\xfe \n", Kind.FILE, 0o644, size=2),
    Entry(b"a/caf\xc3\xa9", Kind.SYMLINK, 0o777, link=b"\xff" * 150),
    Entry(b"kept", Kind.DIRECTORY, 0o755, uid=8),
    whiteout(b"kept/gone"),
    whiteout(b"kept/gone.d"),
    *[Entry(LONG[:length], Kind.DIRECTORY, 0o755) for length in range(60, len(LONG) + 1, 61)],
    Entry(LONG + b"/" + b"f" * 250, Kind.FILE, 0o644, size=5),
    Entry(LONG + b"/" + b"\xfd" * 200, Kind.FILE, 0o644, size=5),
    Entry(LONG[:-61] + b"/f", Kind.FILE, 0o644, size=5),
    Entry(b"replaced", Kind.FILE, 0o640, size=4),
    Entry(b"was-file", Kind.DIRECTORY, 0o750),
    Entry(b"was-file/f", Kind.FILE, 0o644, size=4),
]


def content(entry: Entry) -> BytesIO:
    return BytesIO(hashlib.shake_128(entry.path).digest(entry.size))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    if os.geteuid() != 0:
        pytest.skip("owners and devices need root")
    return Store(tmp_path_factory.mktemp("image") / "layout")


@pytest.fixture(scope="module")
def expected(store: Store) -> TreeIndex:
    layers = [
        write_layer(sorted(entries, key=lambda entry: entry.path), content, EPOCH, store, 2)
        for entries in (LOWER, UPPER)
    ]
    tag(store, layers)
    return index_base(
        store, [layer.descriptor for layer in layers], [layer.diff_id for layer in layers]
    )


def tag(store: Store, layers: list[Layer]) -> None:
    config = encode(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
            "history": [{"created_by": "test"} for _ in layers],
        }
    )
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": str(store.put(config)),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": OCI_LAYER_GZIP,
                    "digest": str(layer.descriptor.digest),
                    "size": layer.descriptor.size,
                }
                for layer in layers
            ],
        }
    )
    store.tag("t", Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest)))


def seen(root: Path) -> dict[bytes, tuple[Entry, bytes, int]]:
    """Read a tree: entry without hard links, content's sha256, mtime."""
    base = os.fsencode(root)
    found: dict[bytes, tuple[Entry, bytes, int]] = {}
    pending = [b""]
    for path in pending:
        full = base + b"/" + path if path else base
        status = os.lstat(full)
        kind = {
            stat.S_IFREG: Kind.FILE,
            stat.S_IFDIR: Kind.DIRECTORY,
            stat.S_IFLNK: Kind.SYMLINK,
            stat.S_IFCHR: Kind.CHARACTER,
            stat.S_IFIFO: Kind.FIFO,
        }[stat.S_IFMT(status.st_mode)]
        digest, link, device, size = b"", b"", (0, 0), 0
        if kind is Kind.DIRECTORY:
            pending.extend(path + b"/" * bool(path) + name for name in os.listdir(full))
        elif kind is Kind.FILE:
            with open(full, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            size = status.st_size
        elif kind is Kind.SYMLINK:
            link = os.readlink(full)
        elif kind is Kind.CHARACTER:
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        xattrs = tuple(
            (os.fsencode(name), os.getxattr(full, name, follow_symlinks=False))
            for name in sorted(os.listxattr(full, follow_symlinks=False))
            if name.startswith(("user.", "security.capability"))
            and not name.startswith(("user.rootlesscontainers", "user.overlay."))
        )
        mode = stat.S_IMODE(status.st_mode)
        entry = Entry(path, kind, mode, status.st_uid, status.st_gid, size, link, device, xattrs)
        found[path] = (entry, digest, int(status.st_mtime))
    return found


@pytest.mark.parametrize("unpacker", ["umoci", "buildah-overlay", "buildah-vfs"])
def test_the_unpacked_tree(
    unpacker: str, store: Store, expected: TreeIndex, tmp_path: Path
) -> None:
    with unpacked(unpacker, store.root, tmp_path) as root:
        found = seen(root)
        group = {os.lstat(os.fsencode(root) + b"/a/" + name).st_ino for name in (b"b", b"link")}
    assert len(group) == 1
    assert sorted(found) == sorted(expected.entries)
    for path, entry in expected.entries.items():
        if path:
            assert found[path][0] == entry
            assert found[path][1] == expected.contents.get(path, b"")
            assert found[path][2] == EPOCH
