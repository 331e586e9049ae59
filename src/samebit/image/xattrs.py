"""Which extended attributes belong to an image (docs/canonical-form.md, "Extended attributes")."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from samebit.errors import InputError

Xattrs = tuple[tuple[bytes, bytes], ...]

CAPABILITY = b"security.capability"
_ACLS = (b"system.posix_acl_access", b"system.posix_acl_default")
# Bookkeeping of storage drivers, which name it differently.
_DRIVERS = (b"user.overlay.", b"user.fuseoverlayfs.", b"user.containers.")
_MAGIC = struct.Struct("<I")
_EFFECTIVE = 1
_REVISIONS = {0x01: 12, 0x02: 20, 0x03: 24}


def kept_xattrs(found: Iterable[tuple[bytes, bytes]], what: str) -> tuple[Xattrs, Xattrs]:
    """Give the attributes that the canonical form keeps, sorted by name, and the dropped ACLs.

    File capabilities come back in their version 2 form; everything that belongs to the host or to a
    storage driver is dropped silently, and so are empty values, which pax records cannot say. ACLs
    are given back so that they can be reported. Raises InputError, naming `what`, for a malformed
    security.capability.
    """
    kept = []
    acls = []
    for name, value in dict(found).items():
        if name == CAPABILITY:
            kept.append((name, capability_version_2(value, what)))
        elif name in _ACLS:
            acls.append((name, value))
        elif value and name.startswith(b"user.") and not name.startswith(_DRIVERS):
            kept.append((name, value))
    return tuple(sorted(kept)), tuple(sorted(acls))


def capability_version_2(value: bytes, what: str) -> bytes:
    """Rewrite a capability set as version 2 (linux/capability.h, vfs_cap_data), without a root ID.

    The kernel shows version 2 inside a user namespace and version 3 outside for one and the same
    file. Raises InputError, naming `what`, for anything else than versions 1 to 3.
    """
    magic = _MAGIC.unpack_from(value)[0] if len(value) >= _MAGIC.size else 0
    if _REVISIONS.get(magic >> 24) != len(value) or magic & 0xFFFFFF & ~_EFFECTIVE:
        raise InputError(f"{what}: malformed file capabilities: {value[:32].hex()}")
    sets = value[4:20]
    return _MAGIC.pack(0x02000000 | magic & _EFFECTIVE) + sets.ljust(16, b"\0")
