"""CMake's description of the system that it ran on: the release of the machine's kernel in it."""

from __future__ import annotations

import re
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, exactly

KERNEL = b"6.1"
"""The release that takes the place of every machine's."""

_MAX_SIZE = 1 << 20
_HOST = re.compile(rb'^set\(CMAKE_HOST_SYSTEM_VERSION "([^"\n]+)"\)$', re.MULTILINE)
_VALUE = re.compile(
    rb'(?<=^set\(CMAKE_)((?:HOST_)?SYSTEM(?:_VERSION)? "(?:Linux-)?)([^"\n]+)(?="\)$)', re.MULTILINE
)


def rewrite_cmake_system(source: BinaryIO, size: int, sink: Sink) -> bool:
    """Write KERNEL where the host's own release stands; a release that a toolchain sets stays."""
    if size > _MAX_SIZE:
        raise MalformedError("CMake's description of a system is not of this size")
    old = exactly(source, size)
    host = _HOST.search(old)
    if host is None:
        return False
    new = _VALUE.sub(lambda found: found[1] + (KERNEL if found[2] == host[1] else found[2]), old)
    if new == old:
        return False
    sink(new)
    return True
