"""Programs that single commands need: a table in programs.toml."""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

from samebit.doctor.checks.engines import version
from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.engines.machine import find_program
from samebit.model.diagnosis import Observation, State

AREA = "programs"


def _probe(bench: Bench) -> Iterator[Observation]:
    text = resources.files("samebit.doctor").joinpath("programs.toml").read_text("utf-8")
    for wanted in tomllib.loads(text)["program"]:
        found = _find(wanted)
        if found:
            yield Observation(AREA, wanted["name"], State.WORKS, found)
        else:
            yield Observation(
                AREA,
                wanted["name"],
                State.LACKS,
                reason="not installed",
                without=wanted["without"],
                fix=bench.distribution.advice(wanted["package"]),
            )


def _find(wanted: dict[str, Any]) -> str:
    for name in wanted.get("programs", ()):
        path = find_program(name)
        if path is not None and "version" in wanted:
            return f"{version(attempt(path, *wanted['version']).output)}, {path}"
        if path is not None:
            return path
    found = [path for pattern in wanted.get("files", ()) for path in sorted(glob.glob(pattern))]
    return found[0] if found else ""


CHECK = Check(AREA, 80, _probe)
