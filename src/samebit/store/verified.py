"""Reading a blob while checking that its bytes are the ones its digest promises."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from samebit.errors import InputError
from samebit.model.digest import Digest
from samebit.store.failure import machine_errors

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class VerifiedReader(io.RawIOBase):
    """A stream over an open file that delivers its last bytes only if the whole matches `digest`.

    A consumer that stops right after the last byte, as decompressors do, is protected too. A read
    raises InputError on mismatch, after calling `damaged`. Owns `descriptor`. `size` is the file's,
    in bytes.
    """

    def __init__(self, descriptor: int, digest: Digest, damaged: Callable[[], InputError]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._digest = digest
        self._damaged = damaged
        self.size = self._rest = os.fstat(descriptor).st_size
        self._hash = hashlib.sha256()
        if self._rest == 0:
            self._check()

    def readable(self) -> bool:
        """Say that this stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer`; returns the number of bytes, 0 at the end. Raises InputError."""
        view = memoryview(buffer).cast("B")
        if not view or self._rest == 0:
            return 0
        with machine_errors(f"cannot read blob {self._digest}"):
            count = os.readv(self._descriptor, [view[: self._rest]])
        if count == 0:
            raise self._damaged()
        self._hash.update(view[:count])
        self._rest -= count
        if self._rest == 0:
            self._check()
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _check(self) -> None:
        if self._hash.hexdigest() != self._digest.hex:
            raise self._damaged()
