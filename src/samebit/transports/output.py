"""Archives as outputs: deterministic tar bytes in a file that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.errors import InputError, UsageError
from samebit.image.entry import Entry, Kind
from samebit.store.durable import sync_directory, write_all
from samebit.store.failure import machine_errors
from samebit.store.temporary import clean_abandoned, create_locked_file

# Behind the output's name: a build context leaves out its outputs and what is called like this.
TEMPORARY = ".tmp-samebit-"
# What the size field of ustar holds; beyond, a pax header comes first and the header is longer.
_USTAR_SIZE = 0o77777777777


class TarOutput:
    """Appends members to an open file: numeric owners 0, times at the epoch."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._doing = f"cannot write {path}"

    def header(self, entry: Entry) -> None:
        """Append a member's header. Raises MachineError."""
        self._write(encode_header(entry, 0))

    def add(self, name: str, data: bytes) -> None:
        """Append a file held in memory."""
        self.header(_file(name, len(data)))
        self._write(data)
        self._write(padding(len(data)))

    def add_stream(self, name: str, size: int, chunks: Iterator[bytes]) -> None:
        """Append a file of `size` bytes. Raises InputError when `chunks` have another length."""
        self.header(_file(name, size))
        left = size
        for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                break
            self._write(chunk)
        if left:
            raise InputError(f"{name} does not have the {size} bytes announced")
        self._write(padding(size))

    def add_unsized(self, name: str, chunks: Iterator[bytes]) -> bool:
        """Append a file whose size shows at its end, and then fill in its header.

        Gives False, having appended nothing, for a file of 8 GiB or more, whose header is longer:
        count it, and use add_stream.
        """
        start = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        self.header(_file(name, 0))
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > _USTAR_SIZE:
                with machine_errors(self._doing):
                    os.lseek(self._descriptor, start, os.SEEK_SET)
                    os.ftruncate(self._descriptor, start)
                return False
            self._write(chunk)
        self._write(padding(size))
        with machine_errors(self._doing):
            os.pwrite(self._descriptor, encode_header(_file(name, size), 0), start)
        return True

    def end(self) -> None:
        """Append the end of the archive."""
        self._write(END_OF_ARCHIVE)

    def _write(self, data: bytes) -> None:
        with machine_errors(self._doing):
            write_all(self._descriptor, data)


def check_file(path: Path) -> None:
    """Raise UsageError when `path` exists and no file can take its place."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} exists and is not a file", fix="choose another path")


@contextmanager
def tar_output(path: Path) -> Iterator[TarOutput]:
    """Open an archive that takes the place of `path` when the block ends without an exception.

    Raises UsageError when `path` exists and is no file, MachineError when the disk fails.
    """
    # Through a symbolic link, as any other program would write.
    target = Path(os.path.realpath(path))
    check_file(path)
    prefix = f"{target.name}{TEMPORARY}"
    with machine_errors(f"cannot write {path}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        clean_abandoned(target.parent, prefix)
        descriptor, temporary = create_locked_file(target.parent, prefix)
    try:
        output = TarOutput(descriptor, path)
        yield output
        output.end()
        with machine_errors(f"cannot write {path}"):
            os.fsync(descriptor)
            os.replace(temporary, target)
            sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def _file(name: str, size: int) -> Entry:
    return Entry(name.encode("utf-8"), Kind.FILE, 0o644, size=size)
