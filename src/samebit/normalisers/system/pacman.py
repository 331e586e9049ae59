"""pacman's log and installation dates."""

from __future__ import annotations

from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_LARGEST = 16 << 20
_FIELD = b"%INSTALLDATE%\n"


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if size > _LARGEST:
        return False
    wanted = b"%d\n" % facts.epoch
    changed = False
    after_field = False
    while line := source.readline(1 << 16):
        if after_field and line.strip().isdigit() and line != wanted:
            line = wanted
            changed = True
        after_field = line == _FIELD
        sink(line)
    return changed


PACMAN_LOG = Normaliser(
    name="arch/pacman-log",
    action=Action.REVERT,
    paths=(b"var/log/pacman.log",),
    why="A log with times. pacman only appends to it, and makes a missing one.",
    reference="pacman.conf(5), LogFile",
)
PACMAN_DATES = Normaliser(
    name="arch/pacman-dates",
    action=Action.REWRITE,
    paths=(b"var/lib/pacman/local/*/desc",),
    rewrite=_rewrite,
    made_here=True,
    why="The installation date becomes the epoch; pacman -Qi shows it and nothing decides by it.",
    reference="libalpm, be_local.c",
)
