"""The worked examples of docs/canonical-form.md are what the program does."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path

import pytest

from samebit.canonical.json import encode
from samebit.canonical.member import compress_member
from samebit.canonical.tar import encode_header
from samebit.canonical.vectors import VECTORS
from samebit.image.entry import Entry, Kind
from samebit.image.layer_writer import write_layer
from samebit.image.whiteout import whiteout
from samebit.image.xattrs import capability_version_2
from samebit.store.store import Store

EPOCH = 315619200
TEXT = (Path(__file__).parents[3] / "docs/canonical-form.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```\w+ example=(\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def dump(data: bytes) -> str:
    """Write 16 bytes a line, with `*` for lines equal to the one before."""
    lines: list[str] = []
    last = b""
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        if row == last:
            if lines[-1] != "*":
                lines.append("*")
            continue
        last = row
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{at:04x}  {row.hex(' '):<47}  {shown}".rstrip())
    return "".join(line + "\n" for line in [*lines, f"{len(data):04x}"])


HEADERS = {
    "file-header": Entry(b"etc/hosts", Kind.FILE, 0o644, 1, 2, 5),
    "directory-header": Entry(b"usr/bin", Kind.DIRECTORY, 0o755),
    "pax-header": Entry(
        b"f" * 101, Kind.FILE, 0o644, uid=3_000_000, xattrs=((b"user.note", b"hi"),)
    ),
}


def layer(store: Store) -> str:
    entries = [
        Entry(b"d", Kind.DIRECTORY, 0o755),
        whiteout(b"d/gone"),
        Entry(b"d/f", Kind.FILE, 0o644, size=5),
        Entry(b"d/g", Kind.HARDLINK, 0o644, link=b"d/f"),
    ]
    written = write_layer(entries, lambda _: BytesIO(b"hello"), 0, store, 1)
    blob = store.read(written.descriptor.digest)
    return (
        f"archive  {written.size} bytes, diff ID {written.diff_id}\n"
        f"blob     {written.descriptor.size} bytes, digest {written.descriptor.digest}\n"
        + dump(blob)
    )


def test_json() -> None:
    value = json.loads(EXAMPLES["json-input"])
    assert EXAMPLES["json-output"] == dump(encode(value))


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    assert EXAMPLES[name] == dump(encode_header(HEADERS[name], EPOCH))


def test_members() -> None:
    assert EXAMPLES["member-empty"] == dump(compress_member(b""))
    assert EXAMPLES["member-samebit"] == dump(compress_member(b"samebit"))


def test_vectors() -> None:
    rows = [
        f"| {name} | {len(make())} | `{digest}` |\n" for name, (make, digest) in VECTORS.items()
    ]
    assert "".join(rows) in TEXT


def test_whole_layer(tmp_path: Path) -> None:
    assert EXAMPLES["layer"] == layer(Store(tmp_path))


def test_capabilities() -> None:
    rows = re.findall(r"^\| `(0100000[0-9a-f ]*)` \| `([0-9a-f ]*)` \|$", TEXT, re.MULTILINE)
    assert len(rows) == 2
    for given, written in rows:
        assert capability_version_2(bytes.fromhex(given), "x") == bytes.fromhex(written)


def test_every_example_is_checked() -> None:
    assert set(EXAMPLES) == {
        "json-input",
        "json-output",
        "file-header",
        "directory-header",
        "pax-header",
        "member-empty",
        "member-samebit",
        "layer",
    }
