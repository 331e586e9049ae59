"""Exact reads from a stream of chunks, without joining or copying more than asked for."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.errors import InputError


class ChunkReader:
    """Take bytes in order from `chunks`, each of any size; `what` names the stream in errors."""

    def __init__(self, chunks: Iterator[bytes], what: str) -> None:
        self._chunks = chunks
        self._what = what
        self._chunk = b""
        self._position = 0

    def _fill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._chunk = chunk
                self._position = 0
                return True
        self._chunk = b""
        self._position = 0
        return False

    @property
    def place(self) -> tuple[int, int]:
        """Give the position in the chunk that was taken last, and that chunk's size."""
        return self._position, len(self._chunk)

    def some(self, limit: int) -> bytes:
        """Give between 1 and `limit` bytes. Raises InputError at the end of the stream."""
        if self._position == len(self._chunk) and not self._fill():
            raise self._truncated()
        data = self._chunk[self._position : self._position + limit]
        self._position += len(data)
        return data

    def take(self, size: int) -> bytes:
        """Give exactly `size` bytes. Raises InputError when there are fewer."""
        end = self._position + size
        if end <= len(self._chunk):
            data = self._chunk[self._position : end]
            self._position = end
            return data
        parts = []
        while size:
            part = self.some(size)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def take_unless_end(self, size: int) -> bytes | None:
        """Give exactly `size` bytes, or None when the stream ends right here."""
        if self._position == len(self._chunk) and not self._fill():
            return None
        return self.take(size)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes. Raises InputError when there are fewer."""
        while size:
            available = len(self._chunk) - self._position
            if available >= size:
                self._position += size
                return
            size -= available
            if not self._fill():
                raise self._truncated()

    def drain(self) -> None:
        """Pass over everything that is left."""
        while self._fill():
            pass

    def _truncated(self) -> InputError:
        return InputError(f"{self._what}: truncated")
