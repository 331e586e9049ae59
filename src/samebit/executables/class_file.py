"""JVM class files: version and debug attributes (JVM Specification, chapter 4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from samebit.executables.source import FormatError

MAGIC = b"\xca\xfe\xba\xbe"
# Java 1.0.2; a fat Mach-O file has its small number of parts there.
FIRST_MAJOR = 45
# Sizes of constants by tag (4.4); Utf8 has its own, Long and Double take two numbers.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4,
          18: 4, 19: 2, 20: 2}  # fmt: skip
DEBUG_ATTRIBUTES = (b"LineNumberTable", b"LocalVariableTable", b"LocalVariableTypeTable")


@dataclass(frozen=True, slots=True)
class ClassFile:
    """`major` is the version (52 for Java 8); `source` the SourceFile, b"" without.

    `debug` names the debug attributes that its methods have.
    """

    major: int
    source: bytes
    debug: tuple[str, ...]


def java_release(major: int) -> str:
    """Name the Java release of a class file version."""
    return f"Java {major - 44}" if major >= 49 else f"Java 1.{max(major - 44, 0)}"


def read_class(data: bytes) -> ClassFile:
    """Read a whole class file. Raises FormatError."""
    try:
        return _read(data)
    except (struct.error, IndexError):
        raise FormatError("the class file is cut off") from None


def _read(data: bytes) -> ClassFile:
    if data[:4] != MAGIC:
        raise FormatError("it is no class file")
    major, count = struct.unpack_from(">HH", data, 6)
    texts: dict[int, bytes] = {}
    at, number = 10, 1
    while number < count:
        tag = data[at]
        if tag == 1:
            (length,) = struct.unpack_from(">H", data, at + 1)
            if at + 3 + length > len(data):
                raise FormatError("the class file is cut off")
            texts[number] = data[at + 3 : at + 3 + length]
            at += 3 + length
        elif tag in _SIZES:
            at += 1 + _SIZES[tag]
        else:
            raise FormatError(f"constant {tag} is unknown")
        number += 2 if tag in (5, 6) else 1
    (interfaces,) = struct.unpack_from(">H", data, at + 6)
    at += 8 + 2 * interfaces
    debug: dict[str, None] = {}
    for _ in range(2):
        (members,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(members):
            at = _attributes(data, at + 6, texts, debug)
    source: dict[str, bytes] = {}
    _attributes(data, at, texts, debug, source)
    return ClassFile(major, source.get("SourceFile", b""), tuple(debug))


def _attributes(
    data: bytes,
    at: int,
    texts: dict[int, bytes],
    debug: dict[str, None],
    source: dict[str, bytes] | None = None,
) -> int:
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    for _ in range(count):
        index, length = struct.unpack_from(">HI", data, at)
        at += 6
        if at + length > len(data):
            raise FormatError("the class file is cut off")
        name = texts.get(index, b"")
        if name == b"Code":
            (code,) = struct.unpack_from(">I", data, at + 4)
            inner = at + 8 + code
            (handlers,) = struct.unpack_from(">H", data, inner)
            # Code has no Code inside, so this goes no deeper.
            _debug_names(data, inner + 2 + 8 * handlers, texts, debug)
        elif name == b"SourceFile" and source is not None:
            source["SourceFile"] = texts.get(struct.unpack_from(">H", data, at)[0], b"")
        at += length
    return at


def _debug_names(data: bytes, at: int, texts: dict[int, bytes], debug: dict[str, None]) -> None:
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    for _ in range(count):
        index, length = struct.unpack_from(">HI", data, at)
        name = texts.get(index, b"")
        if name in DEBUG_ATTRIBUTES:
            debug.setdefault(name.decode())
        at += 6 + length
