"""The words in which a report tells a difference, on a terminal and on a page."""

from __future__ import annotations

from samebit.model.escaped import escaped
from samebit.model.image_difference import (
    Compression,
    EntriesDifference,
    Grade,
    LayerDifference,
    LayerVerdict,
)

GRADES = {
    Grade.BITWISE: "identical, byte for byte",
    Grade.SAME_DIFF_IDS: "same config and same uncompressed layers, packaged differently",
    Grade.SAME_TREE: "same files and settings for containers, yet different images",
    Grade.NORMALISED: "the same after normalising",
    Grade.SAME_FILES: "same files with the same content; times, permissions, owners or settings"
    " differ",
    Grade.SAME_PACKAGES: "same packages and versions, other files",
    Grade.DIFFERENT: "different",
}


def layer_words(layer: LayerDifference) -> str:
    """Say how a pair of layers compares."""
    match layer.verdict:
        case LayerVerdict.ONLY_A | LayerVerdict.ONLY_B:
            return "has no counterpart"
        case LayerVerdict.SAME:
            return "same"
        case LayerVerdict.BLOB_DIFFERS:
            return "diff ID equal, blob differs"
        case LayerVerdict.DIFFERENT:
            return summary(layer.entries) if layer.entries else "different"


def compression(facts: Compression) -> str:
    """Say how a blob is compressed."""
    if facts.algorithm == "none":
        return "not compressed"
    unit = "member" if facts.algorithm == "gzip" else "frame"
    parts = [f"{facts.algorithm}, {count(facts.parts, unit)}"]
    if facts.parts > 1 and facts.part_size is not None:
        parts.append(f"the first of {count(facts.part_size, 'byte')}")
    parts += [f"{name} {value}" for name, value in facts.header]
    if facts.level is not None:
        parts.append(f"level: {facts.level}")
    if not facts.uniform:
        parts.append("headers vary")
    return ", ".join(parts)


def summary(entries: EntriesDifference) -> str:
    """Say in numbers how two lists of entries differ."""
    parts = []
    if entries.changed_count:
        fields = ", ".join(f"{escaped(name)} {times}" for name, times in entries.fields)
        parts.append(f"{count(entries.changed_count, 'entry')} changed ({fields})")
    if entries.only_a_count:
        parts.append(f"{entries.only_a_count} only in A")
    if entries.only_b_count:
        parts.append(f"{entries.only_b_count} only in B")
    if entries.order is not None:
        parts.append("other order")
    words = ", ".join(parts) or "no entry differs"
    return f"{words}; {entries.count_a} entries in A, {entries.count_b} in B"


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    plural = {"entry": "entries"}.get(noun, noun + "s")
    return f"{number} {noun if number == 1 else plural}"


def hexdump(start: int, data: bytes) -> list[str]:
    """Give bytes, the first of which is at offset `start`, as lines of sixteen."""
    lines = []
    for at in range(0, len(data), 16):
        line = data[at : at + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        lines.append(f"{start + at:08x}  {line.hex(' '):47}  |{shown}|")
    return lines
