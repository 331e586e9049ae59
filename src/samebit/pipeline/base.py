"""`samebit base debian`: a reproducible base image from distribution packages."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from samebit.debian.config import encode_config
from samebit.debian.mmdebstrap import bootstrap
from samebit.debian.network import ArchiveNetwork
from samebit.debian.recipe import DEFAULT_VARIANT, VARIANTS, DebianBase
from samebit.debian.tree import read_tree
from samebit.errors import MachineError
from samebit.image.layer_writer import write_layer
from samebit.image.manifest import Manifest, encode_manifest
from samebit.lock.epoch import DEFAULT_EPOCH, parse_epoch
from samebit.model.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from samebit.store.store import Store
from samebit.store.temporary import clean_abandoned, locked_directory

__all__ = ["DEFAULT_VARIANT", "VARIANTS", "DebianBase", "base_epoch", "make_base"]

# Not /tmp, which is memory on many machines: a tree takes a gigabyte.
_SCRATCH_PARENT = "/var/tmp"  # noqa: S108 - the directory made below it is private
_SCRATCH_PREFIX = "samebit-base-"


def base_epoch() -> int:
    """Give the time of a base image: SOURCE_DATE_EPOCH if set, else the default.

    Raises UsageError when SOURCE_DATE_EPOCH is no number of seconds.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return DEFAULT_EPOCH if given is None else parse_epoch(given)


def make_base(
    recipe: DebianBase,
    epoch: int,
    store: Store,
    *,
    say: Callable[[str], None] | None = None,
    threads: int | None = None,
    network: ArchiveNetwork | None = None,
) -> Descriptor:
    """Install the recipe's packages and put a canonical image of them into the store.

    `epoch` (seconds since 1970) is the time of every file and of the image; `say` receives lines of
    progress. `network` is where the archive is asked, None for the host's.
    Gives the manifest's descriptor; the same packages give the same one. Raises
    MachineError when the machine cannot do it, InputError when the archive does not have the
    packages.
    """
    parent = Path(os.environ.get("TMPDIR") or _SCRATCH_PARENT)
    clean_abandoned(parent, _SCRATCH_PREFIX)
    try:
        with (
            locked_directory(parent, _SCRATCH_PREFIX) as scratch,
            read_tree(
                bootstrap(recipe, epoch, scratch, say, network), scratch / "contents"
            ) as tree,
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
