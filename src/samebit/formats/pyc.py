"""Python bytecode files (PEP 3147, PEP 552): the source's time in the header, flags in the body."""

from __future__ import annotations

import re
import struct

from samebit.formats.marshal import layout_of, without_unused_flags
from samebit.formats.streams import MalformedError

HEADER = 16
MAX_SIZE = 64 << 20
"""Bytecode above this size, in bytes, is left alone; it has to be in memory as a whole."""
_CACHED = re.compile(
    rb"(.*?)(?:^|(?<=/))__pycache__/([^/]+?)\.[^./]+(?:\.opt-[^./]+)?\.pyc", re.DOTALL
)


def source_of(path: bytes) -> bytes | None:
    """Give the path of the source that Python compares the bytecode at `path` with."""
    match = _CACHED.fullmatch(path)
    if match is not None:
        return match[1] + match[2] + b".py"
    if path.endswith(b".pyc") and b"__pycache__/" not in path:
        return path[:-1]
    return None


def is_pyc(data: bytes) -> bool:
    """Tell whether the first bytes are a header as Python 3.7 and later write it."""
    if len(data) < HEADER or data[2:4] != b"\r\n":
        return False
    magic, flags = struct.unpack_from("<HxxI", data)
    return 3390 <= magic < 3900 and flags in (0, 1, 3)


def stated_mtime(data: bytes) -> int | None:
    """Give the source's time (seconds, modulo 2**32), None if the bytecode goes by a hash."""
    if not is_pyc(data) or data[4:8] != bytes(4):
        return None
    return int.from_bytes(data[8:12], "little")


def stated_size(data: bytes) -> int:
    """Give the source's size (bytes, modulo 2**32)."""
    return int.from_bytes(data[12:16], "little")


def with_mtime(data: bytes, seconds: int) -> bytes:
    """Give the bytecode with another time of its source, in seconds."""
    return data[:8] + struct.pack("<I", seconds & 0xFFFFFFFF) + data[12:]


def normal_body(data: bytes) -> bytes:
    """Give the bytecode with only those flags for shared objects that are used.

    What is not understood is given back as it is.
    """
    layout = layout_of(int.from_bytes(data[:2], "little"))
    if layout is None:
        return data
    try:
        return without_unused_flags(data, HEADER, layout)
    except MalformedError:
        return data
