"""Numbers and forms, as they stand in the sections of DWARF (DWARF 5, 7.4 to 7.6)."""

from __future__ import annotations

from samebit.executables.source import FormatError, c_string

MAX_UNITS = 50_000
# Sizes of forms (DWARF 5, 7.5.6); -1 stands for the offset size, -2 for the address size.
_FIXED = {
    0x01: -2, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: -1, 0x10: -1, 0x11: 1, 0x12: 2,
    0x13: 4, 0x14: 8, 0x17: -1, 0x19: 0, 0x1C: 4, 0x1D: -1, 0x1E: 16, 0x1F: -1, 0x20: 8, 0x21: 0,
    0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
    0x1F20: -1, 0x1F21: -1,
}  # fmt: skip
_ULEB = {0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23}
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}


class DwarfData:
    """A section of DWARF, and the numbers and forms in it."""

    def __init__(self, data: bytes, order: str) -> None:
        self.order = order
        self.data = data

    def length(self, offset: int) -> tuple[int, int, int]:
        """Read a unit's length: where it goes on, where it ends, the size of its offsets.

        Raises FormatError, like everything here, for what the section has no bytes for.
        """
        start = offset
        length = self.number(offset, 4)
        offset += 4
        wide = length == 0xFFFFFFFF
        if wide:
            length = self.number(offset, 8)
            offset += 8
        end = offset + length
        if end > len(self.data):
            raise FormatError(f"the unit at {start} is longer than its section")
        return offset, end, 8 if wide else 4

    def skip(self, form: int, offset: int, size: int, address: int) -> int:
        """Give where a value of that form ends; `size` and `address` are those of the unit."""
        fixed = _FIXED.get(form)
        if fixed is not None:
            return offset + (size if fixed == -1 else address if fixed == -2 else fixed)
        if form in _ULEB:
            return self.uleb(self.data, offset)[1]
        if form == 0x08:
            return offset + len(c_string(self.data, offset, 1 << 16)) + 1
        if form in (0x09, 0x18):
            length, offset = self.uleb(self.data, offset)
            return offset + length
        if form in _BLOCKS:
            return offset + _BLOCKS[form] + self.number(offset, _BLOCKS[form])
        raise FormatError(f"form {form:#x} is unknown")

    def number(self, at: int, size: int) -> int:
        """Read an unsigned number of `size` bytes."""
        data = self.data[at : at + size]
        if len(data) != size:
            raise FormatError("a unit is cut off")
        return self.decode(data)

    def decode(self, data: bytes) -> int:
        """Read bytes as an unsigned number in the file's byte order."""
        return int.from_bytes(data, "little" if self.order == "<" else "big")

    @staticmethod
    def uleb(data: bytes, at: int) -> tuple[int, int]:
        """Read an unsigned LEB128 number of any section, and where it ends (DWARF 5, 7.6)."""
        # Most have one byte.
        if 0 <= at < len(data) and data[at] < 0x80:
            return data[at], at + 1
        value = shift = 0
        while shift < 70:
            if not 0 <= at < len(data):
                raise FormatError("a number is cut off")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise FormatError("a number is too long")
