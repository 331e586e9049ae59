"""Streams as chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_CHUNK = 1 << 20


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Give what is left of `stream` in chunks of at most 1 MiB."""
    while chunk := stream.read(_CHUNK):
        yield chunk
