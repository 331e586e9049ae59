"""Programs of other processors: each is run, in an empty root as in a container."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.doctor.protocol import Bench, Check
from samebit.engines.emulation import emulation_advice, runs_programs_for
from samebit.engines.probe_image import ARCHITECTURES
from samebit.model.diagnosis import Observation, State
from samebit.model.platform import Platform

AREA = "other platforms"
_WITHOUT = "RUN works for this machine's platform only; COPY and cross-compiling work for all"


def _probe(bench: Bench) -> Iterator[Observation]:
    if bench.refused:
        yield Observation(AREA, "programs", State.UNTRIED, reason=bench.refused)
        return
    native = Platform.native().architecture
    runs = {name: runs_programs_for(name) for name in ARCHITECTURES if name != native}
    able = ", ".join(f"linux/{name}" for name, works in runs.items() if works)
    unable = ", ".join(f"linux/{name}" for name, works in runs.items() if not works)
    if unable:
        yield Observation(
            AREA,
            "programs",
            State.LACKS,
            found=f"those for {able} run" if able else "",
            reason=f"those for {unable} do not run",
            without=_WITHOUT,
            fix=emulation_advice(),
        )
    else:
        yield Observation(AREA, "programs", State.WORKS, found=able)


CHECK = Check(AREA, 75, _probe)
