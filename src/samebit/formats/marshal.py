"""Python's marshal format, 3.8 to 3.14, as far as the flags for shared objects go.

Whether an object is flagged as one that may be referred to depends on how many references the
compiling process happened to hold to it. A flag that nothing refers to is dropped, as
add-determinism does, and the references are numbered anew; what is loaded is the same.
"""

from __future__ import annotations

import struct

from samebit.formats.streams import MalformedError

_FLAG = 0x80

# Magic numbers (the first two bytes of a .pyc) of released versions with each layout of code
# objects: how many numbers of 4 bytes, then how many objects before and after the line number.
_LAYOUTS = (
    (range(3400, 3440), (6, 8, 1)),  # 3.8, 3.9, 3.10
    (range(3450, 3700), (5, 8, 2)),  # 3.11 to 3.14
)


def layout_of(magic: int) -> tuple[int, int, int] | None:
    """Give the layout of code objects for a magic number, None if it is not known."""
    return next((layout for magics, layout in _LAYOUTS if magic in magics), None)


def without_unused_flags(data: bytes, start: int, layout: tuple[int, int, int]) -> bytes:
    """Give `data`, in which a marshalled object starts at `start`, with only the flags in use.

    Raises MalformedError for what is not one whole object of a known kind.
    """
    try:
        flagged, references = _scan(data, start, *layout)
    except IndexError:
        raise MalformedError("truncated bytecode") from None
    numbers = [int.from_bytes(data[at : at + 4], "little") for at in references]
    used = set(numbers)
    if used and max(used) >= len(flagged):
        raise MalformedError("a reference to nothing")
    if len(used) == len(flagged):
        return data
    result = bytearray(data)
    renumbered: dict[int, int] = {}
    for number, at in enumerate(flagged):
        if number in used:
            renumbered[number] = len(renumbered)
        else:
            result[at] &= ~_FLAG
    for at, number in zip(references, numbers, strict=True):
        struct.pack_into("<I", result, at, renumbered[number])
    return bytes(result)


def _scan(
    data: bytes, at: int, numbers: int, before: int, after: int
) -> tuple[list[int], list[int]]:
    """Give the places of all flagged objects' types, and of all references' numbers."""
    flagged: list[int] = []
    references: list[int] = []
    # How many objects are still to be read: in the innermost container, and outside of it. None
    # is the line number of a code object.
    left: int | None = 1
    outer: list[int | None] = []
    while True:
        while not left:
            if left is None:
                at += 4
            if not outer:
                if at != len(data):
                    raise MalformedError("bytecode of another length")
                return flagged, references
            left = outer.pop()
        left -= 1
        kind = data[at]
        if kind & _FLAG:
            flagged.append(at)
            kind ^= _FLAG
        at += 1
        if kind in b"zZ":
            at += 1 + data[at]
        elif kind == 0x72:  # r
            references.append(at)
            at += 4
        elif kind == 0x29:  # )
            outer.append(left)
            left = data[at]
            at += 1
        elif kind in b"NTFS.":
            pass
        elif kind == 0x69:  # i
            at += 4
        elif kind in b"stuaA":
            at += 4 + int.from_bytes(data[at : at + 4], "little")
        elif kind == 0x63:  # c
            at += 4 * numbers
            outer += (left, after, None)
            left = before
        elif kind in b"([<>":
            outer.append(left)
            left = int.from_bytes(data[at : at + 4], "little")
            at += 4
        elif kind == 0x67:  # g
            at += 8
        elif kind == 0x79:  # y
            at += 16
        elif kind == 0x6C:  # l
            at += 4 + 2 * abs(int.from_bytes(data[at : at + 4], "little", signed=True))
        elif kind == 0x3A:  # :
            outer.append(left)
            left = 3
        else:
            raise MalformedError("an unknown kind of object in bytecode")
