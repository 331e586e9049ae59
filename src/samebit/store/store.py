"""The content-addressed store: an OCI image layout (image-layout.md) plus names and records.

Every change is a rename of a finished file, so a process killed at any moment leaves the store as
it was before or after, and at worst temporary files that the next start deletes. Nothing read from
it is trusted because it lies there: `read` and `open_verified` check the digest.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from samebit.errors import InputError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.store import names
from samebit.store.durable import replace_file, sync_directory
from samebit.store.failure import machine_errors
from samebit.store.locking import exclusive_file
from samebit.store.records import read_record, write_record
from samebit.store.temporary import clean_abandoned, locked_directory
from samebit.store.verified import VerifiedReader
from samebit.store.writer import BlobWriter

_CHUNK = 1 << 20
_HEX = re.compile(r"[a-f0-9]{64}\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


class Store:
    """A store below `root` (created if absent), safe for several processes at once.

    Methods raise InputError when a blob is absent or is not what its digest says, and MachineError
    when the disk is full or fails. A blob found damaged is removed, so that the next run fetches it
    again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"
        self._temporary = root / "tmp"
        self._records = root / "records"
        self._locks = root / "locks"
        self._index = root / "index.json"
        with machine_errors(f"cannot open the store {root}"):
            for directory in (self._blobs, self._temporary, self._records, self._locks):
                directory.mkdir(parents=True, exist_ok=True)
            clean_abandoned(self._temporary, "")
            if not (root / "oci-layout").exists():
                self._replace(root / "oci-layout", names.OCI_LAYOUT)
        if not self._index.exists():
            with self.exclusive("index"):
                if not self._index.exists():
                    self._write_index(names.empty_index())

    def has(self, digest: Digest) -> bool:
        """Say whether there is a blob of that name; cheap, its bytes are not looked at."""
        return os.path.isfile(self._blobs / digest.hex)

    def path(self, digest: Digest) -> Path:
        """Give the blob's file. Raises InputError when absent."""
        if not self.has(digest):
            raise _absent(digest)
        return self._blobs / digest.hex

    def size(self, digest: Digest) -> int:
        """Give the blob's size in bytes. Raises InputError when absent."""
        with machine_errors(f"cannot read the store {self.root}"):
            try:
                return os.stat(f"{self._blobs}/{digest.hex}").st_size
            except FileNotFoundError:
                raise _absent(digest) from None

    def open(self, digest: Digest) -> BinaryIO:
        """Open the blob's raw bytes, unverified: only for what checks them itself."""
        return os.fdopen(self._open(digest), "rb")

    def open_verified(self, digest: Digest) -> BinaryIO:
        """Open a stream, not seekable, that raises InputError before its end on wrong bytes.

        The last piece is delivered only after the whole has been checked; what came before it must
        not be acted upon until the stream was read to its end.
        """
        descriptor = self._open(digest)
        try:
            reader = VerifiedReader(descriptor, digest, lambda: self._damaged(digest, descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        # No more than it can ever hold: hundreds of small blobs are read a second.
        return io.BufferedReader(reader, max(1, min(_CHUNK, reader.size)))

    def read(self, digest: Digest, limit: int = 16 << 20) -> bytes:
        """Give the blob's verified bytes. Raises InputError on mismatch or above `limit` bytes."""
        with self.open_verified(digest) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise InputError(f"blob {digest} is larger than {limit} bytes, too large for its use")
        return data

    def put(self, data: bytes) -> Digest:
        """Add a blob held in memory; gives its digest."""
        with self.writer(size=len(data)) as writer:
            writer.write(data)
            return writer.commit()[0]

    def writer(self, expected: Digest | None = None, size: int | None = None) -> BlobWriter:
        """Open a writer for one blob; see BlobWriter."""
        return BlobWriter(self._blobs, self._temporary, expected, size)

    def sync(self, digests: Iterable[Digest]) -> None:
        """Make blobs durable that were committed without; absent ones are left out."""
        with machine_errors(f"cannot write to the store {self.root}"):
            for digest in digests:
                with suppress(FileNotFoundError):
                    descriptor = os.open(self._blobs / digest.hex, os.O_RDONLY | os.O_CLOEXEC)
                    try:
                        os.fsync(descriptor)
                    finally:
                        os.close(descriptor)
            sync_directory(self._blobs)

    @contextmanager
    def temporary_directory(self) -> Iterator[Path]:
        """Give a directory on the store's file system that is deleted afterwards."""
        with machine_errors(f"cannot write to the store {self.root}"):
            context = locked_directory(self._temporary, "dir-")
            path = context.__enter__()
        try:
            yield path
        finally:
            context.__exit__(None, None, None)

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Let `name` mean `descriptor`, whose blob must be here (InputError if not)."""
        if not self.has(descriptor.digest):
            raise _absent(descriptor.digest)
        with self.exclusive("index"):
            self._write_index(names.with_name(self._read_index(), name, descriptor))

    def untag(self, name: str) -> None:
        """Forget `name`; blobs stay. Unknown names are fine."""
        with self.exclusive("index"):
            document = self._read_index()
            if name in names.named(document, str(self._index)):
                self._write_index(names.without_name(document, name))

    def resolve(self, name: str) -> Descriptor | None:
        """Give what `name` means, or None."""
        return self.tags().get(name)

    def tags(self) -> dict[str, Descriptor]:
        """Give all names, sorted, with what they mean."""
        return names.named(self._read_index(), str(self._index))

    def record(self, kind: str, key: str) -> bytes | None:
        """Give a small derived value; None when absent or damaged.

        `kind` is a lower-case word, `key` any text.
        """
        with machine_errors(f"cannot read the store {self.root}"):
            return read_record(self._records, kind, key)

    def set_record(self, kind: str, key: str, value: bytes) -> None:
        """Keep a small derived value, atomically."""
        with machine_errors(f"cannot write to the store {self.root}"):
            write_record(self._records, kind, key, value, temporary=self._temporary)

    def record_keys(self, kind: str) -> list[str]:
        """Give the keys of letters, digits, `.`, `_` and `-` that have a value, sorted."""
        with machine_errors(f"cannot read the store {self.root}"):
            try:
                return sorted(name for name in os.listdir(self._records / kind) if name[0] != "=")
            except FileNotFoundError:
                return []

    def remove(self, digest: Digest) -> None:
        """Delete a blob that nobody needs, as the caller knows; an absent one is fine."""
        with machine_errors(f"cannot write to the store {self.root}"), suppress(FileNotFoundError):
            (self._blobs / digest.hex).unlink()

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold an inter-process lock of that name; waits. Not re-entrant."""
        plain = name if _PLAIN.match(name) else "=" + Digest.of(name.encode()).hex
        with machine_errors(f"cannot lock the store {self.root}"):
            context = exclusive_file(self._locks / plain)
            context.__enter__()
        try:
            yield
        finally:
            context.__exit__(None, None, None)

    def corrupt(self) -> list[Digest]:
        """Hash every blob anew; gives those whose bytes do not match, sorted. Removes nothing."""
        return [digest for digest in self._digests() if not self._intact(digest)]

    def _digests(self) -> list[Digest]:
        with machine_errors(f"cannot read the store {self.root}"):
            return [Digest(name) for name in sorted(os.listdir(self._blobs)) if _HEX.match(name)]

    def _intact(self, digest: Digest) -> bool:
        hasher = hashlib.sha256()
        try:
            with open(self._blobs / digest.hex, "rb") as stream:
                while chunk := stream.read(_CHUNK):
                    hasher.update(chunk)
        except OSError:
            return False
        return hasher.hexdigest() == digest.hex

    def _open(self, digest: Digest) -> int:
        with machine_errors(f"cannot read blob {digest} of the store {self.root}"):
            try:
                return os.open(f"{self._blobs}/{digest.hex}", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise _absent(digest) from None

    def _damaged(self, digest: Digest, descriptor: int) -> InputError:
        path = self._blobs / digest.hex
        # Only the very file that was read: a good copy may have taken its place meanwhile.
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                path.unlink()
        return InputError(
            f"the store's copy of blob {digest} is damaged and was removed",
            fix="run the command again: what is missing is fetched anew; check the disk",
        )

    def _read_index(self) -> names.Document:
        with machine_errors(f"cannot read the store {self.root}"):
            data = self._index.read_bytes()
        try:
            return names.parse_index(data, str(self._index))
        except InputError as error:
            raise InputError(
                error.what, fix=f"delete {self._index}: names are lost, images are not"
            ) from error

    def _write_index(self, document: names.Document) -> None:
        with machine_errors(f"cannot write to the store {self.root}"):
            self._replace(self._index, names.encode_index(document))

    def _replace(self, target: Path, data: bytes) -> None:
        replace_file(target, data, temporary=self._temporary, prefix="file-")


def _absent(digest: Digest) -> InputError:
    return InputError(
        f"blob {digest} is not in the store",
        fix="run the command again: what is missing is fetched anew",
    )
