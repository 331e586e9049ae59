"""Comparing two layers: verdict, packaging, entries, and the archive's bytes as a last resort."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from samebit.image.byte_difference import Read, compare_bytes
from samebit.image.compression import describe_compression
from samebit.image.entry_details import Detail, with_details
from samebit.image.entry_difference import (
    Walked,
    first_order_change,
    shown_path,
    spooled,
    walk,
)
from samebit.image.entry_spool import EntrySpool, temporary_database
from samebit.image.layer_blob import LayerBlob, plain_chunks
from samebit.image.layer_members import Member, read_members
from samebit.model.image_difference import (
    ByteDifference,
    Compression,
    EntriesDifference,
    OrderChange,
)


def compare_packaging(a: LayerBlob, b: LayerBlob) -> tuple[Compression, Compression]:
    """Tell how two blobs with one diff ID were compressed, after verifying both.

    Raises InputError.
    """
    for layer in (a, b):
        for _ in plain_chunks(layer):
            pass
    return describe_compression(a), describe_compression(b)


def compare_entries(
    layers: tuple[Sequence[LayerBlob], Sequence[LayerBlob]],
    position: int,
    detail: Detail,
    seen: Callable[[int, Member], None],
) -> tuple[EntriesDifference, ByteDifference | None]:
    """Compare the archives of layers number `position` of two images.

    `seen` gets every member of side 0, then of side 1, in order, as it is read. The second value
    compares the archives' bytes where no entry differs. Raises InputError or MachineError.
    """
    with temporary_database(detail.directory, "layers") as database:
        spool = EntrySpool(database)
        for side in (0, 1):
            layer = layers[side][position]
            for member in read_members(layer, bookmarks=detail.new_bookmarks(layer)):
                spool.add(side, member)
                seen(side, member)
        walked = walk(spooled(spool, 0, position), spooled(spool, 1, position), detail.limit)
        order = first_order_change(spool)
        counts = spool.count(0), spool.count(1)
    entries = describe_entries(walked, counts, order, layers, detail)
    archive = None
    if not entries.differs:
        archive = _compare_archives(layers[0][position], layers[1][position])
    return entries, archive


def describe_entries(
    walked: Walked,
    counts: tuple[int, int],
    order: OrderChange | None,
    layers: tuple[Sequence[LayerBlob], Sequence[LayerBlob]],
    detail: Detail,
) -> EntriesDifference:
    """Give what a walk found as a report value, with a second look at the changed entries."""
    return EntriesDifference(
        count_a=counts[0],
        count_b=counts[1],
        changed_count=walked.changed_count,
        changed=with_details(walked.changed, *layers, detail),
        only_a_count=walked.only_a_count,
        only_a=tuple(map(shown_path, walked.only_a)),
        only_b_count=walked.only_b_count,
        only_b=tuple(map(shown_path, walked.only_b)),
        fields=walked.fields,
        order=order,
        renamed=detail.inspect.names(walked.only_a, walked.only_b),
    )


def _compare_archives(a: LayerBlob, b: LayerBlob) -> ByteDifference | None:
    return compare_bytes(_read(plain_chunks(a)), _read(plain_chunks(b)))


def _read(chunks: Iterator[bytes]) -> Read:
    chunk = b""
    position = 0

    def read(limit: int) -> bytes:
        nonlocal chunk, position
        if position == len(chunk):
            chunk, position = next(chunks, b""), 0
        data = chunk[position : position + limit]
        position += len(data)
        return data

    return read
