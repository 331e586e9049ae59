"""Which instruction brought each file of a built layer: kept by a build, read by audits.

The image has one layer for all its instructions. What tells them apart is known when the layer is
written and lies in the store as a record of the layer's diff ID: the instructions, and a number for
each of the layer's entries in their order. It is a help for people, never part of an image.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from samebit.dockerfile.evaluate import Evaluation, Step
from samebit.dockerfile.history import text
from samebit.errors import InputError
from samebit.image.config import MAX_CONFIG, parse_config
from samebit.image.entry import Entry, Kind
from samebit.image.manifest import MAX_MANIFEST, Manifest, parse_manifest
from samebit.image.whiteout import Whiteout
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.pipeline.attribution import Attribution, marker
from samebit.store.store import Store

_KIND = "origins-1"
_WIDTH = 2
_MOST_INSTRUCTIONS = (1 << 16) - 1
# A layer has no more entries; a damaged record must not take all memory.
_MOST_ENTRIES = 4_000_000


class Origin(msgspec.Struct, frozen=True):
    """An instruction: its stage and ordinal, its text as in the image's history, its place."""

    step: str
    text: str
    path: str
    line: int


class Origins(msgspec.Struct, frozen=True):
    """Who brought what. `packed` has a number for each entry: 0 for none, else an index plus 1."""

    instructions: tuple[Origin, ...]
    packed: bytes

    def numbers(self) -> Sequence[int]:
        """Give the numbers in the order of the layer's entries; empty when they are damaged."""
        found = array("H")
        try:
            limit = _MOST_ENTRIES * _WIDTH
            found.frombytes(zlib.decompressobj().decompress(self.packed, limit))
        except (zlib.error, ValueError):
            return ()
        _swap(found)
        return found if max(found, default=0) <= len(self.instructions) else ()


def origins_of(entries: Iterable[Entry], attribution: Attribution) -> Origins:
    """Find out who wrote the files among a layer's entries."""
    known: dict[str, int] = {}
    steps: list[Step] = []
    numbers = array("H")
    for entry in entries:
        number = 0
        if entry.kind is Kind.FILE and not isinstance(entry, Whiteout):
            writer = attribution.writer(entry.path)
            if writer is not None and len(steps) < _MOST_INSTRUCTIONS:
                number = known.setdefault(marker(writer.step), len(steps) + 1)
                if number > len(steps):
                    steps.append(writer.step)
        numbers.append(number)
    _swap(numbers)
    return Origins(tuple(map(_origin, steps)), zlib.compress(numbers.tobytes()))


def keep_origins(store: Store, diff_id: Digest, origins: Origins) -> None:
    """Keep what is known of a layer."""
    store.set_record(_KIND, diff_id.hex, msgspec.msgpack.encode(origins))


def known_origins(root: Path, diff_id: Digest, history: Iterable[str]) -> Origins | None:
    """Give what the store at `root` knows of a layer of an image with these texts of its history.

    None where nothing is known, or what is known is of another image with an equal layer.
    """
    if not (root / "records" / _KIND).is_dir():
        return None
    found = _decoded(Store(root).record(_KIND, diff_id.hex))
    told = frozenset(history)
    if found is None or any(origin.text not in told for origin in found.instructions):
        return None
    return found


def renew_places(store: Store, image: Descriptor, evaluation: Evaluation) -> None:
    """Correct the lines of instructions: comments have moved them since the image was built."""
    with suppress(InputError):
        what = f"manifest {image.digest}"
        manifest = parse_manifest(store.read(image.digest, MAX_MANIFEST), what, image.media_type)
        if not isinstance(manifest, Manifest):
            return
        config = parse_config(store.read(manifest.config.digest, MAX_CONFIG), "config")
        for diff_id in config.diff_ids[-1:]:
            found = _decoded(store.record(_KIND, diff_id.hex))
            if found is None:
                continue
            steps = {marker(s): s for stage in evaluation.chain() for s in stage.steps}
            if any(
                origin.step not in steps or text(steps[origin.step]) != origin.text
                for origin in found.instructions
            ):
                continue
            moved = tuple(_origin(steps[origin.step]) for origin in found.instructions)
            if moved != found.instructions:
                keep_origins(store, diff_id, Origins(moved, found.packed))


def _origin(step: Step) -> Origin:
    return Origin(marker(step), text(step), step.where.path, step.where.line or 0)


def _decoded(record: bytes | None) -> Origins | None:
    with suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(record, type=Origins) if record else None
    return None


def _swap(numbers: array[int]) -> None:
    # A store may be copied to another machine.
    if sys.byteorder == "big":
        numbers.byteswap()
