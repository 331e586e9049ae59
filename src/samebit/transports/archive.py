"""Random access to the files of a tar archive that a stranger made, without unpacking it.

Nothing is ever created from a member's name, so a name cannot lead anywhere; names that try are
refused all the same, because another tool would follow them.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from samebit.canonical.tar import BLOCK
from samebit.canonical.tar_reader import Header, TarReader
from samebit.errors import InputError
from samebit.image.decompress import decompressed
from samebit.store.failure import machine_errors
from samebit.store.store import Store

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MAX_MEMBERS = 100_000
_MAX_HOPS = 16
_BUFFER = 1 << 20
# Archives of images shrink to a third, not to a hundredth; below 1 GiB no ratio is suspicious.
_FREE_OUTPUT = 1 << 30
_MAX_RATIO = 200


@dataclass(frozen=True, slots=True)
class _Content:
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Link:
    target: bytes


class Archive:
    """The members of an open archive by name. `what` names it in errors."""

    def __init__(self, descriptor: int, what: str) -> None:
        self._descriptor = descriptor
        self.what = what
        self._members = _index(descriptor, what)

    def open(self, path: str) -> BinaryIO:
        """Open the regular file called `path`, through links inside the archive.

        Raises InputError when there is none.
        """
        name = path.encode("utf-8", "surrogateescape")
        for _ in range(_MAX_HOPS):
            found = self._members.get(name)
            if isinstance(found, _Content):
                piece = _Piece(self._descriptor, found, self.what)
                return io.BufferedReader(piece, _BUFFER)
            if found is None:
                raise InputError(f"{self.what} lacks {path!r}")
            name = found.target
        raise InputError(f"{self.what}: {path!r} is a link that leads nowhere")


@contextmanager
def open_archive(path: Path, store: Store, kind: str) -> Iterator[Archive]:
    """Open the archive at `path`, a `kind` such as "OCI archive"; it may be gzip or zstd.

    A compressed one is decompressed into the store's temporary space first. Raises InputError.
    """
    what = f"the {kind} {path}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"cannot read {what}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{what} is not a file")
    with os.fdopen(descriptor, "rb") as file:
        if not _is_compressed(os.pread(descriptor, 4, 0)):
            yield Archive(descriptor, what)
            return
        with (
            store.temporary_directory() as directory,
            open(directory / "archive.tar", "w+b", buffering=0) as plain,
        ):
            with machine_errors(f"cannot decompress {what}"):
                _decompress(file, plain, what)
            yield Archive(plain.fileno(), what)


def _is_compressed(head: bytes) -> bool:
    # No tar archive starts like this: these would be the first bytes of a name.
    return head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd"


def _decompress(source: BinaryIO, target: io.FileIO, what: str) -> None:
    limit = max(_FREE_OUTPUT, os.fstat(source.fileno()).st_size * _MAX_RATIO)
    total = 0
    for chunk in decompressed(source, what):
        total += len(chunk)
        if total > limit:
            raise InputError(f"{what} is a decompression bomb: it becomes more than {limit} bytes")
        rest = memoryview(chunk)
        while rest:
            rest = rest[target.write(rest) :]


def _index(descriptor: int, what: str) -> dict[bytes, _Content | _Link]:
    members: dict[bytes, _Content | _Link] = {}
    end = os.fstat(descriptor).st_size
    position = 0
    for _ in range(_MAX_MEMBERS):
        found = _header_at(descriptor, position, what)
        if found is None:
            return members
        header, offset = found
        position = offset + header.size + -header.size % BLOCK
        if offset + header.size > end:
            raise InputError(f"{what} is truncated inside {header.name!r}")
        if header.kind == b"5":
            continue
        name = _inside(header.name, b"", what)
        if name in members:
            raise InputError(f"{what} holds {name!r} twice")
        if header.kind == b"0":
            members[name] = _Content(offset, header.size)
        elif header.kind == b"1":
            members[name] = _Link(_inside(header.link, b"", what))
        elif header.kind == b"2":
            members[name] = _Link(_inside(header.link, name.rpartition(b"/")[0], what))
        else:
            raise InputError(f"{what}: {name!r} is neither a file nor a link")
    raise InputError(f"{what} has more than {_MAX_MEMBERS} members")


def _header_at(descriptor: int, position: int, what: str) -> tuple[Header, int] | None:
    """Read the header that starts at `position`; gives it and the offset of the content."""
    taken = bytearray()

    def blocks() -> Iterator[bytes]:
        # One block at a time: what the reader has taken is then what the header occupies.
        while block := os.pread(descriptor, BLOCK, position + len(taken)):
            taken.extend(block)
            yield block

    header = TarReader(blocks(), what, strict_end=False).next()
    if header is None:
        return None
    if _is_sparse(taken):
        raise InputError(
            f"{what}: {header.name!r} is stored as a sparse file",
            fix="write the archive without tar's --sparse",
        )
    return header, position + len(taken)


def _is_sparse(header: bytearray) -> bool:
    # What the archive stores of such a file is not its content, so it cannot be read in place.
    starts = range(0, len(header), BLOCK)
    return b"GNU.sparse." in header or any(
        header[at + 156] == ord("S") and header[at + 257 : at + 265] == b"ustar  \0"
        for at in starts
    )


def _inside(path: bytes, base: bytes, what: str) -> bytes:
    if path.startswith(b"/"):
        raise InputError(f"{what}: {path!r} is an absolute path")
    parts = base.split(b"/") if base else []
    for part in path.split(b"/"):
        if part == b"..":
            if not parts:
                raise InputError(f"{what}: {path!r} leads out of the archive")
            parts.pop()
        elif part not in {b"", b"."}:
            parts.append(part)
    return b"/".join(parts)


class _Piece(io.RawIOBase):
    """A range of a file as a stream; several may be open at once."""

    def __init__(self, descriptor: int, content: _Content, what: str) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._position = content.offset
        self._end = content.offset + content.size
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")[: self._end - self._position]
        if not view:
            return 0
        with machine_errors(f"cannot read {self._what}"):
            count = os.preadv(self._descriptor, [view], self._position)
        if count == 0:
            raise InputError(f"{self._what} became shorter while it was read")
        self._position += count
        return count
