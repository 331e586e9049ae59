"""An engine that lost a layer to its neighbour is started again; one that failed is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from samebit.engines.buildah import _undisturbed
from samebit.engines.protocol import StepFailedError

LOST = 'committing the finished image: creating image "623b": layer not known'


class Engine:
    """Fails so many times for a reason; notes where it was started."""

    def __init__(self, failures: int, reason: str, status: int | None = None) -> None:
        self.places: list[Path] = []
        self._failures = failures
        self._error = StepFailedError(1, 2, status=status, reason=reason)

    def start(self, place: Path) -> str:
        self.places.append(place)
        if len(self.places) <= self._failures:
            raise self._error
        return "done"


def test_it_is_started_again_in_another_place(tmp_path: Path) -> None:
    engine = Engine(2, LOST)
    assert _undisturbed(engine.start, tmp_path) == "done"
    assert len(set(engine.places)) == len(engine.places) == 3


def test_not_for_ever(tmp_path: Path) -> None:
    engine = Engine(100, LOST)
    with pytest.raises(StepFailedError):
        _undisturbed(engine.start, tmp_path)
    assert len(engine.places) == 4


@pytest.mark.parametrize(("reason", "status"), [("no such file", None), ("", 1), (LOST, 1)])
def test_a_failure_of_its_own_is_told_at_once(
    tmp_path: Path, reason: str, status: int | None
) -> None:
    engine = Engine(1, reason, status)
    with pytest.raises(StepFailedError):
        _undisturbed(engine.start, tmp_path)
    assert len(engine.places) == 1
