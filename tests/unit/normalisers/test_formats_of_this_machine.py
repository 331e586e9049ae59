"""Every format's rewriter on the files of this machine: whoever read them reads the same after."""

from __future__ import annotations

import gettext
import gzip
import io
import marshal
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
from normalising import named, rewritten

pytestmark = pytest.mark.prove

PLACES = ("/usr/lib/jvm", "/usr/lib/python3", "/usr/share", "/usr/lib", "/usr/local")
LARGEST = 8 << 20
MOST = 150


def _files(mark: bytes, ending: str) -> Iterator[tuple[str, bytes]]:
    found = 0
    for place in PLACES:
        for folder, _, names in os.walk(place):
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                    continue
                with path.open("rb") as file:
                    if not name.endswith(ending) or file.read(len(mark)) != mark:
                        continue
                yield str(path), path.read_bytes()
                found += 1
                if found == MOST:
                    return


def _zip(data: bytes) -> object:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            info.filename: (archive.read(info), info.external_attr, info.comment)
            for info in archive.infolist()
            if not info.filename.endswith(("MANIFEST.MF", ".properties", ".html", ".jar"))
        }


def _messages(data: bytes) -> object:
    catalogue = gettext.GNUTranslations(io.BytesIO(data))
    return {key: text for key, text in vars(catalogue)["_catalog"].items() if key}


def _bytecode(data: bytes) -> object:
    return marshal.dumps(marshal.loads(data[16:])) if data.startswith(MAGIC_NUMBER) else None


def _tar(data: bytes) -> object:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [
            (member.name, member.type, member.mode, member.uid, member.size, member.linkname)
            for member in archive
        ]


def _chunks(data: bytes) -> object:
    at, found = 8, []
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in (b"tIME", b"tEXt", b"zTXt", b"iTXt"):
            found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize(
    ("name", "mark", "ending", "read"),
    [
        ("formats/zip", b"PK\x03\x04", "", _zip),
        ("formats/jmod", b"JM\x01\0", "", _zip),
        ("formats/gzip", b"\x1f\x8b\x08", ".gz", gzip.decompress),
        ("formats/tar", b"", ".tar", _tar),
        ("formats/gettext", b"\xde\x12\x04\x95", ".mo", _messages),
        ("formats/png", b"\x89PNG", "", _chunks),
        ("formats/ar", b"!<arch>", ".a", len),
        ("python/bytecode", MAGIC_NUMBER, ".pyc", _bytecode),
    ],
)
def test_files_read_the_same(
    name: str, mark: bytes, ending: str, read: Callable[[bytes], object]
) -> None:
    assert sys.byteorder == "little"
    for path, data in _files(mark, ending):
        result = rewritten(named(name), data, os.fsencode(path[1:]))
        if result == data:
            continue
        try:
            before = read(data)
        except (OSError, ValueError, zipfile.BadZipFile, tarfile.TarError, UnicodeError):
            continue  # Go's sources have broken archives to test with.
        assert read(result) == before, path
