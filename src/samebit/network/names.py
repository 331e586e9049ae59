"""Names in the build namespace: every name has an address, made from the name (RFC 1035).

Which names exist is not asked of anybody, so a replay needs no network to answer. What is asked of
a name beyond its address would be an input that nobody records: such questions are refused.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address

from samebit.network.namespaces import LINK_NETWORK, NAMES_NETWORK

_A, _PTR, _ANY_CLASS_IN = 1, 12, 1
# What resolvers and clients ask beside the address, and do well without: NS, CNAME, SOA, AAAA, SRV,
# NAPTR, DNAME, SVCB, HTTPS, URI.
_WITHOUT = frozenset({2, 5, 6, 28, 33, 35, 39, 64, 65, 256})
_TYPES = {13: "HINFO", 15: "MX", 16: "TXT", 43: "DS", 48: "DNSKEY", 255: "ANY", 257: "CAA"}
_NOERROR, _FORMERR, _NXDOMAIN, _NOTIMP, _REFUSED = 0, 1, 3, 4, 5
_RESPONSE, _AUTHORITATIVE, _RECURSION_DESIRED, _RECURSION_AVAILABLE = 0x8000, 0x400, 0x100, 0x80
_OPCODE = 0x7800
_TTL = 3600
_QUESTION_AT = 12
_LOOPBACK = IPv4Address("127.0.0.1")


class Names:
    """The addresses that names were given, and back; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._addresses: dict[str, IPv4Address] = {}
        self._names: dict[IPv4Address, str] = {}

    def address(self, name: str) -> IPv4Address:
        """Give the address of a name; `localhost` and what is below it stay in the namespace."""
        name = name.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost"):
            return _LOOPBACK
        with self._lock:
            found = self._addresses.get(name)
            if found is None:
                found = self._free(name)
                self._addresses[name] = found
                self._names[found] = name
            return found

    def name(self, address: str) -> str | None:
        """Give the name that has an address, None for one that no name was given."""
        return self._names.get(IPv4Address(address))

    def _free(self, name: str) -> IPv4Address:
        hashed = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8])
        size = NAMES_NETWORK.num_addresses
        for step in range(size):
            found = NAMES_NETWORK[(hashed + step) % size]
            if found not in self._names and found not in LINK_NETWORK and int(found) & 0xFF:
                return found
        # Forty times more names than any build asks for: the first one gives its address up.
        return NAMES_NETWORK[hashed % size]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back, and what was refused, in words (None: nothing)."""

    message: bytes
    refused: str | None = None


def answer(query: bytes, names: Names) -> Reply | None:
    """Answer a DNS message; None for what is not a question at all."""
    if len(query) < _QUESTION_AT:
        return None
    identity, flags, questions = struct.unpack_from("!HHH", query)
    if flags & _RESPONSE:
        return None
    keep = (flags & (_OPCODE | _RECURSION_DESIRED)) | _RESPONSE | _RECURSION_AVAILABLE
    if flags & _OPCODE:
        return Reply(_message(identity, keep | _NOTIMP), "an unusual DNS operation")
    question = _question(query) if questions == 1 else None
    if question is None:
        return Reply(_message(identity, keep | _FORMERR))
    name, kind, number_class, raw = question
    keep |= _AUTHORITATIVE
    if number_class != _ANY_CLASS_IN:
        return Reply(
            _message(identity, keep | _REFUSED, raw), f"DNS class {number_class} of {name}"
        )
    if kind == _A:
        address = names.address(name).packed
        record = struct.pack("!HHHIH", 0xC000 | _QUESTION_AT, _A, 1, _TTL, 4) + address
        return Reply(_message(identity, keep | _NOERROR, raw, record))
    if kind == _PTR:
        return Reply(_message(identity, keep | _NXDOMAIN, raw))
    if kind in _WITHOUT:
        return Reply(_message(identity, keep | _NOERROR, raw))
    spoken = _TYPES.get(kind, f"type {kind}")
    return Reply(_message(identity, keep | _REFUSED, raw), f"DNS {spoken} of {name}")


def _question(query: bytes) -> tuple[str, int, int, bytes] | None:
    labels = []
    at = _QUESTION_AT
    while True:
        length = query[at] if at < len(query) else 0xFF
        if length > 63:
            return None
        at += 1
        if length == 0:
            break
        labels.append(query[at : at + length].decode("utf-8", "backslashreplace"))
        at += length
    if at + 4 > len(query):
        return None
    kind, number_class = struct.unpack_from("!HH", query, at)
    return ".".join(labels).lower() or ".", kind, number_class, query[_QUESTION_AT : at + 4]


def _message(identity: int, flags: int, question: bytes = b"", record: bytes = b"") -> bytes:
    counts = (int(bool(question)), int(bool(record)), 0, 0)
    return struct.pack("!HHHHHH", identity, flags, *counts) + question + record
