"""What `samebit verify` wants to know of a build besides its image.

For every path that the build changed: what it was before normalising, and who wrote it. That is
kept in a file, in bytewise order of paths, because images may have millions of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samebit.engines.conditions import StepConditions
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import Whiteout, removed_path
from samebit.normalisers.apply import open_regular
from samebit.pipeline.attribution import Attribution, Writer, marker

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """A path as it was built. `fingerprint` covers what the image keeps of it, content included.

    `step` is the number of the instruction that wrote it among those of the whole build, and
    `origin` that of the one in another stage that it was copied from; None where not known.
    """

    path: bytes
    fingerprint: str
    step: str | None
    origin: str | None


@dataclass(slots=True)
class Witness:
    """Gives a build its conditions and notes what it makes in `folder`, one file a platform.

    `unreached` are the steps that a moved clock did not reach, with the reason.
    """

    folder: Path
    conditions: StepConditions = field(default_factory=StepConditions)
    unreached: dict[str, str] = field(default_factory=dict)
    platforms: int = 0

    def note(self, entries: Sequence[Entry], root: bytes, attribution: Attribution) -> None:
        """Note a layer's entries before they are normalised. Raises InputError."""
        self.unreached.update(attribution.trace.unreached)
        with self.file(self.platforms).open("w", encoding="ascii") as stream:
            for entry in entries:
                writer = _writer(entry, attribution)
                found = (
                    os.fsdecode(entry.path),
                    _fingerprint(entry, root),
                    marker(writer.step) if writer is not None else None,
                    marker(writer.origin) if writer is not None and writer.origin else None,
                )
                stream.write(json.dumps(found) + "\n")
        self.platforms += 1

    def file(self, number: int) -> Path:
        """Name the notes about the platform that was built as number `number`, from 0."""
        return self.folder / f"written-{number}.jsonl"

    def written(self, number: int) -> Iterator[Written]:
        """Read the notes again, in bytewise order of paths."""
        with self.file(number).open(encoding="ascii") as stream:
            for line in stream:
                path, fingerprint, step, origin = json.loads(line)
                yield Written(os.fsencode(path), fingerprint, step, origin)

    def writers(self, number: int, paths: Collection[bytes]) -> dict[bytes, Written]:
        """Give what is known of some paths."""
        wanted = frozenset(paths)
        return {found.path: found for found in self.written(number) if found.path in wanted}


def differing(a: Iterator[Written], b: Iterator[Written]) -> Iterator[bytes]:
    """Give the paths that are not in both with the same fingerprint, in bytewise order."""
    left, right = next(a, None), next(b, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.path < right.path):
            assert left is not None
            yield left.path
            left = next(a, None)
        elif left is None or right.path < left.path:
            yield right.path
            right = next(b, None)
        else:
            if left.fingerprint != right.fingerprint:
                yield left.path
            left, right = next(a, None), next(b, None)


def _writer(entry: Entry, attribution: Attribution) -> Writer | None:
    if isinstance(entry, Whiteout):
        gone = removed_path(entry.path)
        # Nothing is left that has a time, but for the directory that it was in.
        return attribution.writer(gone.rpartition(b"/")[0]) if gone is not None else None
    return attribution.writer(entry.path)


def _fingerprint(entry: Entry, root: bytes) -> str:
    told = (
        entry.kind.value,
        isinstance(entry, Whiteout),
        entry.mode,
        entry.uid,
        entry.gid,
        entry.size,
        entry.link,
        entry.device,
        entry.xattrs,
    )
    digest = hashlib.sha256(repr(told).encode())
    if entry.kind is Kind.FILE and not isinstance(entry, Whiteout) and entry.size:
        try:
            with open_regular(root, entry.path) as file:
                while data := file.read(_CHUNK):
                    digest.update(data)
        except OSError as error:
            raise InputError(
                f"cannot read /{os.fsdecode(entry.path)}: {error.strerror}",
                fix="this is usually a full disk or a storage that another program changes",
            ) from error
    return digest.hexdigest()
