"""The compressor: the known answers of canonical form 1."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.canonical.member import WHEEL
from samebit.canonical.vectors import VECTORS, verify_compressor
from samebit.doctor.protocol import Bench, Check
from samebit.errors import MachineError
from samebit.model.diagnosis import Observation, State

AREA = "compressor"


def _probe(_bench: Bench) -> Iterator[Observation]:
    try:
        verify_compressor()
    except MachineError as error:
        yield Observation(
            AREA,
            "deflate",
            State.LACKS,
            needed=True,
            reason=error.what,
            without="no build: other bytes would be another digest",
            fix=error.fix or "",
        )
    else:
        found = f"{WHEEL}; {len(VECTORS)} known answers are right"
        yield Observation(AREA, "deflate", State.WORKS, found=found, needed=True)


CHECK = Check(AREA, 70, _probe)
