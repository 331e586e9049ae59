"""`samebit base debian --lock FILE`: a base image by itself, with a lock of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from samebit.debian.recipe import DebianBase
from samebit.errors import LockError, Place, UsageError
from samebit.lock.epoch import locked_epoch
from samebit.lock.model import BaseReference, Lock, LockedBase, make_recipe
from samebit.lock.staleness import staleness
from samebit.lock.toml import check_writable, read_lock, write_lock
from samebit.model.descriptor import Descriptor
from samebit.pipeline.base import base_epoch
from samebit.pipeline.inputs_gc import note_lock
from samebit.pipeline.recorded_base import BaseOrder, MadeBase, Say, make_recorded
from samebit.store.store import Store

_NAME = "debian"
"""What the lock of the command calls its only base."""


@dataclass(frozen=True, slots=True)
class LockedBaseImage:
    """The image in the store, and whether the lock was written for it."""

    image: Descriptor
    written: bool


def make_locked_base(
    recipe: DebianBase, lock_file: Path, store: Store, *, update: bool, say: Say, told: Say
) -> LockedBaseImage:
    """Make the base from its lock; without one, or with `update`, make it anew and write the lock.

    Raises LockError for the lock of another recipe and for what the lock lacks, UsageError for a
    file that is no base's lock, and as `make_recorded` does.
    """
    recipe = replace(recipe, platform=recipe.target)
    known = read_lock(lock_file)
    if known is not None:
        _require_base(known, lock_file)
    if known is None or update:
        check_writable(lock_file)
        epoch = base_epoch()
        done = make_recorded(_order(recipe, lock_file, None), epoch, store, say=say, told=told)
        lock = _lock(recipe, epoch, done, known)
        written = write_lock(lock_file, lock)
        note_lock(store, lock_file, lock)
        return LockedBaseImage(done.image, written)
    _require_fresh(known, recipe, lock_file)
    epoch = locked_epoch(known, os.environ)
    done = make_recorded(_order(recipe, lock_file, known), epoch, store, say=say, told=told)
    (pinned,) = known.bases
    if done.image.digest != pinned.digest:
        raise LockError(
            f"what is recorded gives {done.image.digest} here, the lock pins {pinned.digest}",
            where=Place(str(lock_file)),
            fix=f"see what differs: samebit diff before@{pinned.digest} now@{done.image.digest}",
        )
    note_lock(store, lock_file, known)
    return LockedBaseImage(done.image, written=False)


def _order(recipe: DebianBase, lock_file: Path, lock: Lock | None) -> BaseOrder:
    again = f"{recipe.command()} --lock {lock_file} --update"
    return BaseOrder(
        recipe=recipe,
        name=_NAME,
        known=lock.fetches if lock is not None else (),
        record=lock is None,
        inputs=lock.inputs if lock is not None else None,
        where=Place(str(lock_file)),
        repair=again,
        renew=again,
    )


def _lock(recipe: DebianBase, epoch: int, done: MadeBase, known: Lock | None) -> Lock:
    platform = recipe.target
    base = LockedBase(_NAME, platform, done.image.digest, made_from=recipe.checksum)
    return Lock(
        epoch=epoch,
        recipe=make_recipe(
            (), bases=(base.reference,), target=None, platforms=(platform,), build_args={}
        ),
        bases=(base,),
        fetches=done.fetches,
        inputs=known.inputs if known is not None else None,
    )


def _require_base(lock: Lock, lock_file: Path) -> None:
    if [base.name for base in lock.bases] != [_NAME]:
        raise UsageError(
            "this is the lock of a Dockerfile, not of a base image",
            where=Place(str(lock_file)),
            fix="name another file; a base of samebit.toml is in its Dockerfile's lock already",
        )


def _require_fresh(lock: Lock, recipe: DebianBase, lock_file: Path) -> None:
    asked = BaseReference(_NAME, recipe.target, recipe.checksum)
    wanted = replace(lock.recipe, bases=(asked,), platforms=(recipe.target,))
    if staleness(lock, wanted):
        raise LockError(
            f"the lock is of another base than {recipe.command()} for {recipe.target}",
            where=Place(str(lock_file)),
            fix="record this one in its place with --update, or name another file",
        )
