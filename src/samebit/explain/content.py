"""The two contents of a differing file, read where needed and never whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class Content(Protocol):
    """Bytes of a known size that can be read anywhere."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Give at most `length` bytes from `offset` on; fewer only at the end. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Held:
    """Content in memory, for members of archives and for tests."""

    data: bytes

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """Give a piece."""
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class OpenFile:
    """Content of an open file, which stays the caller's to close."""

    file: BinaryIO

    @property
    def size(self) -> int:
        """Size in bytes."""
        return os.fstat(self.file.fileno()).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Give a piece. Raises OSError."""
        return os.pread(self.file.fileno(), length, offset)
