"""Another version of the engine: the one that a person names, or one beside the usual one."""

from __future__ import annotations

import os
import subprocess

from samebit.variations.changes import with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    if machine.engine != "buildah":
        return NotVaried(f"only another buildah can take the place of one, not of {machine.engine}")
    usual = os.path.realpath(machine.program)
    folders = os.environ.get("PATH", "").split(":")
    found = [os.path.join(folder or ".", "buildah") for folder in folders]
    for path in [machine.other_engine] if machine.other_engine else found:
        if os.access(path, os.X_OK) and os.path.realpath(path) != usual:
            # Two versions over one storage could leave in it what the other does not understand.
            place = conditions.engine.place or machine.home
            changed = with_engine(conditions, program=path, place=place)
            return Varied(changed, f"{path}, {_version(path)} instead of {_version(usual)}")
    if machine.other_engine:
        return NotVaried(f"{machine.other_engine} is the usual one")
    return NotVaried("no other buildah is on PATH, nor named by --other-engine")


def _version(program: str) -> str:
    """Ask a buildah which one it is: it says `buildah version 1.28.2 (...)`."""
    done = subprocess.run(
        [program, "--version"],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    words = done.stdout.split()
    return words[2] if len(words) > 2 else "a version that it does not tell"


AXIS = Axis(
    "engine", "another version of the engine builds", _apply, order=60, risky=True, includes="path"
)
