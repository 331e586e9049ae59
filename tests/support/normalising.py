"""Running one normaliser on bytes, as the build does on files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from samebit.image.entry import Entry, Kind
from samebit.normalisers.patterns import matcher
from samebit.normalisers.protocol import HEAD, Action, Detector, Facts, Normaliser
from samebit.normalisers.registry import all_detectors, all_normalisers

EPOCH = 315619200


class MemoryTrees:
    """Trees of files in memory: `layer` is what the build changed, `base` what it stood on.

    `None` stands for a directory.
    """

    def __init__(
        self,
        layer: Mapping[bytes, bytes | None] | None = None,
        base: Mapping[bytes, bytes | None] | None = None,
        mtimes: Mapping[bytes, int] | None = None,
    ) -> None:
        self._layer = dict(layer or {})
        self._base = dict(base or {})
        self._mtimes = dict(mtimes or {})

    def entry(self, path: bytes) -> Entry | None:
        if path in self._layer:
            return _entry(path, self._layer[path])
        return self.base_entry(path)

    def in_layer(self, path: bytes) -> bool:
        return path in self._layer

    def mtime(self, path: bytes) -> int | None:
        return self._mtimes.get(path)

    def open(self, path: bytes) -> BinaryIO | None:
        data = self._layer.get(path, self._base.get(path))
        return None if data is None else io.BytesIO(data)

    def base_entry(self, path: bytes) -> Entry | None:
        return _entry(path, self._base[path]) if path in self._base else None

    def open_base(self, path: bytes) -> BinaryIO | None:
        data = self._base.get(path)
        return None if data is None else io.BytesIO(data)


def _entry(path: bytes, data: bytes | None) -> Entry:
    if data is None:
        return Entry(path, Kind.DIRECTORY, 0o755)
    return Entry(path, Kind.FILE, 0o644, size=len(data))


def named(name: str) -> Normaliser:
    """Give the newest normaliser of a name."""
    return [normaliser for normaliser in all_normalisers() if normaliser.name == name][-1]


def detector(name: str) -> Detector:
    """Give a detector."""
    return next(found for found in all_detectors() if found.name == name)


def matches(normaliser: Normaliser, path: bytes, data: bytes = b"") -> bool:
    """Tell whether a file would be handled."""
    paths = matcher(normaliser.paths)
    entry = Entry(path, Kind.FILE, 0o644, size=len(data))
    fits = paths is None or paths.fullmatch(path) is not None
    return fits and normaliser.recognises(entry, data[:HEAD] if normaliser.reads() else b"")


def facts_of(
    path: bytes,
    data: bytes,
    *,
    epoch: int = EPOCH,
    layer: Mapping[bytes, bytes | None] | None = None,
    base: Mapping[bytes, bytes | None] | None = None,
    scratch: Path | None = None,
) -> Facts:
    """Make the facts about a file."""
    entry = Entry(path, Kind.FILE, 0o644, size=len(data))
    trees = MemoryTrees({path: data, **(layer or {})}, base)
    return Facts(epoch, entry, trees) if scratch is None else Facts(epoch, entry, trees, scratch)


def rewritten(
    normaliser: Normaliser, data: bytes, path: bytes = b"f", facts: Facts | None = None
) -> bytes:
    """Give what a rewriter makes of `data`, and check that a second time changes nothing more."""
    assert normaliser.action is Action.REWRITE
    assert normaliser.rewrite is not None
    given = facts or facts_of(path, data)
    result = _once(normaliser, data, given)
    assert _once(normaliser, result, given) == result, "not idempotent"
    return result


def _once(normaliser: Normaliser, data: bytes, facts: Facts) -> bytes:
    assert normaliser.rewrite is not None
    written: list[bytes] = []
    changed = normaliser.rewrite(
        io.BytesIO(data), len(data), lambda piece: written.append(bytes(piece)), facts
    )
    return b"".join(written) if changed else data
