"""What every use case works with: samebit's state on this machine, and the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from samebit.engines.asked_isolation import ISOLATIONS, ask_for_isolation
from samebit.engines.conditions import EngineConditions
from samebit.engines.select import start_engine, start_own_engine, takes_long
from samebit.pipeline.memo_records import remembers_nothing
from samebit.store.home import default_home
from samebit.store.store import Store

if TYPE_CHECKING:
    # Only the chosen one is loaded.
    from samebit.engines.buildah import Buildah
    from samebit.engines.buildkit import Buildkit
    from samebit.engines.protocol import Engine

__all__ = [
    "ISOLATIONS",
    "Session",
    "StartEngine",
    "ask_for_isolation",
    "open_session",
    "state_folder",
]

StartEngine: TypeAlias = "Callable[[], Engine]"


@dataclass(frozen=True, slots=True)
class Session:
    """The state folder, its store, and the engine that was chosen (None: the default)."""

    home: Path
    store: Store
    engine: str | None = None

    def start_engine(self) -> Engine:
        """Start the engine. Raises UsageError, MachineError."""
        return start_engine(self.engine, self.home)

    @contextmanager
    def engine_ahead(self, *, use_memo: bool) -> Iterator[StartEngine]:
        """Start an engine that takes long before it is known that the recipe can be built at all.

        Gives what `start_engine` is otherwise. Where a build is remembered, and `use_memo` lets it
        answer, the engine may not be needed. Raises UsageError, MachineError.
        """
        if takes_long(self.engine) and not (use_memo and not remembers_nothing(self.store)):
            engine = self.start_engine()
            with engine.needed():
                yield lambda: engine
        else:
            yield self.start_engine

    def start_varied_engine(
        self, conditions: EngineConditions, home: Path | None, usual: Buildah | Buildkit | None
    ) -> Buildah | Buildkit:
        """Start one under other conditions, with its storage below `home` (None: the usual place).

        What they leave open is as in the engine `usual`. Raises UsageError, MachineError.
        """
        if usual is not None:
            conditions = replace(
                conditions,
                driver=conditions.driver or usual.driver,
                program=conditions.program or usual.program,
                runtime=conditions.runtime or usual.runtime(),
            )
        return start_own_engine(self.engine, home or self.home, conditions)


def state_folder() -> Path:
    """Give the folder of samebit's state: SAMEBIT_HOME, else the XDG data directory's."""
    return default_home()


def open_session(engine: str | None = None) -> Session:
    """Open samebit's state, making it on first use. Raises UsageError, MachineError."""
    home = state_folder()
    return Session(home, Store(home / "store"), engine)
