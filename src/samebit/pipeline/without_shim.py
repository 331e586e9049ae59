"""What cannot be had where the runtime shim does not run, told before anything is built."""

from __future__ import annotations

from samebit.dockerfile.stages import Plan
from samebit.errors import MachineError
from samebit.lock.fetch import of_steps
from samebit.lock.model import Lock
from samebit.model.hardening import APPEND


def require_no_shim(lock: Lock, plan: Plan) -> None:
    """Raise MachineError where a step needs what only the shim gives."""
    runs = {
        f"{instruction.stage}/{instruction.ordinal}": instruction
        for index in plan.needed
        for instruction in plan.stages[index].instructions
        if instruction.keyword == "RUN"
    }
    for fetch in of_steps(lock.fetches):
        if fetch.instruction in runs and plan.platform in fetch.platforms:
            raise MachineError(
                f"this step fetches {fetch.key.url}, and a builder of someone else's can neither"
                " record nor replay that",
                where=plan.dockerfile.place(runs[fetch.instruction].span),
                fix="use --engine buildah or --engine buildkit, or fetch it with ADD",
            )
    if any(variable.mode == APPEND for variable in lock.recipe.hardening.variables):
        raise MachineError(
            "a builder of someone else's cannot append to the variables of a step (--harden)",
            fix="use --engine buildah or --engine buildkit",
        )
