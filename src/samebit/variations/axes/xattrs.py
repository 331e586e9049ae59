"""Extended attributes on the files of the build context."""

from __future__ import annotations

import os
import tempfile

from samebit.variations.changes import with_context
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    try:
        with tempfile.NamedTemporaryFile(dir=machine.temporary) as file:
            os.setxattr(file.name, "user.varied", b"1")
    except OSError:
        return NotVaried(f"{machine.temporary} cannot hold any")
    return Varied(with_context(conditions, attributes=True), "user.varied on each file")


AXIS = Axis("xattrs", "files of the build context have extended attributes", _apply)
