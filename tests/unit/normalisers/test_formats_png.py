from __future__ import annotations

import struct
import zlib

import pytest
from normalising import facts_of, matches, named, rewritten
from strip_oracle import agree

PNG = named("formats/png")
MAGIC = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
END = chunk(b"IEND", b"")


def image(*chunks: bytes) -> bytes:
    return MAGIC + HEAD + b"".join(chunks) + PIXELS + END


def time(year: int, day: int) -> bytes:
    return chunk(b"tIME", struct.pack(">HBBBBB", year, 11, day, 13, 30, 7))


def test_the_time_of_the_last_change() -> None:
    result = agree(PNG, (image(time(2026, 25)), image(time(2027, 1))), "a.png", "png")
    assert result == image(chunk(b"tIME", struct.pack(">HBBBBB", 1980, 1, 2, 0, 0, 0)))


@pytest.mark.parametrize("keyword", [b"date:create", b"date:timestamp", b"Creation Time"])
def test_dates_in_text(keyword: bytes) -> None:
    first = image(chunk(b"tEXt", keyword + b"\x002026-11-25T13:30:07+00:00"))
    second = image(chunk(b"tEXt", keyword + b"\0Thu, 26 Nov 2026"))
    packed = image(chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(b"Thu, 26 Nov 2026")))
    result = agree(PNG, (first, second), "a.png", "png")
    assert rewritten(PNG, packed) == result
    assert result == image(chunk(b"tEXt", keyword + b"\x001980-01-02T00:00:00+00:00"))


def test_other_chunks_and_what_follows_are_kept() -> None:
    others = (
        chunk(b"tEXt", b"Title\0date:create"),
        chunk(b"tEXt", b"Software\0x"),
        chunk(b"eXIf", b"x" * 9000),
    )
    data = image(*others) + b"appended"
    assert rewritten(PNG, data) == data
    assert rewritten(PNG, image(*others, time(2026, 1)) + b"appended").endswith(END + b"appended")


def test_what_must_not_change() -> None:
    whole = image(time(2026, 25))
    wrong = whole.replace(b"tIME\x07", b"tIME\x08")
    for data in (whole[:60], MAGIC, wrong, MAGIC + HEAD + time(2026, 25)):
        assert rewritten(PNG, data) == data
    assert matches(PNG, b"picture", whole)
    facts = facts_of(b"a.png", whole, epoch=0)
    assert struct.pack(">HBBBBB", 1970, 1, 1, 0, 0, 0) in rewritten(PNG, whole, b"a.png", facts)
