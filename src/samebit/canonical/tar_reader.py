"""Reading tar archives that somebody else wrote: ustar, pax, GNU and v7, in bounded memory.

Where readers disagree about an archive it is refused, so that what is read here is what every
engine unpacks. POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from zlib import adler32

from samebit.canonical import sparse
from samebit.canonical.chunks import ChunkReader
from samebit.canonical.numbers import decimal, number
from samebit.canonical.pax import MAX_RECORDS, XATTR, decode_records
from samebit.canonical.tar import BLOCK
from samebit.errors import InputError

_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12s")
_ZERO_BLOCK = bytes(BLOCK)
_HOLE = bytes(1 << 18)
# A member has one pax header, or a GNU long name and a long link, before its own.
_MAX_RAW_HEADERS = 8
_EXTENSIONS = b"xgLK"
_TYPES = b"\x0001234567S"
# Go's archive/tar, the reader in every common engine, takes no content from these, whatever their
# size field says.
_HEADER_ONLY = b"123456"
_SPARSE = b"GNU.sparse."
# Global records that say nothing about what an entry is; Go ignores all global records, POSIX
# applies them, so any other would be read differently by different tools.
_HARMLESS_GLOBALS = (b"comment", b"mtime", b"atime", b"ctime", b"uname", b"gname", b"charset")


@dataclass(frozen=True, slots=True)
class Header:
    """One archive member as the archive describes it.

    `name` is as written (it may have leading `./` or trailing slashes). `kind` is the type flag,
    with v7, contiguous and sparse files as `0`. `mode` may have bits beyond 07777. `size` counts
    the `holes` of sparse files (bytes). `mtime_ns` is in nanoseconds. `xattrs` are in the archive's
    order, their names without the SCHILY prefix.
    """

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: bytes
    uname: bytes
    gname: bytes
    device: tuple[int, int]
    xattrs: tuple[tuple[bytes, bytes], ...]
    holes: int = 0


class TarReader:
    """Read the members of an archive, given as chunks of bytes of any size, in order.

    `what` names the archive in errors. With `strict_end` the two zero blocks at the end must be
    there; without, the archive may also end between two members. `current` is the member whose
    content `read` gives. All methods raise InputError for archives that are malformed, truncated or
    ambiguous.

    `records` are the pax records of the current member in their order, `raw_headers` the blocks of
    its extended headers and its own, each of 512 bytes: what comparing archives needs beyond what
    the entry means. Only the first eight blocks are kept. `begins` is told where each member (and
    the end) begins: the position in the chunk that was taken last, and that chunk's size.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        what: str,
        *,
        strict_end: bool = True,
        begins: Callable[[int, int], None] | None = None,
    ) -> None:
        self._source = ChunkReader(chunks, what)
        self._begins = begins
        self._what = what
        self._strict_end = strict_end
        self._ended = False
        self.current: Header | None = None
        # Content of the current member: what the archive still holds of it, and the runs of data
        # and holes that its reader still has to see.
        self._stored = 0
        self._padding = 0
        self._runs: Iterator[tuple[bool, int]] = iter(())
        self._run_is_data = True
        self._run_left = 0
        self.records: tuple[tuple[bytes, bytes], ...] = ()
        self.raw_headers: tuple[bytes, ...] = ()

    def __iter__(self) -> Iterator[Header]:
        while (header := self.next()) is not None:
            yield header

    def next(self) -> Header | None:
        """Skip what is left of the current member; give the next one, None after the last."""
        if self._ended:
            return None
        self._source.skip(self._stored + self._padding)
        if self._begins is not None:
            self._begins(*self._source.place)
        self._stored = self._padding = self._run_left = 0
        self._runs = iter(())
        self.current = None
        records: list[tuple[bytes, bytes]] = []
        long_names: dict[bytes, bytes] = {}
        raw_headers: list[bytes] = []
        while True:
            block = self._header_block(pending=bool(records or long_names))
            if block is None:
                self._ended = True
                return None
            if len(raw_headers) < _MAX_RAW_HEADERS:
                raw_headers.append(block)
            fields = _FIELDS.unpack(block)
            what = f"{self._what}: entry {_text(fields[0])!r}"
            _verify(block, fields[6], what)
            flag = fields[7]
            if flag not in _EXTENSIONS:
                self.records = tuple(records)
                self.raw_headers = tuple(raw_headers)
                return self._member(block, fields, records, long_names)
            data = self._extension(fields, what)
            if flag == b"x":
                records = list(decode_records(data, what))
            elif flag == b"g":
                _check_global(decode_records(data, what), what)
            else:
                long_names[flag] = _text(data)

    def read(self, limit: int = 1 << 18) -> bytes:
        """Give the next bytes of the current member's content, at most `limit`; empty at its end.

        Holes of sparse files read as zeros.
        """
        while not self._run_left:
            run = next(self._runs, None)
            if run is None:
                return b""
            self._run_is_data, self._run_left = run
        if self._run_is_data:
            data = self._source.some(min(limit, self._run_left))
            self._stored -= len(data)
        else:
            data = _HOLE[: min(limit, self._run_left)]
        self._run_left -= len(data)
        return data

    def drain(self) -> None:
        """Read whatever follows the end of the archive, so that the stream's checks run."""
        self._source.drain()

    def _header_block(self, *, pending: bool) -> bytes | None:
        block = self._source.take_unless_end(BLOCK)
        if block is not None and block != _ZERO_BLOCK:
            return block
        if pending:
            raise InputError(f"{self._what}: an extended header without its entry")
        second = self._source.take_unless_end(BLOCK) if block else None
        if second is None and self._strict_end:
            raise InputError(f"{self._what}: truncated, the end of the archive is missing")
        if second is not None and second != _ZERO_BLOCK:
            raise InputError(f"{self._what}: a lone block of zeros inside the archive")
        return None

    def _extension(self, fields: tuple[bytes, ...], what: str) -> bytes:
        size = number(fields[4], what)
        if not 0 <= size <= MAX_RECORDS:
            raise InputError(f"{what}: an extended header of {size} bytes")
        data = self._source.take(size)
        self._source.skip(-size % BLOCK)
        return data

    def _member(
        self,
        block: bytes,
        fields: tuple[bytes, ...],
        records: list[tuple[bytes, bytes]],
        long_names: dict[bytes, bytes],
    ) -> Header:
        pax = dict(records)
        name, uname, gname = _names(block, fields)
        name = pax.get(b"path") or long_names.get(b"L") or name
        name = pax.get(b"GNU.sparse.name") or name
        what = f"{self._what}: entry {name!r}"
        flag = fields[7]
        if flag not in _TYPES:
            raise InputError(f"{what}: the entry type {flag!r} is not supported")
        if flag == b"\0" and name.endswith(b"/"):
            flag = b"5"  # v7 had no type for directories
        stored = 0
        if flag not in _HEADER_ONLY:
            stored = _override(pax, b"size", fields[4], what)
        self._stored, self._padding = stored, -stored % BLOCK
        device = (0, 0)
        if flag in b"34":
            device = (number(fields[12], what), number(fields[13], what))
            if min(device) < 0:
                raise InputError(f"{what}: a negative device number")
        size = self._open_content(block, flag, records, pax, what)
        self.current = Header(
            name=name,
            kind=flag if flag in _HEADER_ONLY else b"0",
            mode=number(fields[1], what),
            uid=_override(pax, b"uid", fields[2], what),
            gid=_override(pax, b"gid", fields[3], what),
            size=size,
            mtime_ns=_mtime(pax.get(b"mtime"), fields[5], what),
            link=pax.get(b"linkpath") or long_names.get(b"K") or _text(fields[8]),
            uname=pax.get(b"uname") or uname,
            gname=pax.get(b"gname") or gname,
            device=device,
            xattrs=tuple(
                (key[len(XATTR) :], value) for key, value in pax.items() if key.startswith(XATTR)
            ),
            holes=size - self._stored if flag not in _HEADER_ONLY else 0,
        )
        return self.current

    def _open_content(
        self,
        block: bytes,
        flag: bytes,
        records: list[tuple[bytes, bytes]],
        pax: dict[bytes, bytes],
        what: str,
    ) -> int:
        found: sparse.SparseMap | None = None
        if flag == b"S":
            found = sparse.old_gnu(block, lambda: self._source.take(BLOCK), what)
        elif any(key.startswith(_SPARSE) for key in pax):
            if flag in _HEADER_ONLY:
                raise InputError(f"{what}: a sparse map on something that is not a file")
            found = self._pax_sparse(records, pax, what)
        if found is None:
            self._runs = iter(((True, self._stored),))
            return self._stored
        if sum(length for _, length in found.regions) != self._stored:
            raise InputError(f"{what}: a sparse map that does not fit the stored content")
        self._runs = found.runs()
        return found.size

    def _pax_sparse(
        self, records: list[tuple[bytes, bytes]], pax: dict[bytes, bytes], what: str
    ) -> sparse.SparseMap:
        version = (pax.get(b"GNU.sparse.major"), pax.get(b"GNU.sparse.minor"))
        if version == (b"1", b"0"):
            return sparse.pax_1(pax.get(b"GNU.sparse.realsize", b""), self._map_block, what)
        if version not in ((None, None), (b"0", b"0"), (b"0", b"1")):
            raise InputError(f"{what}: an unknown form of sparse file: {version!r}")
        listed = pax.get(b"GNU.sparse.map")
        numbers = listed.split(b",") if listed else sparse.pax_0_0_numbers(records, what)
        return sparse.pax_0(pax.get(b"GNU.sparse.size", b""), numbers, what)

    def _map_block(self) -> bytes:
        if self._stored < BLOCK:
            raise InputError(f"{self._what}: a sparse map that runs past its file")
        self._stored -= BLOCK
        return self._source.take(BLOCK)


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _verify(block: bytes, field: bytes, what: str) -> None:
    # Each slice is too short for Adler-32's modulus to matter, so its low half gives plain sums.
    total = (adler32(block[:148]) & 0xFFFF) + (adler32(block[156:356]) & 0xFFFF)
    total += (adler32(block[356:]) & 0xFFFF) - 3 + 8 * 0x20
    expected = number(field, what)
    if total == expected:
        return
    # Some old writers summed signed bytes.
    high = sum(byte >= 0x80 for byte in block[:148] + block[156:])
    if total - 256 * high != expected:
        raise InputError(f"{what}: the header's checksum does not match")


def _names(block: bytes, fields: tuple[bytes, ...]) -> tuple[bytes, bytes, bytes]:
    name, magic = _text(fields[0]), fields[9]
    if magic == b"ustar\x0000":
        prefix = _text(fields[14])
        if block[508:] == b"tar\0":
            prefix = _text(fields[14][:131])  # star keeps times behind a shorter prefix
        if prefix:
            name = prefix + b"/" + name
    elif magic != b"ustar  \0":
        return name, b"", b""
    return name, _text(fields[10]), _text(fields[11])


def _override(pax: dict[bytes, bytes], key: bytes, field: bytes, what: str) -> int:
    text = pax.get(key)
    value = decimal(text, what) if text else number(field, what)
    if value < 0:
        raise InputError(f"{what}: a negative {key.decode()}")
    return value


def _mtime(text: bytes | None, field: bytes, what: str) -> int:
    if not text:
        return number(field, what) * 1_000_000_000
    whole, _, fraction = text.removeprefix(b"-").partition(b".")
    seconds = decimal(whole, what)
    nanoseconds = decimal((fraction[:9]).ljust(9, b"0"), what)
    value = seconds * 1_000_000_000 + nanoseconds
    return -value if text.startswith(b"-") else value


def _check_global(records: Iterable[tuple[bytes, bytes]], what: str) -> None:
    for key, _ in records:
        if key not in _HARMLESS_GLOBALS:
            raise InputError(
                f"{what}: a global pax header sets {key!r}, which readers do not agree on"
            )
