"""The one compressor of canonical form 1: independent blocks, the same bytes on any machine.

docs/canonical-form.md, "Compression"; why so: docs/decisions/0072.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from samebit.canonical.member import BLOCK_SIZE, compress_member
from samebit.canonical.vectors import verify_compressor
from samebit.errors import InternalError
from samebit.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Compressed:
    """What went into a finished stream; the size is in bytes."""

    content_digest: Digest
    content_size: int


class GzipWriter:
    """Compress a stream and pass the gzip bytes to `sink`, in order, from the caller's thread.

    The bytes depend on the content alone: not on `threads`, nor on how it is cut into writes. At
    most `threads` + 2 blocks of 1 MiB are held. Use it as a context manager, so that an error stops
    the threads. Raises MachineError when the installed compressor is not the right one.
    """

    def __init__(self, sink: Callable[[bytes], object], threads: int) -> None:
        verify_compressor()
        self._sink = sink
        self._threads = max(1, threads)
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[Future[bytes], bytearray]] = deque()
        self._spare: list[bytearray] = []
        self._block = bytearray(BLOCK_SIZE)
        self._view = memoryview(self._block)
        self._used = 0
        self._content_hash = hashlib.sha256()
        self._content_size = 0
        self._empty = True
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add `data` to the content."""
        end = self._used + len(data)
        if end < BLOCK_SIZE:
            self._view[self._used : end] = data
            self._used = end
            return
        rest = memoryview(data)
        while rest:
            part = rest[: BLOCK_SIZE - self._used]
            self._view[self._used : self._used + len(part)] = part
            self._advance(len(part))
            rest = rest[len(part) :]

    def fill(self, read_into: Callable[[memoryview], int | None], size: int) -> int:
        """Add `size` bytes that `read_into` reads straight into our buffer.

        Gives how many bytes there were, `size` + 1 for more. `read_into` gives fewer bytes than fit
        only before its end, and 0 there.
        """
        left = size
        while True:
            # One byte more tells whether there is more, without another read.
            wanted = self._view[self._used : self._used + left + 1]
            count = read_into(wanted) or 0
            if count > left:
                return size + 1
            left -= count
            ended = count < len(wanted)
            self._advance(count)
            if ended and (not left or not count):
                return size - left

    def close(self) -> Compressed:
        """Compress what is left. Empty content is one empty member."""
        if self._closed:
            raise InternalError("the compressor is closed already")
        last = self._view[: self._used]
        self._content_hash.update(last)
        self._content_size += len(last)
        while self._pending:
            self._emit_oldest()
        if self._used or self._empty:
            self._sink(compress_member(last))
        self.__exit__(None, None, None)
        return Compressed(Digest(self._content_hash.hexdigest()), self._content_size)

    def _advance(self, count: int) -> None:
        self._used += count
        if self._used < BLOCK_SIZE:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="samebit-gzip")
        self._pending.append((self._pool.submit(compress_member, self._block), self._block))
        self._content_hash.update(self._block)
        self._content_size += BLOCK_SIZE
        self._empty = False
        while len(self._pending) > self._threads + 1:
            self._emit_oldest()
        self._block = self._spare.pop() if self._spare else bytearray(BLOCK_SIZE)
        self._view = memoryview(self._block)
        self._used = 0

    def _emit_oldest(self) -> None:
        future, block = self._pending.popleft()
        self._sink(future.result())
        self._spare.append(block)
