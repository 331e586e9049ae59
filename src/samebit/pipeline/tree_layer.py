"""The layer of a build: the difference of the engine's two trees, normalised, written canonically.

What needs no tree is done while the engine runs, by a thread of its own: importing, checking the
compressor against its known answers, reading what the base's blobs hold. Not before: until it runs
it waits for what other threads do.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samebit.dockerfile.evaluate import Evaluation
from samebit.engines.protocol import FinalLayers, FinalTree
from samebit.image.manifest import Image
from samebit.lock.model import Lock
from samebit.model.finding import Finding
from samebit.model.normalising import Account
from samebit.pipeline.attribution import Attribution
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.image.layer_writer import Layer
    from samebit.image.tree_index import TreeIndex
    from samebit.normalisers.selection import NormaliserSelection
    from samebit.pipeline.witness import Witness


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """The layer, None when nothing changed, what was noticed, and what normalising did."""

    layer: Layer | None
    findings: tuple[Finding, ...]
    account: Account


@dataclass(frozen=True, slots=True)
class _Prepared:
    index: TreeIndex
    selection: NormaliserSelection


class TreeLayer:
    """Writes the layer of a final tree on `base`, None for scratch; `pool` is for preparing."""

    def __init__(
        self, store: Store, base: Image | None, lock: Lock, pool: ThreadPoolExecutor
    ) -> None:
        self._store = store
        self._base = base
        self._lock = lock
        self._pool = pool
        self._begun: Future[_Prepared] | None = None

    def begin(self) -> None:
        """Begin to prepare for `write`, which does it otherwise. A second time does nothing."""
        if self._begun is None:
            self._begun = self._pool.submit(_prepare, self._store, self._base, self._lock)

    def _prepared(self) -> _Prepared:
        self.begin()
        assert self._begun is not None
        return self._begun.result()

    def write(
        self,
        tree: FinalTree | FinalLayers,
        evaluation: Evaluation,
        given: Collection[bytes],
        *,
        context: bytes,
        witness: Witness | None = None,
    ) -> BuiltLayer:
        """Write what `evaluation` describes and the engine made.

        `given` are the sha256 of the build's input files, which are shipped as they are. `context`
        is the staged build context; `witness` is told what is there before it is normalised.
        Raises InputError for a damaged base, and what comparing, normalising and writing raise.
        """
        if isinstance(tree, FinalLayers):
            from samebit.pipeline.stacked_layer import write_stacked_layer  # noqa: PLC0415

            stacked, findings = write_stacked_layer(
                tree,
                self._base,
                self._prepared().selection,
                evaluation,
                given,
                context=context,
                epoch=self._lock.epoch,
                store=self._store,
            )
            return BuiltLayer(stacked.layer, findings, stacked.account)
        from samebit.image.delta import make_delta  # noqa: PLC0415
        from samebit.image.tree import compare  # noqa: PLC0415
        from samebit.image.tree_content import TreeContent  # noqa: PLC0415
        from samebit.pipeline.normalise_layer import (  # noqa: PLC0415
            findings_of,
            tree_contents,
            write_normalised_layer,
        )
        from samebit.pipeline.origins import keep_origins, origins_of  # noqa: PLC0415

        difference = compare(tree.base, tree.final)
        prepared = self._prepared()
        delta = make_delta(
            difference,
            prepared.index,
            breaks_links=tree.breaks_links,
            stages=len(evaluation.chain()),
        )
        acls = tuple(
            Finding(
                "dropped-acl",
                f"/{os.fsdecode(path)} has an access control list, which images do not carry",
                fix="give the rights by owner, group and mode instead",
            )
            for path in delta.dropped_acls
        )
        root = tree.final.root

        def changed(path: bytes) -> int | None:
            change = difference.changes.get(path)
            if change is not None:
                return change.changed_ns
            # A directory that is as before, but in which something was removed.
            try:
                return os.lstat(root + b"/" + path).st_ctime_ns
            except OSError:
                return None

        attribution = Attribution(
            evaluation,
            lambda path: os.path.islink(root + b"/" + path),
            tree.trace,
            changed,
            lambda path: os.path.lexists(context + b"/" + path),
        )
        if witness is not None:
            witness.note(delta.entries, root, attribution)
        with TreeContent(root) as content:
            done = write_normalised_layer(
                delta.entries,
                prepared.index,
                tree_contents(root, tree.base.root if tree.base else None, content.open),
                prepared.selection,
                epoch=self._lock.epoch,
                store=self._store,
                given=given,
            )
        if done.layer is not None:
            keep_origins(self._store, done.layer.diff_id, origins_of(done.entries, attribution))
        return BuiltLayer(
            done.layer, (*acls, *findings_of(done.account, attribution)), done.account
        )


@contextmanager
def tree_layer(store: Store, base: Image | None, lock: Lock) -> Iterator[TreeLayer]:
    """Give what writes the layer that stands on `base`, None for scratch."""
    with ThreadPoolExecutor(1, thread_name_prefix="samebit-layer") as pool:
        yield TreeLayer(store, base, lock, pool)


def _prepare(store: Store, base: Image | None, lock: Lock) -> _Prepared:
    import samebit.image.delta  # noqa: PLC0415
    import samebit.pipeline.normalise_layer  # noqa: PLC0415
    import samebit.pipeline.origins  # noqa: F401, PLC0415
    from samebit.canonical.vectors import verify_compressor  # noqa: PLC0415
    from samebit.image.base_index import index_base  # noqa: PLC0415
    from samebit.normalisers.selection import NormaliserSelection  # noqa: PLC0415
    from samebit.pipeline.strip import STRIPPING  # noqa: PLC0415

    verify_compressor()
    layers = base.manifest.layers if base else ()
    return _Prepared(
        index_base(store, layers, base.config_document.diff_ids if base else ()),
        NormaliserSelection.of(
            lock.normalisers,
            lock.recipe.normalising,
            extra=(STRIPPING,) if lock.recipe.hardening.strip else (),
        ),
    )
