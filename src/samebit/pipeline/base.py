"""`samebit base debian`: a reproducible base image from distribution packages."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from samebit.debian.config import encode_config
from samebit.debian.mmdebstrap import bootstrap
from samebit.debian.recipe import DebianBase
from samebit.debian.tree import read_tree
from samebit.errors import MachineError, UsageError
from samebit.image.layer_writer import write_layer
from samebit.image.manifest import Manifest, encode_manifest
from samebit.model.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from samebit.store.store import Store
from samebit.store.temporary import clean_abandoned, locked_directory

# 1980-01-02: zip, and so every jar and wheel, cannot say an earlier time.
DEFAULT_EPOCH = 315619200

# Not /tmp, which is memory on many machines: a tree takes a gigabyte.
_SCRATCH_PARENT = "/var/tmp"  # noqa: S108 - the directory made below it is private
_SCRATCH_PREFIX = "samebit-base-"


def base_epoch(environment: Mapping[str, str]) -> int:
    """Give the time of a base image: SOURCE_DATE_EPOCH if set, else the default.

    Raises UsageError when SOURCE_DATE_EPOCH is no number of seconds.
    """
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return DEFAULT_EPOCH
    if not (text.isascii() and text.isdigit()) or len(text) > 11:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is not a number of seconds: {text[:100]!r}",
            fix="write seconds since 1970-01-01 in decimal digits",
        )
    return int(text)


def make_base(
    recipe: DebianBase,
    epoch: int,
    store: Store,
    *,
    say: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> Descriptor:
    """Install the recipe's packages and put a canonical image of them into the store.

    `epoch` (seconds since 1970) is the time of every file and of the image; `say` receives lines of
    progress. Gives the manifest's descriptor; the same packages give the same one. Raises
    MachineError when the machine cannot do it, InputError when the archive does not have the
    packages.
    """
    parent = Path(os.environ.get("TMPDIR") or _SCRATCH_PARENT)
    clean_abandoned(parent, _SCRATCH_PREFIX)
    try:
        with (
            locked_directory(parent, _SCRATCH_PREFIX) as scratch,
            read_tree(bootstrap(recipe, epoch, scratch, say), scratch / "contents") as tree,
        ):
            layer = write_layer(tree.entries, tree.open, epoch, store, threads or _processors())
    except OSError as error:
        raise MachineError(
            f"cannot write below {parent}: {error.strerror or error}",
            fix="free space there, or point TMPDIR to a larger disk",
        ) from error
    config = encode_config(recipe, epoch, layer.diff_id)
    manifest = encode_manifest(
        Manifest(Descriptor(OCI_CONFIG, store.put(config), len(config)), (layer.descriptor,))
    )
    return Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))


def _processors() -> int:
    return len(os.sched_getaffinity(0))
