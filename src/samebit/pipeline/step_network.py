"""The network of a build's steps: opening it, and judging in the end what was asked of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from samebit.dockerfile.lowering_model import RunStep
from samebit.dockerfile.stages import Plan
from samebit.dockerfile.syntax import Instruction
from samebit.engines.protocol import StepNetwork
from samebit.engines.step_mounts import private_directory
from samebit.errors import InputError, LockError, Place, SamebitError
from samebit.lock.fetch import LockedFetch
from samebit.lock.model import Lock
from samebit.model.finding import Finding
from samebit.model.platform import Platform
from samebit.network.problems import Problem, ProblemKind
from samebit.pipeline.failures import shown
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.network.session import Network

_SHOWN_PROBLEMS = 20
_ORDER = (
    ProblemKind.DAMAGED,
    ProblemKind.MISS,
    ProblemKind.REFUSED,
    ProblemKind.AMBIGUOUS,
    ProblemKind.UNAVAILABLE,
)
_FIXES = {
    ProblemKind.DAMAGED: "run the build again: what is missing is fetched anew; check the disk",
    ProblemKind.MISS: "if the build is meant to fetch it, record it: samebit lock",
    ProblemKind.REFUSED: "fetch it over HTTP or HTTPS from a host's name, or put it into the build"
    " context; RUN --network=none makes sure that a step needs nothing",
    ProblemKind.AMBIGUOUS: "give what decides about the content by another parameter: secret values"
    " are not kept in a lock",
    ProblemKind.UNAVAILABLE: "check the address and the network, then run again",
}


class BuildNetwork:
    """What a build's steps can reach. Without steps that want a network, nothing is opened."""

    def __init__(self, network: Network | None) -> None:
        self._network = network

    @property
    def steps(self) -> StepNetwork | None:
        """What the engine gives to steps."""
        network = self._network
        if network is None:
            return None
        return StepNetwork(
            namespace=network.namespace,
            resolver=network.resolver,
            files=network.files,
            marker=network.marker,
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variables that make clients trust the recorder."""
        return self._network.variables if self._network is not None else {}

    def fetches(self) -> tuple[LockedFetch, ...]:
        """Give what was asked and answered."""
        return self._network.fetches() if self._network is not None else ()

    def problems(self) -> tuple[Problem, ...]:
        """Give what was asked and could not be given."""
        return self._network.problems() if self._network is not None else ()

    def overridden(self, steps: Mapping[str, RunStep]) -> tuple[Finding, ...]:
        """Tell which trust variables the Dockerfile or its base sets, of steps that used them."""
        asked = {fetch.instruction for fetch in self.fetches()}
        asked |= {problem.instruction for problem in self.problems()}
        return tuple(
            Finding(
                "trust-not-given",
                f"{name} is set by the Dockerfile or its base, so what reads it may not trust the"
                " certificates of the recorder",
                where=steps[marker].place,
                fix="leave the variable out while building, where a client fails for it",
            )
            for marker in sorted(asked & steps.keys())
            for name, _ in steps[marker].environment
            if name in self.variables
        )


@contextmanager
def open_build_network(
    store: Store,
    lock: Lock,
    platform: Platform,
    proxies: Mapping[str, str],
    *,
    wanted: bool,
    record: bool,
) -> Iterator[BuildNetwork]:
    """Open the network of a build of one platform; with `record` misses are recorded.

    `proxies` are the build arguments that say how this machine reaches the network. `wanted` is
    false when no step can use one. Raises MachineError.
    """
    if not wanted:
        yield BuildNetwork(None)
        return
    # TLS and certificates take 0.1 s to import.
    from samebit.network.session import open_network  # noqa: PLC0415

    environment = {**os.environ, **proxies}
    with (
        private_directory(store.root) as private,
        open_network(
            store, lock.fetches, platform, private, record=record, environment=environment
        ) as network,
    ):
        yield BuildNetwork(network)


def network_error(
    problems: tuple[Problem, ...], plan: Plan, failure: SamebitError | None
) -> SamebitError | None:
    """Word what the steps asked in vain as one error; None when there is nothing of it.

    `failure` is how the engine ended, which often is only what follows from it.
    """
    if not problems:
        return None
    ordered = sorted(problems, key=lambda problem: _ORDER.index(problem.kind))
    first = ordered[0]
    instructions = _instructions(plan)
    where = _place(first, plan, instructions)
    lines = []
    instruction = instructions.get(first.instruction)
    if instruction is not None:
        lines.append(f"asked by {shown(instruction)}")
    if first.nearest:
        lines.append(f"recorded is {first.nearest}")
    lines += [
        f"{_place(problem, plan, instructions)}: {_worded(problem)}"
        for problem in ordered[1:_SHOWN_PROBLEMS]
    ]
    if len(ordered) > _SHOWN_PROBLEMS:
        lines.append(f"and {len(ordered) - _SHOWN_PROBLEMS} more")
    if failure is not None:
        lines.append(f"the step failed: {failure.what}")
        lines += (failure.detail or "").splitlines()
    unavailable = first.kind in {ProblemKind.DAMAGED, ProblemKind.UNAVAILABLE}
    kind: type[SamebitError] = InputError if unavailable else LockError
    return kind(_worded(first), where=where, fix=_FIXES[first.kind], detail="\n".join(lines))


def _worded(problem: Problem) -> str:
    return f"{problem.subject} {problem.reason}"


def _instructions(plan: Plan) -> dict[str, Instruction]:
    return {
        f"{instruction.stage}/{instruction.ordinal}": instruction
        for index in plan.needed
        for instruction in plan.stages[index].instructions
    }


def _place(problem: Problem, plan: Plan, instructions: Mapping[str, Instruction]) -> Place:
    instruction = instructions.get(problem.instruction)
    if instruction is None:
        return Place(plan.dockerfile.path)
    return plan.dockerfile.place(instruction.span)
