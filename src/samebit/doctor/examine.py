"""Carrying out every check; nobody registers one."""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import samebit
from samebit.distribution.install import is_root
from samebit.doctor import checks
from samebit.doctor.protocol import Bench, Check
from samebit.engines.own_storage import own_storage
from samebit.errors import SamebitError
from samebit.model.diagnosis import Diagnosis, Observation, State


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Give every check, in the order in which they are told."""
    found = [
        importlib.import_module(module.name).CHECK
        for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}.")
    ]
    return tuple(sorted(found, key=lambda check: (check.order, check.area)))


def examine(bench: Bench) -> Diagnosis:
    """Carry out all checks on a bench without a `work` folder; it is made, and gone in the end."""
    with ExitStack() as stack:
        try:
            bench.home.mkdir(parents=True, exist_ok=True)
            bench = replace(bench, work=stack.enter_context(own_storage(bench.home)))
        except (OSError, SamebitError):
            # The check of the disk says so.
            bench = replace(bench, work=None)
        observations = tuple(seen for check in all_checks() for seen in _carried_out(check, bench))
    kernel = os.uname()
    return Diagnosis(
        version=samebit.__version__,
        distribution=bench.distribution.name,
        architecture=kernel.machine,
        kernel=kernel.release,
        user=_user(bench),
        observations=observations,
    )


def _carried_out(check: Check, bench: Bench) -> Iterator[Observation]:
    try:
        yield from check.probe(bench)
    except SamebitError as error:
        yield Observation(
            check.area, "trial", State.LACKS, reason=error.what, fix=error.fix or "", needed=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield Observation(check.area, "trial", State.LACKS, reason=str(error), needed=True)


def _user(bench: Bench) -> str:
    if is_root():
        return "root"
    if bench.refused:
        return "ordinary, without a user namespace of several IDs"
    return "ordinary, in a user namespace"
