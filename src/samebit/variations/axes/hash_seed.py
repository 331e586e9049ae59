"""Hash seeds of languages beyond Python's, which every build fixes (environment set 1)."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    seeds = {"PERL_HASH_SEED": str(machine.number), "PERL_PERTURB_KEYS": "DETERMINISTIC"}
    variables = {**conditions.step.variables, **seeds}
    return Varied(with_step(conditions, variables=variables), f"Perl's is {machine.number}")


AXIS = Axis("hash-seed", "Perl's hashes have another order, where RUN does not set it", _apply)
