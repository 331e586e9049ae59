"""A diagnosis for a person: what works, what does not, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TextIO

from samebit.model.diagnosis import Diagnosis, Observation, State
from samebit.report.styled_lines import Line, print_lines
from samebit.report.terminal import visible

_STYLES = {State.WORKS: "green", State.LACKS: "yellow", State.UNTRIED: "dim"}


def write_diagnosis(diagnosis: Diagnosis, out: TextIO) -> None:
    """Write it to `out`; nothing is wrapped."""
    print_lines(_lines(diagnosis), out)


def _lines(diagnosis: Diagnosis) -> Iterator[Line]:
    yield Line(
        visible(
            f"samebit {diagnosis.version} on {diagnosis.distribution}, Linux {diagnosis.kernel},"
            f" {diagnosis.architecture}; user: {diagnosis.user}"
        )
    )
    width = max((len(o.name) for o in diagnosis.observations), default=0)
    for area, observations in groupby(diagnosis.observations, key=lambda o: o.area):
        yield Line(area, "bold")
        for observation in observations:
            yield from _told(observation, width)
    if diagnosis.able:
        yield Line("this machine builds images", "bold green")
    else:
        lacking = [o.name for o in diagnosis.observations if _stops(o)]
        yield Line(f"this machine cannot build images: {', '.join(lacking)}", "bold red")


def _told(observation: Observation, width: int) -> Iterator[Line]:
    words = "; ".join(text for text in (observation.reason, observation.found) if text)
    style = "red" if _stops(observation) else _STYLES[observation.state]
    state = observation.state.value
    yield Line(visible(f"  {observation.name:<{width}}  {state:<7}  {words}".rstrip()), style)
    if observation.without:
        yield Line(visible(f"    without it: {observation.without}"))
    if observation.fix:
        yield Line(visible(f"    mend it: {observation.fix}"))


def _stops(observation: Observation) -> bool:
    return observation.needed and observation.state is not State.WORKS
