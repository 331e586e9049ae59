"""The config of a Debian base image (image-spec config.md)."""

from __future__ import annotations

import datetime as dt

from samebit.canonical import json as canonical_json
from samebit.debian.recipe import DebianBase
from samebit.model.digest import Digest

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL = "/bin/bash"


def encode_config(recipe: DebianBase, epoch: int, diff_id: Digest) -> bytes:
    """Write the canonical config of an image with one layer; `epoch` is in seconds since 1970."""
    created = dt.datetime.fromtimestamp(epoch, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    platform = recipe.target
    document: dict[str, object] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "created": created,
        "config": {"Env": [f"PATH={_PATH}"], "Cmd": [_SHELL]},
        "rootfs": {"type": "layers", "diff_ids": [str(diff_id)]},
        "history": [{"created": created, "created_by": recipe.command()}],
    }
    if platform.variant:
        document["variant"] = platform.variant
    return canonical_json.encode(document)
