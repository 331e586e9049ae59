"""`samebit doctor`: what this machine offers, and what it lacks."""

from __future__ import annotations

from samebit.distribution.install import is_root, this_distribution
from samebit.doctor.examine import examine
from samebit.doctor.protocol import Bench
from samebit.engines.machine import find_program
from samebit.engines.rootless import enter_user_namespace
from samebit.engines.select import engine_program
from samebit.errors import MachineError
from samebit.model.diagnosis import Diagnosis
from samebit.store.home import default_home


def diagnose(engine: str | None = None) -> Diagnosis:
    """Try everything; for an ordinary user inside a user namespace, if there can be one.

    Then this process goes on as another one. Raises UsageError for an engine that there is not.
    """
    chosen = engine_program(engine)
    refused, fix = "", ""
    if not is_root():
        try:
            enter_user_namespace(chosen)
        except MachineError as error:
            refused = " ".join((error.detail or error.what).split())
            fix = error.fix or ""
    return examine(
        Bench(
            home=default_home(),
            work=None,
            program=find_program(chosen),
            distribution=this_distribution(),
            refused=refused,
            user_fix=fix,
        )
    )
