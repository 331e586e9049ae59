"""What `samebit diff` tells while it compares."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from samebit.pipeline.diff import diff_images
from samebit.report.live_line import comparison_progress

Make = Callable[..., str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_layers_are_named_as_they_are_read(make: Make, build: Any) -> None:
    a, b = (make(name, [build.item("srv/f", name.encode())]) for name in "ab")
    told: list[str] = []
    diff_images(a, b, told=told.append)
    assert [line.partition(" (")[0] for line in told] == [
        "comparing layer 1 of 1 of A and B",
        "looking into what differs",
    ]


def test_only_a_terminal_sees_it_and_keeps_nothing() -> None:
    for stream, shown in ((io.StringIO(), ""), (Terminal(), "\r\x1b[2Kreading\r\x1b[2K")):
        with comparison_progress(stream) as told:
            told("reading")
        assert stream.getvalue() == shown
