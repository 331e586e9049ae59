"""Debian packages (dpkg(1), /var/lib/dpkg; distroless images have status.d and md5sums)."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.inventory.packages import Package, Records

NAME = "dpkg"
RANK = 10

_FOLDER = b"var/lib/dpkg/"


def packages(records: Records) -> Iterator[Package]:
    """Give installed packages with the files of their lists."""
    for fields in _stanzas(records.texts.get(_FOLDER + b"status", b"")):
        if not fields.get(b"Status", b"").endswith(b" installed"):
            continue
        name, architecture = fields.get(b"Package", b""), fields.get(b"Architecture", b"")
        listed = b""
        for stem in (name, name + b":" + architecture):
            listed = records.texts.get(_FOLDER + b"info/" + stem + b".list", listed)
        paths = tuple(line.lstrip(b"/") for line in listed.split(b"\n") if len(line) > 2)
        yield Package(_text(name), _text(fields.get(b"Version", b"")), paths)
    folder = _FOLDER + b"status.d/"
    for path, content in sorted(records.texts.items()):
        if not path.startswith(folder) or path.endswith(b".md5sums"):
            continue
        for fields in _stanzas(content):
            sums = records.texts.get(path + b".md5sums", b"")
            paths = tuple(line[34:].lstrip(b"/") for line in sums.split(b"\n") if len(line) > 34)
            yield Package(
                _text(fields.get(b"Package", b"")), _text(fields.get(b"Version", b"")), paths
            )


def _stanzas(content: bytes) -> Iterator[dict[bytes, bytes]]:
    for stanza in content.split(b"\n\n"):
        fields = {}
        for line in stanza.split(b"\n"):
            name, colon, value = line.partition(b":")
            if colon and not line.startswith((b" ", b"\t")):
                fields[name] = value.strip()
        if b"Package" in fields:
            yield fields


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
