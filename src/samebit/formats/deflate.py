"""Compressing the content that had to be changed inside a compressed file, the same everywhere.

The compressor is the one of canonical form 1: pinned, and checked against known answers.
"""

from __future__ import annotations

import zlib

import deflate as libdeflate

from samebit.canonical.member import LEVEL
from samebit.canonical.vectors import verify_compressor
from samebit.formats.streams import MalformedError


def deflated(data: bytes | bytearray) -> bytes:
    """Compress to one raw deflate stream (RFC 1951).

    Raises MachineError when the installed compressor is not the right one.
    """
    verify_compressor()
    return bytes(libdeflate.deflate_compress(data, LEVEL))


def inflated(data: bytes, size: int) -> bytes:
    """Decompress a raw deflate stream that is known to give `size` bytes.

    Raises MalformedError when it does not.
    """
    inflater = zlib.decompressobj(wbits=-15)
    try:
        result = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise MalformedError(str(error)) from None
    if len(result) != size or not inflater.eof or inflater.unused_data:
        raise MalformedError("deflated data of another size")
    return result
