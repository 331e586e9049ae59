"""Adding a blob to the store as a stream."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from samebit.errors import InputError, InternalError
from samebit.model.digest import Digest
from samebit.store.durable import sync_directory, write_all
from samebit.store.failure import machine_errors
from samebit.store.temporary import create_locked_file


class BlobWriter:
    """Takes bytes, and makes them a blob on `commit`; leaving the context without it discards them.

    `expected` and `size` (bytes) are what the blob was announced as: other content is refused with
    InputError, and surplus bytes are refused as soon as they arrive. Not safe between threads.
    """

    def __init__(
        self, blobs: Path, temporary: Path, expected: Digest | None, size: int | None
    ) -> None:
        self._blobs = blobs
        self._expected = expected
        self._announced = size
        self._hash = hashlib.sha256()
        self._size = 0
        with machine_errors(f"cannot write to the store {temporary.parent}"):
            self._descriptor, self._path = create_locked_file(temporary, "blob-")
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append `data`; returns its length. Raises InputError or MachineError (disk full)."""
        if not self._open:
            raise InternalError("a blob was written to after its end")
        view = memoryview(data).cast("B")
        if self._announced is not None and self._size + len(view) > self._announced:
            raise InputError(
                f"blob {self._name()} is longer than the {self._announced} bytes announced"
            )
        with machine_errors(f"cannot write to the store {self._path.parent.parent}"):
            write_all(self._descriptor, view)
        self._hash.update(view)
        self._size += len(view)
        return len(view)

    def commit(self, *, sync: bool = True) -> tuple[Digest, int]:
        """Make the blob visible and durable; returns its digest and size in bytes.

        Without `sync` it is durable only after `Store.sync`. Raises InputError when it is not what
        was announced, MachineError when the disk fails.
        """
        if not self._open:
            raise InternalError("a blob was committed twice")
        digest = Digest(self._hash.hexdigest())
        try:
            if self._announced is not None and self._size != self._announced:
                raise InputError(
                    f"blob {self._name()} has {self._size} bytes, {self._announced} were announced"
                )
            if self._expected is not None and digest != self._expected:
                raise InputError(f"blob {self._expected} has other content: its digest is {digest}")
            with machine_errors(f"cannot write to the store {self._path.parent.parent}"):
                if sync:
                    os.fsync(self._descriptor)
                # An older copy is replaced on purpose: it may have been damaged since.
                os.replace(self._path, self._blobs / digest.hex)
                if sync:
                    sync_directory(self._blobs)
        finally:
            self.discard()
        return digest, self._size

    def discard(self) -> None:
        """Drop what was written, unless it was committed."""
        if self._open:
            self._open = False
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)

    def _name(self) -> str:
        return str(self._expected) if self._expected is not None else "of unknown digest"
