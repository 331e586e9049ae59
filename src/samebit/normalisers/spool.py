"""Rewritten contents, one after the other in one temporary file that nothing survives."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from samebit.errors import MachineError


@dataclass(frozen=True, slots=True)
class Spooled:
    """Where a content lies: offset and size in bytes."""

    at: int
    size: int


class Spool:
    """Contents in a file below `folder`. Raises MachineError when the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: io.BufferedRandom | None = None
        self._end = 0
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            # What a full disk keeps in the buffer is not wanted any more.
            file.detach().close()

    def begin(self) -> None:
        """Start a content where the last finished one ends; an unfinished one is overwritten."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by exit
        self._file.seek(self._end)
        self._at = self._end

    def write(self, data: bytes) -> None:
        """Append to the content that has begun."""
        assert self._file is not None
        try:
            self._at += self._file.write(data)
        except OSError as error:
            raise self._full(error) from error

    def finish(self) -> Spooled:
        """Keep the content that has begun."""
        assert self._file is not None
        try:
            self._file.flush()
        except OSError as error:
            raise self._full(error) from error
        found = Spooled(self._end, self._at - self._end)
        self._end = self._at
        return found

    def open(self, content: Spooled) -> io.RawIOBase:
        """Open a finished content; the spool must outlive it."""
        assert self._file is not None
        return _Window(self._file.fileno(), content)

    def _full(self, error: OSError) -> MachineError:
        return MachineError(
            f"cannot write temporary files in {self._folder}: {error.strerror}",
            fix="free some space there",
        )


class _Window(io.RawIOBase):
    """A part of a file, read without touching the file's own position."""

    def __init__(self, descriptor: int, content: Spooled) -> None:
        self._descriptor = descriptor
        self._start = content.at
        self._size = content.size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError("a position before the start")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._position))
        count = os.preadv(
            self._descriptor, [memoryview(buffer)[:wanted]], self._start + self._position
        )
        self._position += count
        return count
