"""Process numbers of services that a RUN step started."""

from __future__ import annotations

import re

from samebit.image.entry import Entry
from samebit.normalisers.protocol import Action, Normaliser

_NUMBER = re.compile(rb"\s*[0-9]{1,10}\s*")
_PLACES = (b"run/", b"var/run/")


def _is_number(entry: Entry, head: bytes) -> bool:
    return entry.size == len(head) and _NUMBER.fullmatch(head) is not None


PID_FILES = Normaliser(
    name="system/pid-files",
    action=Action.REVERT,
    paths=tuple(
        place + name for place in _PLACES for name in (b"*.pid", b"*/*.pid", b"*pid", b"*/*/*.pid")
    ),
    accepts=_is_number,
    why="The number of a process that ended with its step. Services write it anew when they start,"
    " and some refuse to start while another one's is there.",
    reference="file-hierarchy(7), /run; Filesystem Hierarchy Standard 3.0, 3.15",
)
