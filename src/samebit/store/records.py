"""Small derived values beside the blobs: what can be computed again, and is never trusted blindly.

A record's file starts with a line that holds a sha256 over kind, key and value. A file that was
truncated, damaged or put in another's place does not match it and counts as absent.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from samebit.errors import InternalError
from samebit.store.durable import replace_file

_MAGIC = b"samebit record 1 "
_KIND = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")


def read_record(root: Path, kind: str, key: str) -> bytes | None:
    """Give the value, or None when there is none that can be trusted."""
    try:
        data = _path(root, kind, key).read_bytes()
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return None
    head, _, value = data.partition(b"\n")
    return value if head == _head(kind, key, value) else None


def write_record(root: Path, kind: str, key: str, value: bytes, *, temporary: Path) -> None:
    """Put the value in place of the old one. Raises OSError."""
    path = _path(root, kind, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = _head(kind, key, value) + b"\n" + value
    # Not synced: a record torn by a power cut counts as absent and is computed again.
    replace_file(path, data, temporary=temporary, prefix="record-", sync=False)


def _path(root: Path, kind: str, key: str) -> Path:
    if not _KIND.match(kind):
        raise InternalError(f"not a kind of record: {kind!r}")
    if _PLAIN.match(key):
        return root / kind / key
    return root / kind / ("=" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest())


def _head(kind: str, key: str, value: bytes) -> bytes:
    identity = b"%s\0%s\0" % (kind.encode(), key.encode("utf-8", "surrogatepass"))
    return _MAGIC + hashlib.sha256(identity + value).hexdigest().encode()
