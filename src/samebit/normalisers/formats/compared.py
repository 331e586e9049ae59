"""What is left out when files are compared, and ships as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from samebit.formats.portable_executable import MAGIC as PE
from samebit.formats.portable_executable import without_times
from samebit.formats.sqlite_file import MAGIC as SQLITE
from samebit.formats.sqlite_noise import without_noise
from samebit.formats.streams import MalformedError, Sink
from samebit.normalisers.protocol import Action, Facts, Normaliser, Rewriter, Scope


def _compared(rewrite: Callable[[BinaryIO, int, Sink], bool]) -> Rewriter:
    def adapted(source: BinaryIO, size: int, sink: Sink, _facts: Facts) -> bool:
        try:
            return rewrite(source, size, sink)
        except MalformedError:
            return False

    return adapted


PORTABLE_EXECUTABLE = Normaliser(
    name="formats/pe-times",
    action=Action.REWRITE,
    scope=Scope.COMPARE_ONLY,
    magic=((0, PE),),
    rewrite=_compared(without_times),
    why="Times in the headers, the exports and the debug directory, and what is computed of them:"
    " the checksum, and the name of the debugging information. Signatures and symbol servers hang"
    " on these bytes, so that they ship as they are.",
    reference="Microsoft, PE Format",
)
DATABASE = Normaliser(
    name="formats/sqlite-counters",
    action=Action.REWRITE,
    scope=Scope.COMPARE_ONLY,
    magic=((0, SQLITE),),
    rewrite=_compared(without_noise),
    why="Counters of changes, the version of the library that wrote last, and what belongs to no"
    " row. No query sees them; a running program may count on them, so that they ship as they are.",
    reference="SQLite, Database File Format, 1.3 to 1.6",
)
