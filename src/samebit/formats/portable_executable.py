"""Windows programs and .NET assemblies (PE/COFF): the times in them, and what is computed of them.

Microsoft, "PE Format": COFF File Header, Optional Header, The .edata Section, The .debug Section.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from samebit.executables.pe_file import CODEVIEW, EXPORTS, PeFile
from samebit.executables.source import FormatError, StreamSource
from samebit.formats.streams import MalformedError, Sink, patched

MAGIC = b"MZ"
# In the optional header, of either width.
_CHECKSUM = 64
_PDB_MAGIC = b"RSDS"
_PDB_NAME = 24
_ZERO = bytes(4)


def without_times(source: BinaryIO, size: int, sink: Sink) -> bool:
    """Set the times of headers, exports and debug directory to 0, and what is computed of them.

    That is the checksum, and the name of the debugging information.

    Raises MalformedError for other files.
    """
    try:
        patches = sorted(set(_patches(PeFile(StreamSource(source, size)))))
    except FormatError as error:
        raise MalformedError(str(error)) from None
    return patched(source, size, patches, sink)


def _patches(file: PeFile) -> Iterator[tuple[int, bytes]]:
    yield file.stamp_at, _ZERO
    if not file.optional_size:
        return
    if file.optional_size < file.directories():
        raise FormatError("its optional header is too short")
    yield file.optional + _CHECKSUM, _ZERO
    address, _ = file.directory(EXPORTS)
    if address:
        yield file.place(address) + 4, _ZERO
    for entry in file.debug_entries():
        yield entry.at + 4, _ZERO
        named = entry.kind == CODEVIEW and entry.size >= _PDB_NAME
        if named and file.source.read(entry.place, len(_PDB_MAGIC)) == _PDB_MAGIC:
            yield entry.place + len(_PDB_MAGIC), bytes(_PDB_NAME - len(_PDB_MAGIC))
