"""From a format's rewriter to a normaliser's."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from samebit.formats.streams import KeepError, MalformedError
from samebit.normalisers.originals import is_original
from samebit.normalisers.protocol import Facts, Rewriter, Sink


def with_epoch(rewrite: Callable[[BinaryIO, int, Sink, int], bool]) -> Rewriter:
    """Adapt a rewriter that needs to know nothing but the epoch, in seconds."""

    def adapted(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
        return guarded(lambda: rewrite(source, size, sink, facts.epoch), facts)

    return adapted


def guarded(rewrite: Callable[[], bool], facts: Facts) -> bool:
    """Call a rewriter, unless the file's bytes are vouched for.

    What it cannot change ships as it is, and what it must not change too, with the reason.
    """
    if is_original(facts):
        return False
    try:
        return rewrite()
    except MalformedError:
        return False
    except KeepError as error:
        return facts.leave(str(error))
