"""The contents of a tree's files, read with few calls: layers have tens of thousands of them."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from samebit.image.entry import Entry


class TreeContent:
    """Opens the files below a directory, one at a time; close it after use.

    It is its own open file: an object for each would cost more than reading a small one.
    """

    def __init__(self, root: bytes) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._root)

    def open(self, entry: Entry) -> Self:
        """Open the content of a file, until `close`. Raises OSError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(entry.path, flags, dir_fd=self._root)
        return self

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` from its start; give the number of bytes, fewer than fit at the end."""
        return os.readv(self._file, [buffer])

    def close(self) -> None:
        """Close the file that was opened last."""
        os.close(self._file)
