"""`samebit strip`, and the stripping of a built layer's files."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from samebit.errors import InputError
from samebit.executables import strip
from samebit.executables.source import FileSource, FormatError, StreamSource
from samebit.executables.strip_elf import CannotStripError
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink


@dataclass(frozen=True, slots=True)
class Stripped:
    """A file's sizes in bytes before and after."""

    path: Path
    before: int
    after: int


def strip_file(path: Path) -> Stripped:
    """Strip a file where it lies: replaced at once, with its mode, or not touched.

    Raises InputError when it cannot be read or is nothing that can be stripped.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return _strip(path.resolve(), FileSource(file.fileno(), status.st_size), status, path)
    except FormatError as error:
        raise InputError(
            f"cannot strip {path}: {error}",
            fix="name ELF programs, libraries, objects and static libraries only",
        ) from error
    except CannotStripError as error:
        raise InputError(f"cannot strip {path}: {error}", fix="leave it as it is") from error
    except OSError as error:
        if not isinstance(error.filename, str | bytes) and error.filename is not None:
            raise
        raise InputError(f"cannot strip {path}: {error.strerror}", fix="check the path") from error


def _strip(real: Path, source: FileSource, status: os.stat_result, path: Path) -> Stripped:
    temporary = real.with_name(f".{real.name}.samebit-strip")
    try:
        with temporary.open("xb") as out:
            changed = strip.strip(source, out.write)
            with suppress(PermissionError):
                os.fchown(out.fileno(), status.st_uid, status.st_gid)
            # After the owner, whose change takes set-user-ID away.
            os.fchmod(out.fileno(), stat.S_IMODE(status.st_mode))
            after = out.tell()
        if not changed:
            return Stripped(path, source.size, source.size)
        temporary.replace(real)
        return Stripped(path, source.size, after)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    try:
        return strip.strip(StreamSource(source, size), sink)
    except CannotStripError as error:
        return facts.leave(f"cannot be stripped: {error}")
    except FormatError:
        return False


STRIPPING = Normaliser(
    asked=True,
    name="strip/executables",
    action=Action.REWRITE,
    magic=tuple((0, magic) for magic in strip.MAGICS),
    rewrite=_rewrite,
    why=(
        "Symbols, debug information and build IDs are read by debuggers only; what is loaded stays"
        " as it is."
    ),
    reference="System V ABI, chapter 4; docs/decisions/0094-stripping.md",
    rank=0,
)
"""What `build --strip` does to the files that the build added or changed."""
