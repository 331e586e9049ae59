"""The layer of a build whose engine gave layers: what they add up to, less what the base's do."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial

from samebit.dockerfile.evaluate import Evaluation
from samebit.engines.protocol import FinalLayers
from samebit.errors import MachineError
from samebit.image.engine_leftovers import leftovers
from samebit.image.entry import Kind
from samebit.image.index_difference import layer_entries
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_stack import read_stack
from samebit.image.manifest import Image
from samebit.model.finding import Finding
from samebit.normalisers.selection import NormaliserSelection
from samebit.normalisers.spool import Spool
from samebit.pipeline.attribution import Attribution
from samebit.pipeline.layer_contents import LayerContents
from samebit.pipeline.normalise_layer import NormalisedLayer, findings_of, write_normalised_layer
from samebit.pipeline.open_image import open_source
from samebit.pipeline.origins import keep_origins, origins_of
from samebit.store.store import Store


def write_stacked_layer(
    final: FinalLayers,
    base: Image | None,
    selection: NormaliserSelection,
    evaluation: Evaluation,
    given: Collection[bytes],
    *,
    context: bytes,
    epoch: int,
    store: Store,
) -> tuple[NormalisedLayer, tuple[Finding, ...]]:
    """Write the one layer; `given` and `context` as in TreeLayer.write.

    Raises InputError for damaged layers, MachineError where the engine did not keep the base's.
    """
    below = _stored(base, store) if base else ()
    with (
        store.temporary_directory() as directory,
        open_source(f"oci:{final.layout}", None, store.root, directory / "result") as opened,
        Spool(directory) as spool,
    ):
        image = opened.image()
        if image.diff_ids[: len(below)] != tuple(layer.diff_id for layer in below):
            raise MachineError(
                "the builder gave a result that does not stand on the base's layers",
                fix="use another builder, or --engine buildah",
            )
        stack = read_stack((*below, *image.layers[len(below) :]), len(below))
        # Without the shim, mount points that a runtime made for RUN stay.
        gone = leftovers(stack.final, stack.base, base_known=True)
        entries = layer_entries(stack.base, stack.final, gone)
        attribution = Attribution(
            evaluation,
            lambda path: (
                path in stack.final.entries and stack.final.entries[path].kind is Kind.SYMLINK
            ),
            in_context=lambda path: os.path.lexists(context + b"/" + path),
        )
        done = write_normalised_layer(
            entries,
            stack.base,
            LayerContents(stack, spool).keep(entries),
            selection,
            epoch=epoch,
            store=store,
            given=given,
        )
        acls = tuple(
            Finding(
                "dropped-acl",
                f"/{os.fsdecode(entry.path)} has an access control list, which images do not carry",
                fix="give the rights by owner, group and mode instead",
            )
            for entry in entries
            if entry.path in stack.acls
        )
    if done.layer is not None:
        keep_origins(store, done.layer.diff_id, origins_of(done.entries, attribution))
    return done, (*acls, *findings_of(done.account, attribution))


def _stored(base: Image, store: Store) -> tuple[LayerBlob, ...]:
    return tuple(
        LayerBlob(f"layer {number} of the base", layer, diff_id, partial(store.open, layer.digest))
        for number, (layer, diff_id) in enumerate(
            zip(base.manifest.layers, base.config_document.diff_ids, strict=True), 1
        )
    )
