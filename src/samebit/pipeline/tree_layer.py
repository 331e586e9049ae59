"""The layer of a build: the difference of the engine's two trees, written canonically.

What needs no tree is done while the engine runs, by a thread of its own: importing, checking the
compressor against its known answers, reading what the base's blobs hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samebit.engines.protocol import FinalTree
from samebit.image.manifest import Image
from samebit.model.finding import Finding
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.image.layer_writer import Layer
    from samebit.image.tree_index import TreeIndex


@dataclass(frozen=True, slots=True)
class TreeLayer:
    """Writes the layer of a final tree on one base."""

    store: Store
    epoch: int
    _index: Future[TreeIndex]

    def write(self, tree: FinalTree, *, stages: int) -> tuple[Layer | None, tuple[Finding, ...]]:
        """Write the layer, None when nothing changed; `stages` is how many stand on the base.

        Raises InputError for a damaged base, and what comparing and writing raise.
        """
        from samebit.image.delta import make_delta  # noqa: PLC0415
        from samebit.image.layer_writer import write_layer  # noqa: PLC0415
        from samebit.image.tree import compare  # noqa: PLC0415
        from samebit.image.tree_content import TreeContent  # noqa: PLC0415

        difference = compare(tree.base, tree.final)
        delta = make_delta(
            difference, self._index.result(), breaks_links=tree.breaks_links, stages=stages
        )
        findings = tuple(
            Finding(
                "dropped-acl",
                f"/{os.fsdecode(path)} has an access control list, which images do not carry",
                fix="give the rights by owner, group and mode instead",
            )
            for path in delta.dropped_acls
        )
        if not delta.entries:
            return None, findings
        threads = len(os.sched_getaffinity(0))
        with TreeContent(tree.final.root) as content:
            layer = write_layer(delta.entries, content.open, self.epoch, self.store, threads)
        return layer, findings


@contextmanager
def tree_layer(store: Store, base: Image | None, epoch: int) -> Iterator[TreeLayer]:
    """Prepare for writing the layer that stands on `base`, None for scratch."""
    with ThreadPoolExecutor(1, thread_name_prefix="samebit-layer") as pool:
        yield TreeLayer(store, epoch, pool.submit(_prepare, store, base))


def _prepare(store: Store, base: Image | None) -> TreeIndex:
    import samebit.image.delta  # noqa: PLC0415
    import samebit.image.layer_writer  # noqa: F401, PLC0415
    from samebit.canonical.vectors import verify_compressor  # noqa: PLC0415
    from samebit.image.base_index import index_base  # noqa: PLC0415

    verify_compressor()
    layers = base.manifest.layers if base else ()
    return index_base(store, layers, base.config_document.diff_ids if base else ())
