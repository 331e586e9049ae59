"""A layer's bytes, uncompressed and checked, wherever the blob lies (image-spec layer.md)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from samebit.errors import InputError
from samebit.image.decompress import Watch, decompressed
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """One layer of an image. `what` names it in errors, `open` gives its stored bytes anew."""

    what: str
    descriptor: Descriptor
    diff_id: Digest
    open: Callable[[], BinaryIO]


def plain_chunks(layer: LayerBlob, watch: Watch | None = None) -> Iterator[bytes]:
    """Give the uncompressed archive in chunks; `watch` is told of those of gzip data.

    Whoever reads to the end knows that the blob has its digest and size and the archive its diff
    ID: otherwise InputError is raised, at the latest instead of the end.
    """
    with layer.open() as raw:
        counted = _Counted(raw)
        hasher = hashlib.sha256()
        for chunk in decompressed(io.BufferedReader(counted, _CHUNK), layer.what, watch):
            hasher.update(chunk)
            yield chunk
    expected = layer.descriptor
    if counted.size != expected.size:
        raise InputError(f"{layer.what} has {counted.size} bytes, {expected.size} were announced")
    if counted.digest != expected.digest:
        raise InputError(f"{layer.what} is damaged: its bytes are {counted.digest}")
    if hasher.hexdigest() != layer.diff_id.hex:
        raise InputError(
            f"{layer.what} has another diff ID than its config says: sha256:{hasher.hexdigest()}"
        )


class _Counted(io.RawIOBase):
    """Passes a stream on while hashing it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> Digest:
        return Digest(self._hash.hexdigest())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._hash.update(data)
        self.size += len(data)
        return len(data)
