"""Times in every encoding, and what only looks like one."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from explained import A, B, explained, only_cause

from samebit.explain.text_times import text_times
from samebit.model.explanation import Confidence

ONE = datetime(2026, 5, 4, 10, 0, 7, tzinfo=UTC)
OTHER = datetime(2026, 5, 5, 11, 0, 42, tzinfo=UTC)
FILETIME = 11_644_473_600


def both(form: str) -> tuple[str, str]:
    return f"built: {ONE.strftime(form)}\n", f"built: {OTHER.strftime(form)}\n"


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S.%f+00:00",
        "%a, %d %b %Y %H:%M:%S +0000",
        "%a %b %d %H:%M:%S %Y",
        "%a %b %d %H:%M:%S UTC %Y",
        "%b %d %Y",
        "%B %d, %Y",
        "%d/%b/%Y:%H:%M:%S +0000",
        "D:%Y%m%d%H%M%S",
        "%Y%m%d%H%M%S",
        "%Y%m%d-%H%M%S",
        "%Y%m%d",
        "%Y-%m-%d",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%s",
        "%s.123",
        "%s000",
        "%s000000000",
    ],
)
def test_text(form: str) -> None:
    cause = only_cause(*both(form))
    assert (cause.name, cause.confidence) == ("clock/text", Confidence.CERTAIN)
    assert cause.axis == "clock"
    assert "SOURCE_DATE_EPOCH" in cause.fix
    assert cause.evidence[0].meaning_a.startswith("2026-05-04")
    assert cause.evidence[0].meaning_b.startswith("2026-05-05")
    assert cause.evidence[0].offset_a is not None


def test_another_time_zone_is_less_sure() -> None:
    shift = timedelta(hours=5, minutes=30)
    cause = only_cause(
        str((ONE + shift).replace(tzinfo=None)), str((OTHER + shift).replace(tzinfo=None))
    )
    assert (cause.name, cause.confidence) == ("clock/text", Confidence.LIKELY)


def test_a_time_of_day() -> None:
    cause = only_cause("compiled 10:00:07\0", "compiled 11:00:42\0")
    assert (cause.name, cause.confidence) == ("clock/text", Confidence.LIKELY)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # Not when these builds ran.
        ("2025-05-04 10:00:07", "2026-05-05 11:00:42"),
        ("1600000000", "1600090000"),
        ("version 20260101", "version 20260202"),
        # The same second in both builds cannot be their clock.
        ("2026-05-04 10:00:07 a", "2026-05-04 10:00:07 b"),
        ("1.2.3", "1.2.4"),
    ],
)
def test_what_is_not_the_builds_time(a: str, b: str) -> None:
    assert "clock/text" not in {cause.name for cause in explained(a, b).causes}


@pytest.mark.parametrize(
    ("encode", "name"),
    [
        (lambda t: struct.pack("<I", t), "4 bytes, little-endian"),
        (lambda t: struct.pack(">I", t), "4 bytes, big-endian"),
        (lambda t: struct.pack("<q", t), "Unix seconds"),
        (lambda t: struct.pack(">q", t * 1000), "milliseconds, 8 bytes, big-endian"),
        (lambda t: struct.pack("<q", t * 10**9 + 123456789), "nanoseconds"),
        (lambda t: struct.pack("<Q", (t + FILETIME) * 10**7), "FILETIME"),
        (lambda t: struct.pack("<q", (t + 62_135_596_800) * 10**7), ".NET"),
    ],
)
def test_numbers(encode: object, name: str) -> None:
    assert callable(encode)
    one, other = (
        b"\x7fmagic\xff\xff" + encode(int(t.timestamp())) + b"\xff" * 16 for t in (ONE, OTHER)
    )
    cause = only_cause(one, other)
    assert (cause.name, cause.confidence) == ("clock/number", Confidence.CERTAIN)
    assert name in cause.evidence[0].meaning_a
    assert cause.evidence[0].meaning_a.startswith("2026-05-04 10:00:07 UTC")


def test_dos_time() -> None:
    def dos(t: datetime) -> bytes:
        return struct.pack(
            "<HH",
            t.hour << 11 | t.minute << 5 | t.second // 2,
            (t.year - 1980) << 9 | t.month << 5 | t.day,
        )

    cause = only_cause(b"\0head" + dos(ONE) + b"\xfftail", b"\0head" + dos(OTHER) + b"\xfftail")
    assert cause.name == "clock/number"
    assert "MS-DOS" in cause.evidence[0].meaning_a


def test_any_four_bytes_are_no_time() -> None:
    found = explained(b"\0\1\2\3" * 4 + b"\x10\x20\x30\x40", b"\0\1\2\3" * 4 + b"\x11\x22\x33\x44")
    assert found.causes == ()
    assert found.unexplained == 1


def test_several_places_are_counted() -> None:
    one = "".join(f"line {n}: {ONE:%H:%M:%S}, and text between {n}\n" for n in range(9))
    other = "".join(f"line {n}: {OTHER:%H:%M:%S}, and text between {n}\n" for n in range(9))
    cause = only_cause(one, other)
    assert cause.places == 9
    assert len(cause.evidence) == 5


def test_the_builds_are_apart() -> None:
    assert A.started is not None
    assert B.started is not None
    assert B.started - A.started > 86400


def test_a_program_that_no_moved_clock_reaches() -> None:
    """B's clock was a day ahead; its program wrote the real time, some minutes after A's."""
    cause = only_cause("built 2026-05-04 10:00:20", "built 2026-05-04 10:03:20")
    assert (cause.name, cause.confidence) == ("clock/text", Confidence.LIKELY)
    assert explained("built 2024-05-04 10:00:20", "built 2024-05-04 10:03:20").causes == ()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Nov 25 2026 18:34:13", "2026-11-25"),
        ("Nov  5 2026", "2026-11-05"),
        ("Nov 05 2026", "2026-11-05"),
        ("Nov 25 2026", "2026-11-25"),
        ("-rw-r--r-- 1 root root 3 Nov 25 18:34 f", "11-25 18:34"),
    ],
)
def test_days_of_two_digits(text: str, day: str) -> None:
    assert any(day in str(stamp) for stamp in text_times(text.encode())), text
    assert not any("-05" in str(stamp) for stamp in text_times(b"Nov 25 2026 18:34:13"))
