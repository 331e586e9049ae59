from __future__ import annotations

import pytest

from samebit.errors import UsageError
from samebit.variations.selection import select_axes

NAMES = ("clock", "processors", "host-name")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), {"clock", "processors", "host-name"}),
        (("-clock",), {"processors", "host-name"}),
        (("-clock,+clock",), {"clock", "processors", "host-name"}),
        (("-clock", "-processors"), {"host-name"}),
        (("clock",), {"clock"}),
        (("clock,processors",), {"clock", "processors"}),
        (("clock", "+host-name"), {"clock", "host-name"}),
        (("-all,+clock",), {"clock"}),
        (("all",), {"clock", "processors", "host-name"}),
        (("-all",), set()),
        ((" -clock , ,",), {"processors", "host-name"}),
    ],
)
def test_lists_choose_axes(texts: tuple[str, ...], expected: set[str]) -> None:
    assert select_axes(texts, NAMES) == expected


def test_an_unknown_axis_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no axis 'clok'") as caught:
        select_axes(("-clok",), NAMES)
    assert caught.value.fix == "did you mean 'clock'?"
