"""The network of a build's steps: opening it, and judging in the end what was asked of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from samebit.dockerfile.lowering_model import RunStep
from samebit.dockerfile.stages import Plan
from samebit.dockerfile.syntax import Instruction
from samebit.engines.protocol import StepNetwork
from samebit.engines.step_mounts import private_directory
from samebit.errors import InputError, LockError, Place, SamebitError
from samebit.lock.fetch import GIT, LockedFetch, of_steps
from samebit.lock.model import Lock
from samebit.model.finding import Finding
from samebit.network.problems import Problem, ProblemKind
from samebit.pipeline.bring_bodies import bring_bodies
from samebit.pipeline.failures import shown
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.network.library import Library
    from samebit.network.session import Network
    from samebit.pipeline.added import Additions

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
    """What a build can reach. Without steps that want a network, no namespace is made.

    `additions` serve ADD, None where no instruction fetches anything.
    """

    def __init__(
        self,
        network: Network | None = None,
        library: Library | None = None,
        additions: Additions | None = None,
    ) -> None:
        self._network = network
        self._library = library
        self.additions = additions

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
            companions=tuple((c.program, c.path, c.source) for c in network.companions),
            marker=network.marker,
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """Give the variables that make clients trust the recorder."""
        return self._network.variables if self._network is not None else {}

    def fetches(self) -> tuple[LockedFetch, ...]:
        """Give what was asked and answered."""
        return self._library.used() if self._library is not None else ()

    def problems(self) -> tuple[Problem, ...]:
        """Give what was asked and could not be given."""
        if self._network is not None:
            return self._network.problems()
        return self._library.problems() if self._library is not None else ()

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


def warm_up() -> None:
    """Begin to import what a network needs: TLS and certificates take 0.1 s.

    In a thread, while the engine is asked for its bases.
    """
    threading.Thread(target=import_module, args=("samebit.network.session",), daemon=True).start()


@contextmanager
def open_build_network(
    store: Store,
    lock: Lock,
    plan: Plan,
    *,
    steps: bool,
    additions: bool,
    record: bool,
    addresses: int,
    say: Callable[[str], None],
) -> Iterator[BuildNetwork]:
    """Open the network of a build of one platform; with `record` misses are recorded.

    `steps` says whether a RUN can use it, `additions` whether an ADD fetches something. `addresses`
    is the number of the steps' own addresses, 0 for the usual ones. Recorded
    bytes that the store lacks are brought first. Raises MachineError, and InputError for recorded
    bytes that cannot be had any more.
    """
    if not steps and not additions:
        yield BuildNetwork()
        return
    # Slow to import: see warm_up.
    from samebit.network.recording import Recording  # noqa: PLC0415
    from samebit.network.session import open_network  # noqa: PLC0415

    platform = plan.platform
    environment = {**os.environ, **plan.proxy_args}
    fetches = of_steps(lock.fetches)
    needed = tuple(fetch for fetch in fetches if platform in fetch.platforms)
    bring_bodies(needed, lock.inputs, store, say)
    # A checkout is brought back by git, when it is asked for.
    asked = [fetch for fetch in needed if fetch.key.method != GIT]
    if asked:
        # With a client for HTTP, which most builds never need.
        from samebit.network.restore import restore  # noqa: PLC0415

        restore(store, asked, environment)
    with ExitStack() as stack:
        network = None
        if steps:
            private = stack.enter_context(private_directory(store.root))
            network = stack.enter_context(
                open_network(
                    store,
                    fetches,
                    platform,
                    private,
                    record=record,
                    environment=environment,
                    addresses=addresses,
                )
            )
            library, exchanges = network.library, network.exchanges
        else:
            recording = Recording(store, fetches, platform, record=record, environment=environment)
            stack.callback(recording.close)
            library, exchanges = recording.library, recording.exchanges

        def failure() -> SamebitError | None:
            return network_error(library.problems(), plan, None)

        added = None
        if additions:
            from samebit.pipeline.added import Additions  # noqa: PLC0415 - slow as well

            added = Additions(store, library, exchanges(), platform, failure)
        yield BuildNetwork(network, library, added)


def network_error(
    problems: tuple[Problem, ...], plan: Plan, failure: SamebitError | None
) -> SamebitError | None:
    """Word what the steps asked in vain as one error; None when there is nothing of it.

    `failure` is how the engine ended, which often is only what follows from it.
    """
    instructions = _instructions(plan)

    def asker(problem: Problem) -> str | None:
        instruction = instructions.get(problem.instruction)
        return shown(instruction) if instruction is not None else None

    return problems_error(
        problems, lambda problem: _place(problem, plan, instructions), asker, failure
    )


def problems_error(
    problems: tuple[Problem, ...],
    place: Callable[[Problem], Place | None],
    asker: Callable[[Problem], str | None],
    failure: SamebitError | None,
) -> SamebitError | None:
    """Word what was asked in vain as one error; None when there is nothing of it.

    `place` says where in the user's files it belongs, `asker` who asked, `failure` how it ended.
    """
    if not problems:
        return None
    ordered = sorted(problems, key=lambda problem: _ORDER.index(problem.kind))
    first = ordered[0]
    lines = []
    asked_by = asker(first)
    if asked_by is not None:
        lines.append(f"asked by {asked_by}")
    if first.nearest:
        lines.append(f"recorded is {first.nearest}")
    for problem in ordered[1:_SHOWN_PROBLEMS]:
        where = place(problem)
        lines.append(f"{where}: {_worded(problem)}" if where else _worded(problem))
    if len(ordered) > _SHOWN_PROBLEMS:
        lines.append(f"and {len(ordered) - _SHOWN_PROBLEMS} more")
    if failure is not None:
        lines.append(f"the step failed: {failure.what}")
        lines += (failure.detail or "").splitlines()
    unavailable = first.kind in {ProblemKind.DAMAGED, ProblemKind.UNAVAILABLE}
    kind: type[SamebitError] = InputError if unavailable else LockError
    return kind(_worded(first), where=place(first), fix=_FIXES[first.kind], detail="\n".join(lines))


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
