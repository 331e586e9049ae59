"""Subordinate IDs (subuid(5), subgid(5)): what an ordinary user's containers are made of."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from samebit.distribution.install import is_root, real_user
from samebit.doctor.protocol import Bench, Check
from samebit.engines.machine import find_program
from samebit.model.diagnosis import Observation, State

AREA = "subordinate IDs"
_FILES = ("/etc/subuid", "/etc/subgid")
# An image of a distribution has owners up to 65534 (nobody).
_ENOUGH = 65536


def _probe(bench: Bench) -> Iterator[Observation]:
    if is_root():
        yield Observation(AREA, "ranges", State.WORKS, "root needs none")
        return
    number = real_user()
    names = [str(number)]
    with suppress(KeyError):
        names.append(pwd.getpwuid(number).pw_name)
    counts = [granted(Path(file).read_text("utf-8"), names) if os.path.exists(file) else 0
              for file in _FILES]  # fmt: skip
    told = ", ".join(f"{count} in {file}" for count, file in zip(counts, _FILES, strict=True))
    if min(counts) >= _ENOUGH:
        yield Observation(AREA, "ranges", State.WORKS, told, needed=True)
    else:
        first = 100000
        ranges = f"{first}-{first + _ENOUGH - 1}"
        fix = f"sudo usermod --add-subuids {ranges} --add-subgids {ranges} {names[-1]}"
        yield Observation(
            AREA, "ranges", State.LACKS, told, needed=True, fix=fix,
            reason=f"fewer than {_ENOUGH} IDs for {names[-1]}", without="this user cannot build",
        )  # fmt: skip
    helpers = [name for name in ("newuidmap", "newgidmap") if find_program(name) is None]
    yield Observation(
        AREA,
        "newuidmap, newgidmap",
        State.LACKS if helpers else State.WORKS,
        needed=True,
        reason=f"{' and '.join(helpers)} not installed" if helpers else "",
        without="this user cannot build" if helpers else "",
        fix=bench.distribution.advice("uidmap") if helpers else "",
    )
    yield Observation(
        AREA,
        "user namespace",
        State.LACKS if bench.refused else State.WORKS,
        needed=True,
        reason=bench.refused,
        without="this user cannot build" if bench.refused else "",
        fix=bench.user_fix,
    )


def granted(text: str, names: list[str]) -> int:
    """Count the IDs that a file like /etc/subuid gives to a user, known by any of `names`."""
    total = 0
    for line in text.splitlines():
        owner, _, rest = line.partition(":")
        count = rest.rpartition(":")[2].strip()
        if owner in names and count.isdigit():
            total += int(count)
    return total


CHECK = Check(AREA, 55, _probe)
