"""Stripping a file of whatever kind: what it will consist of, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from samebit.executables.source import FormatError, PartSource, Source
from samebit.executables.strip_elf import CannotStripError, Piece, stripped_elf

MAGICS = (b"\x7fELF", b"!<arch>\n")

_CHUNK = 1 << 20
_MAX_INDEX = 64 << 20
_MAX_MEMBERS = 200_000
_INDEXES = {b"/": 4, b"/SYM64/": 8}
_NAMES = b"//"


def strip(source: Source, write: Callable[[bytes], object]) -> bool:
    """Write the stripped file; False when nothing would change (then nothing is written).

    Raises FormatError for what is damaged or no ELF file or static library, CannotStripError for
    what has to stay as it is.
    """
    head = source.read(0, min(8, source.size))
    if head.startswith(MAGICS[0]):
        pieces = stripped_elf(source)
    elif head == MAGICS[1]:
        pieces = _stripped_archive(source)
    else:
        raise FormatError("it is neither an ELF file nor a static library")
    if _same(source, pieces):
        return False
    for data in _content(source, pieces):
        write(data)
    return True


def _content(source: Source, pieces: tuple[Piece, ...]) -> Iterator[bytes]:
    for piece in pieces:
        if piece.data is not None:
            yield piece.data
            continue
        for at in range(0, piece.size, _CHUNK):
            yield source.read(piece.offset + at, min(_CHUNK, piece.size - at))


def _same(source: Source, pieces: tuple[Piece, ...]) -> bool:
    if sum(piece.size for piece in pieces) != source.size:
        return False
    at = 0
    for data in _content(source, pieces):
        if source.read(at, len(data)) != data:
            return False
        at += len(data)
    return True


def _stripped_archive(source: Source) -> tuple[Piece, ...]:
    """Strip the objects, forget times and owners, and correct the index of symbols."""
    pieces: list[Piece] = [Piece(0, 8, MAGICS[1])]
    moved: dict[int, int] = {}
    indexes: list[tuple[int, int, bytes]] = []
    offset = at = 8
    members = 0
    while offset < source.size:
        header = source.read(offset, 60)
        name = header[:16].rstrip(b" ")
        digits = header[48:58].strip()
        members += 1
        if header[58:] != b"`\n" or not digits.isdigit() or members > _MAX_MEMBERS:
            raise FormatError(f"there is no member at byte {offset}")
        if name.startswith((b"#1/", b"__.SYMDEF")):
            raise CannotStripError("it is an archive of BSD, with names and an index of its own")
        size = int(digits)
        moved[offset] = at
        body: tuple[Piece, ...] = (Piece(offset + 60, size),)
        if name in _INDEXES:
            if size > _MAX_INDEX:
                raise FormatError("its index is too long")
            indexes.append((len(pieces) + 1, _INDEXES[name], source.read(offset + 60, size)))
        elif name != _NAMES and size >= 16 and source.read(offset + 60, 4) == MAGICS[0]:
            part = PartSource(source, offset + 60, size)
            body = tuple(
                piece if piece.data is not None else Piece(piece.offset + offset + 60, piece.size)
                for piece in stripped_elf(part)
            )
        else:
            source.read(offset + 60, 0)
        new_size = sum(piece.size for piece in body)
        pieces.append(Piece(0, 60, _header(name, header, new_size)))
        pieces += body
        at += 60 + new_size
        if new_size & 1:
            pieces.append(Piece(0, 1, b"\n"))
            at += 1
        offset += 60 + size + (size & 1)
    for place, width, content in indexes:
        data = _moved_index(content, width, moved)
        pieces[place] = Piece(0, len(data), data)
    return tuple(pieces)


def _header(name: bytes, header: bytes, size: int) -> bytes:
    # What ar's D modifier writes; the table of names has nothing but its size.
    if name == _NAMES:
        return header[:48] + b"%-10d`\n" % size
    mode = b"0" if name in _INDEXES else b"644"
    return b"%-16s%-12s%-6s%-6s%-8s%-10d`\n" % (name, b"0", b"0", b"0", mode, size)


def _moved_index(content: bytes, width: int, moved: dict[int, int]) -> bytes:
    count = int.from_bytes(content[:width], "big")
    end = width * (count + 1)
    if end > len(content):
        raise FormatError("its index is cut off")
    numbers = [int.from_bytes(content[at : at + width], "big") for at in range(width, end, width)]
    try:
        new = b"".join(moved[number].to_bytes(width, "big") for number in numbers)
    except (KeyError, OverflowError):
        raise FormatError("its index points to no member") from None
    return content[:width] + new + content[end:]
