"""A second look at the layers: the bytes of the few entries that a report will show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from samebit.canonical.tar_reader import TarReader
from samebit.image.bookmarks import Bookmarks, chunks_from
from samebit.image.byte_difference import compare_bytes
from samebit.image.entry_difference import Changed, Source, shown_path
from samebit.image.layer_blob import LayerBlob, plain_chunks
from samebit.image.layer_members import CONTENT, HEADERS
from samebit.model.digest import Digest
from samebit.model.escaped import escaped
from samebit.model.explanation import Cause, Explanation
from samebit.model.image_difference import ByteDifference, EntryChange, FieldChange, Renamed
from samebit.store.failure import machine_errors


class Inspector(Protocol):
    """Says why entries differ. Paths are relative to the root."""

    def content(self, path: bytes, a: BinaryIO, b: BinaryIO) -> Explanation:
        """Explain two open files that both images have at a path."""
        ...

    def fields(self, path: bytes, changes: Sequence[FieldChange]) -> tuple[Cause, ...]:
        """Explain differing attributes."""
        ...

    def names(self, only_a: Sequence[bytes], only_b: Sequence[bytes]) -> tuple[Renamed, ...]:
        """Explain paths that only one image has."""
        ...

    def is_record(self, path: bytes) -> bool:
        """Tell whether a file is one in which a package manager says what is installed."""
        ...

    def packages(
        self, paths: Sequence[bytes], records: Mapping[bytes, bytes]
    ) -> frozenset[tuple[str, str, str]]:
        """Give manager, name and version of the packages of a tree, by its paths and records."""
        ...


@dataclass(frozen=True, slots=True)
class Detail:
    """How far a comparison goes into details.

    At most `limit` entries of each kind are told, None means all; `inspect` is asked why they
    differ. Temporary files go below `directory`, which must be private. `bookmarks` of layers that
    were read, by their digests, and what was `found` of contents that two lists have in common save
    reading them again. `told` hears what is being done.
    """

    directory: Path
    limit: int | None
    inspect: Inspector
    bookmarks: dict[Digest, Bookmarks] = field(default_factory=dict)
    found: dict[tuple[bytes, Source, Source], tuple[ByteDifference, Explanation]] = field(
        default_factory=dict
    )
    told: Callable[[str], None] = lambda _: None

    def new_bookmarks(self, layer: LayerBlob) -> Bookmarks | None:
        """Give what bookmarks are to be taken with; None where a layer has its own already."""
        if layer.descriptor.digest in self.bookmarks:
            return None
        return self.bookmarks.setdefault(layer.descriptor.digest, Bookmarks())


# Larger files are told apart by their hashes only; their copies could fill a disk.
_MAX_SPOOLED = 4 << 30
_MAX_TOTAL = 16 << 30

# POSIX.1-2017 pax, "ustar Interchange Format": (name, offset, length in bytes).
_USTAR = (
    ("name", 0, 100),
    ("mode", 100, 8),
    ("uid", 108, 8),
    ("gid", 116, 8),
    ("size", 124, 12),
    ("mtime", 136, 12),
    ("chksum", 148, 8),
    ("typeflag", 156, 1),
    ("linkname", 157, 100),
    ("magic", 257, 6),
    ("version", 263, 2),
    ("uname", 265, 32),
    ("gname", 297, 32),
    ("devmajor", 329, 8),
    ("devminor", 337, 8),
    ("prefix", 345, 155),
    ("padding", 500, 12),
)


def with_details(
    changes: Sequence[Changed],
    layers_a: Sequence[LayerBlob],
    layers_b: Sequence[LayerBlob],
    detail: Detail,
) -> tuple[EntryChange, ...]:
    """Look into what differs: the first differing bytes of files, the raw fields of headers.

    Copies of all files of side A are kept, and of one of side B at a time. Raises InputError when a
    layer has changed since it was read first, MachineError when the disk is full.
    """
    contents = _compare_contents(
        [change for change in changes if CONTENT in change.a.facts and CONTENT in change.fields],
        layers_a,
        layers_b,
        detail,
    )
    headers = _compare_headers(
        [change for change in changes if HEADERS in change.fields], layers_a, layers_b, detail
    )
    told = []
    for change in changes:
        fields = change.field_changes() + headers.get(_key(change), ())
        content, explanation = contents.get(_key(change), (None, None))
        causes = detail.inspect.fields(change.path, fields)
        if causes:
            known = explanation or Explanation(escaped(change.path), ())
            explanation = replace(known, causes=known.causes + causes)
        told.append(
            EntryChange(shown_path(change.path), change.occurrence, fields, content, explanation)
        )
    return tuple(told)


def _key(change: Changed) -> tuple[bytes, int]:
    return change.path, change.occurrence


def _pair(change: Changed) -> tuple[bytes, Source, Source]:
    return change.path, change.a.source, change.b.source


def _compare_contents(
    changes: Sequence[Changed],
    layers_a: Sequence[LayerBlob],
    layers_b: Sequence[LayerBlob],
    detail: Detail,
) -> dict[tuple[bytes, int], tuple[ByteDifference, Explanation]]:
    known = detail.found
    found = {_key(change): known[_pair(change)] for change in changes if _pair(change) in known}
    wanted = _affordable(
        [c for c in changes if CONTENT in c.b.facts and _key(c) not in found],
    )
    other = detail.directory / "content"
    copies: dict[Source, Path] = {}
    for source, reader in visit(layers_a, {change.a.source for change in wanted}, detail):
        copies[source] = detail.directory / f"content-{len(copies)}"
        _copy(reader, copies[source])
    by_b: dict[Source, list[Changed]] = {}
    for change in wanted:
        by_b.setdefault(change.b.source, []).append(change)
    for source, reader in visit(layers_b, by_b.keys(), detail):
        # Hard links of one file are told once: their content is the same on each side.
        first = by_b[source][0]
        _copy(reader, other)
        with _opened(copies[first.a.source]) as a, _opened(other) as b:
            difference = compare_bytes(a.read, b.read)
            if difference is not None:
                explanation = detail.inspect.content(first.path, a, b)
                if explanation.confidential:
                    difference = replace(difference, window_a=b"", window_b=b"")
                explained = difference, explanation
                for change in by_b[source]:
                    if change.a.source == first.a.source:
                        found[_key(change)] = known[_pair(change)] = explained
        other.unlink()
    for path in copies.values():
        path.unlink()
    return found


def _affordable(changes: Sequence[Changed]) -> list[Changed]:
    chosen = []
    total = 0
    for change in changes:
        size = int(change.a.facts["size"])
        if size <= _MAX_SPOOLED and total + size <= _MAX_TOTAL:
            total += size
            chosen.append(change)
    return chosen


def _compare_headers(
    changes: Sequence[Changed],
    layers_a: Sequence[LayerBlob],
    layers_b: Sequence[LayerBlob],
    detail: Detail,
) -> dict[tuple[bytes, int], tuple[FieldChange, ...]]:
    sides: list[dict[Source, tuple[bytes, ...]]] = []
    for layers, sources in (
        (layers_a, {change.a.source for change in changes}),
        (layers_b, {change.b.source for change in changes}),
    ):
        sides.append(
            {source: reader.raw_headers for source, reader in visit(layers, sources, detail)}
        )
    return {
        _key(change): tuple(_header_changes(sides[0][change.a.source], sides[1][change.b.source]))
        for change in changes
    }


def _header_changes(a: tuple[bytes, ...], b: tuple[bytes, ...]) -> Iterator[FieldChange]:
    if len(a) != len(b):
        yield FieldChange("raw header blocks", str(len(a)), str(len(b)))
        return
    for number, (left, right) in enumerate(zip(a, b, strict=True), 1):
        which = "raw " if number == len(a) else "raw extended "
        for name, start, length in _USTAR:
            one, other = left[start : start + length], right[start : start + length]
            # The checksum follows from the rest.
            if one != other and name != "chksum":
                yield FieldChange(which + name, escaped(one), escaped(other))


def visit(
    layers: Sequence[LayerBlob], sources: Iterable[Source], detail: Detail
) -> Iterator[tuple[Source, TarReader]]:
    """Give the members at `sources`, layer by layer, each before the next is read."""
    wanted: dict[int, list[int]] = {}
    for position, ordinal in sorted(set(sources)):
        wanted.setdefault(position, []).append(ordinal)
    for number, ordinals in wanted.items():
        layer = layers[number]
        marks = detail.bookmarks.get(layer.descriptor.digest)
        reader, at = _reader(plain_chunks(layer), layer), -1
        for ordinal in ordinals:
            mark = marks.last_before(ordinal) if marks is not None else None
            if mark is not None and mark.ordinal > at + 1:
                reader, at = _reader(chunks_from(layer, mark), layer), mark.ordinal - 1
            while at < ordinal and reader.next() is not None:
                at += 1
            yield (number, ordinal), reader


def _reader(chunks: Iterator[bytes], layer: LayerBlob) -> TarReader:
    return TarReader(chunks, layer.what, strict_end=False)


def _copy(reader: TarReader, path: Path) -> None:
    with machine_errors(f"cannot keep a copy of a file in {path.parent}"), open(path, "xb") as copy:
        while data := reader.read():
            copy.write(data)


def _opened(path: Path) -> BinaryIO:
    with machine_errors(f"cannot read {path}"):
        return open(path, "rb")
