"""From the entries of a difference to the layer that ships: normalised, then written."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from samebit.errors import InputError
from samebit.image.entry import Entry
from samebit.image.layer_writer import Content, Layer, write_layer
from samebit.image.tree_index import TreeIndex
from samebit.model.escaped import escaped
from samebit.model.finding import Finding
from samebit.model.normalising import Account, LeftAlone, Secret
from samebit.normalisers.apply import Contents, normalise, open_regular
from samebit.normalisers.selection import NormaliserSelection
from samebit.normalisers.spool import Spool
from samebit.pipeline.attribution import Attribution
from samebit.store.store import Store

_KIND = "normalised-1"


@dataclass(frozen=True, slots=True)
class NormalisedLayer:
    """The layer, None when nothing is left to write, its entries, and what normalising did."""

    layer: Layer | None
    account: Account
    entries: tuple[Entry, ...] = ()


def write_normalised_layer(
    entries: Sequence[Entry],
    base: TreeIndex,
    contents: Contents,
    selection: NormaliserSelection,
    *,
    epoch: int,
    store: Store,
    given: Collection[bytes] = (),
) -> NormalisedLayer:
    """Normalise `entries`, which stand on `base`, and write what is left to the store.

    `given` are the sha256 of the build's input files, which are shipped as they are.
    `epoch` is in seconds. Raises InputError for a file that cannot be read or a tree that no layer
    can hold, MachineError for a full disk.
    """
    with store.temporary_directory() as scratch, Spool(scratch) as spool:
        try:
            done = normalise(
                entries,
                base,
                contents,
                selection,
                epoch=epoch,
                spool=spool,
                scratch=scratch,
                given=given,
            )
        except OSError as error:
            raise InputError(
                f"cannot read {os.fsdecode(error.filename or b'a file')}: {error.strerror}",
                fix="this is usually a full disk or a storage that another program changes",
            ) from error
        layer = None
        if done.entries:
            threads = len(os.sched_getaffinity(0))
            layer = write_layer(done.entries, done.open_content, epoch, store, threads)
        return NormalisedLayer(layer, done.account, done.entries)


def tree_contents(
    final: bytes, base: bytes | None, whole: Callable[[Entry], Content] | None = None
) -> Contents:
    """Read contents from two trees on disk, given by their roots; `whole` as in Contents."""

    def open_base(path: bytes) -> io.FileIO:
        if base is None:
            raise FileNotFoundError(path)
        return open_regular(base, path)

    return Contents(lambda entry: open_regular(final, entry.path), open_base, whole)


def findings_of(account: Account, attribution: Attribution | None = None) -> tuple[Finding, ...]:
    """Word what a person has to know: secrets, and noise that could not be removed."""
    found = [_secret(secret, attribution) for secret in account.secrets]
    found += [_left(left, attribution) for left in account.left]
    return tuple(found)


def remember_account(store: Store, key: str, account: Account) -> None:
    """Keep the account of the build with that memo key, for when the memo answers."""
    store.set_record(_KIND, key, msgspec.msgpack.encode(account))


def recall_account(store: Store, key: str) -> Account:
    """Give the account that was kept, an empty one for a build from before there was any."""
    record = store.record(_KIND, key)
    try:
        return msgspec.msgpack.decode(record, type=Account) if record else Account()
    except msgspec.MsgspecError:
        return Account()


def _secret(secret: Secret, attribution: Attribution | None) -> Finding:
    return Finding(
        "secret-in-image",
        f"/{escaped(secret.path)} {secret.what} ({secret.detector})",
        where=attribution.place(secret.path) if attribution else None,
        fix=secret.fix,
    )


def _left(left: LeftAlone, attribution: Attribution | None) -> Finding:
    return Finding(
        "not-normalised",
        f"/{escaped(left.path)} {left.why} ({left.normaliser})",
        where=attribution.place(left.path) if attribution else None,
        fix="remove the file in the RUN step that makes it, or make it from fixed inputs",
    )
