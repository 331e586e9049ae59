"""Bytes from strangers as text that is safe to show, unambiguous and the same everywhere."""

from __future__ import annotations


def escaped(data: bytes | str) -> str:
    r"""Give printable UTF-8 as it is and everything else as an escape.

    A backslash becomes `\\`, a control character or a byte that is not UTF-8 `\xNN`, any other
    character that does not print (direction marks, for example) `\u{NNNN}`. Two different values
    never give the same text, and no value can steer a terminal.
    """
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_character(character) for character in text)


def _character(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{{{code:x}}}"
