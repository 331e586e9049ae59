from __future__ import annotations

import hashlib
import struct

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten

PHAR = named("formats/phar")
STUB = b"#!/usr/bin/env php\n<?php Phar::mapPhar(); __HALT_COMPILER(); ?>\r\n"
HASHES = {1: "md5", 2: "sha1", 3: "sha256", 4: "sha512"}


def phar(clock: int, kind: int | None = 3, stub: bytes = STUB) -> bytes:
    entries = b""
    for name, data in ((b"a.php", b"<?php 1;"), (b"dir/b.php", b"<?php 2;")):
        entries += struct.pack("<I", len(name)) + name
        entries += struct.pack("<6I", len(data), clock, len(data), 0, 0o644, 4) + b"meta"
    flags = 0x10000 if kind else 0
    rest = (
        struct.pack("<IHI", 2, 0x1100, flags) + struct.pack("<I", 3) + b"app" + bytes(4) + entries
    )
    body = stub + struct.pack("<I", len(rest)) + rest + b"<?php 1;<?php 2;"
    if kind is None:
        return body
    digest = hashlib.new(HASHES.get(kind, "sha1"), body).digest()
    return body + digest + struct.pack("<I", kind) + b"GBMB"


@pytest.mark.parametrize("kind", [None, *HASHES])
def test_times_go_and_the_checksum_follows(kind: int | None) -> None:
    data = phar(1_700_000_000, kind)
    assert matches(PHAR, b"usr/local/bin/app.phar", data)
    assert rewritten(PHAR, data) == phar(EPOCH, kind)


def test_stubs_without_an_ending() -> None:
    for stub in (b"<?php __HALT_COMPILER();", b"<?php __HALT_COMPILER(); ?>\n"):
        assert rewritten(PHAR, phar(5, 3, stub)) == phar(EPOCH, 3, stub)


def test_what_must_not_change() -> None:
    data = phar(1_700_000_000)
    signed = phar(1_700_000_000, 0x10)
    facts = facts_of(b"a.phar", signed)
    assert rewritten(PHAR, signed, b"a.phar", facts) == signed
    assert facts.remarks
    for other in (
        data[:-1],
        data.replace(b"<?php 2", b"<?php 3"),
        STUB,
        b"<?php echo 1;",
        data[:100],
    ):
        assert rewritten(PHAR, other) == other
