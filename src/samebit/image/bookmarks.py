"""Places in a layer that was read once, so that a second look need not read it from its start.

Decompressing is most of the time that reading takes. The decompressor's state (about 40 KiB) is
kept every few MiB, at the beginning of a member of the archive.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samebit.image.decompress import gunzip_from
from samebit.image.layer_blob import LayerBlob

if TYPE_CHECKING:
    # The type has no other name.
    _State = zlib._Decompress  # noqa: SLF001

_DISTANCE = 8 << 20
_MOST = 128
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The member `ordinal` (from 0) begins `skip` bytes after what `state` gives next.

    `packed` is how many bytes of the blob the state has taken.
    """

    ordinal: int
    packed: int
    state: _State
    skip: int


class Bookmarks:
    """Those of one layer; it takes them while the layer is read, and says where to go on."""

    def __init__(self) -> None:
        self._marks: list[Bookmark] = []
        self._distance = _DISTANCE
        self._since = 0
        self._ordinal = 0
        self._pending: tuple[int, _State] | None = None

    def chunk(self, packed: int, state: _State, size: int) -> None:
        """Be told of a chunk of at most `size` bytes that the state is about to give."""
        self._since += size
        self._pending = (packed, state.copy()) if self._since >= self._distance else None

    def member(self, position: int, size: int) -> None:
        """Be told that a member begins at `position` of the last chunk, of `size` bytes."""
        ordinal = self._ordinal
        self._ordinal += 1
        if self._pending is None or position >= size:
            return
        self._marks.append(Bookmark(ordinal, *self._pending, position))
        self._pending = None
        self._since = 0
        if len(self._marks) > _MOST:
            del self._marks[::2]
            self._distance *= 2

    def last_before(self, ordinal: int) -> Bookmark | None:
        """Give the nearest place from which the member can be reached."""
        found = None
        for mark in self._marks:
            if mark.ordinal > ordinal:
                break
            found = mark
        return found


def chunks_from(layer: LayerBlob, mark: Bookmark) -> Iterator[bytes]:
    """Give the uncompressed archive from a bookmark on, in chunks.

    Nothing vouches for them but that the whole was right when the bookmark was taken. Raises
    InputError.
    """
    with layer.open() as raw:
        left = mark.packed
        while left:
            left -= len(raw.read(min(left, _CHUNK))) or left
        skip = mark.skip
        for chunk in gunzip_from(raw, mark.state.copy(), layer.what):
            yield chunk[skip:]
            skip = 0
