"""RUN steps for platforms whose programs do not run here: told before anything is built.

Only told: what a base says of its platform need not be true of the program that a step starts, and
a step that cannot be started ends the build anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from samebit.dockerfile.stages import External, Plan
from samebit.dockerfile.syntax import Instruction
from samebit.engines.emulation import runs_programs_for
from samebit.model.platform import Platform


def tell_foreign_steps(plan: Plan, say: Callable[[str], None]) -> None:
    """Name the first RUN of each foreign platform that has no emulation here."""
    told: set[str] = {Platform.native().architecture}
    for platform, instruction in _steps(plan):
        if platform.architecture not in told:
            told.add(platform.architecture)
            if runs_programs_for(platform.architecture) is False:
                place = plan.dockerfile.place(instruction.span)
                say(f"{place}: this RUN is for {platform}, whose programs do not run here")


def _steps(plan: Plan) -> Iterator[tuple[Platform, Instruction]]:
    for index in plan.needed:
        stage = plan.stages[index]
        # From scratch there is nothing but what the steps before put there.
        if isinstance(stage.base, External):
            for instruction in stage.instructions:
                if instruction.keyword == "RUN":
                    yield stage.platform, instruction
