from __future__ import annotations

import pytest

from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import plan
from samebit.model.platform import Platform
from samebit.pipeline.attribution import Attribution

AMD = Platform("linux", "amd64")


def line(text: str, path: bytes, *links: bytes) -> int | None:
    found = plan(parse(text, "Dockerfile"), platform=AMD)
    place = Attribution.of(evaluate(found, {}), lambda one: one in links).place(path)
    return None if place is None else place.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nRUN a\n", 2),
        ("FROM scratch\nENV A=1\nRUN a\nCMD a\n", 3),
        ("FROM scratch\nRUN a\nRUN b\n", None),
        ("FROM scratch\nCOPY x /srv/\nRUN a\n", 3),
        ("FROM scratch\nCOPY x /etc/\nRUN a\n", None),
        ("FROM scratch\nCOPY x /\nRUN a\n", None),
        ("FROM scratch\nCOPY x /etc/\n", 2),
        ("FROM scratch\nCOPY x /etc/key\n", 2),
        ("FROM scratch\nCOPY x /etc/key2\nRUN a\n", 3),
        ("FROM scratch\nWORKDIR /etc\nCOPY x .\nRUN a\n", None),
        ("FROM scratch\nWORKDIR /srv\nCOPY x ../etc\nRUN a\n", None),
        ("FROM scratch\nADD x /srv/\nRUN a\n", 3),
        ("FROM scratch AS one\nRUN a\nFROM one\nRUN b\n", None),
        ("FROM scratch AS one\nRUN a\nFROM scratch\nCOPY --from=one / /\n", 4),
        ("FROM scratch\n", None),
    ],
)
def test_only_what_is_certain_is_said(text: str, expected: int | None) -> None:
    assert line(text, b"etc/key") == expected


def test_a_link_on_the_way_may_lead_anywhere() -> None:
    text = "FROM scratch\nCOPY x /srv/here/\nRUN a\n"
    assert line(text, b"etc/key") == 3
    assert line(text, b"etc/key", b"srv") is None
    assert line(text, b"etc/key", b"srv/here") is None
