"""Which answer a request gets: a recorded one, a new recording, or none that helps the build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from samebit.errors import InputError
from samebit.lock.fetch import FetchKey, LockedFetch, make_key
from samebit.network.library import Asker, Library
from samebit.network.messages import Answer, Ask, plain_answer
from samebit.network.player import DamagedError, play
from samebit.network.problems import Problem, ProblemKind
from samebit.network.recorder import Recorder
from samebit.store.store import Store

_CHALLENGES = frozenset({401, 403})


class Exchanges:
    """Answers requests from a library; with a recorder, also what the library lacks."""

    def __init__(self, library: Library, store: Store, recorder: Recorder | None) -> None:
        self._library = library
        self._store = store
        self._recorder = recorder

    @contextmanager
    def answering(self, ask: Ask) -> Iterator[Answer]:
        """Give the answer, to be sent while the context lasts.

        The answer's content may raise DamagedError: what was sent is to be cut off then.
        """
        try:
            key = make_key(
                ask.method,
                ask.url,
                ask.fields.get("accept", ""),
                ask.body.digest if ask.body is not None else None,
            )
        except InputError as error:
            self._library.refuse(ask.instruction, str(ask.origin), error.what)
            yield plain_answer(400, f"samebit: {error.what}", error.what)
            return
        with ExitStack() as turn:
            if self._recorder is not None or not key.repeatable:
                turn.enter_context(self._library.turn(key))
            occurrence = self._library.occurrence(key)
            known = self._library.find(key, occurrence)
            if known is None or self._is_better_asked(known, ask):
                if self._recorder is None:
                    yield self._miss(ask, key, occurrence)
                else:
                    yield self._recorder.record(ask, key, occurrence)
                return
            if self._recorder is not None and not self._library.is_same_request(key, ask.url):
                self._confirm(ask, known)
            self._library.use(known, key, Asker(ask.instruction, ask.url))
            turn.close()
            try:
                answer = play(known, ask, self._store, self._library)
            except DamagedError as error:
                answer = plain_answer(502, f"samebit: {error}", str(error))
            yield answer

    def _is_better_asked(self, known: LockedFetch, ask: Ask) -> bool:
        """Tell whether credentials may give now what was refused without them."""
        if self._recorder is None or known.status not in _CHALLENGES:
            return False
        return bool({"authorization", "cookie"} & set(ask.fields))

    def _confirm(self, ask: Ask, known: LockedFetch) -> None:
        assert self._recorder is not None
        if not self._recorder.confirm(ask, known):
            self._library.note(
                Problem(
                    ProblemKind.AMBIGUOUS,
                    ask.instruction,
                    str(known.key),
                    "gives different content for different secret values",
                )
            )

    def _miss(self, ask: Ask, key: FetchKey, occurrence: int) -> Answer:
        reason = "is not in the lock"
        if occurrence:
            reason = f"is in the lock {occurrence} times only"
        problem = Problem(
            ProblemKind.MISS, ask.instruction, str(key), reason, self._library.nearest(key)
        )
        self._library.note(problem)
        return plain_answer(403, f"samebit: {key} {reason}", f"samebit: {key} {reason}")
