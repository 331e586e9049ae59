"""The certificates that Java trusts, as a keystore in Java's own format (JKS).

Layout: sun.security.provider.JavaKeyStore. The last 20 bytes are a SHA-1 over the password, a
phrase and what is before them; the password of this store is public.
"""

from __future__ import annotations

import hashlib
import struct
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_LARGEST = 64 << 20
_DIGEST = 20
_SALT = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
_MAGIC = b"\xfe\xed\xfe\xed\x00\x00\x00\x02"
_TRUSTED = b"\x00\x00\x00\x02"
_MADE_IN_PLACE = (
    b"etc/ssl/certs/java/cacerts",
    b"etc/pki/ca-trust/extracted/java/cacerts",
    b"etc/pki/java/cacerts",
)
# The object identifiers of PBES2 and of PKCS #12's own ciphers; a JDK's own store has neither.
_ENCRYPTED = (
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d",
    b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01",
)


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if size > _LARGEST:
        return False
    data = source.read(size)
    content, digest = data[:-_DIGEST], data[-_DIGEST:]
    if len(data) != size or hashlib.sha1(_SALT + content, usedforsecurity=False).digest() != digest:
        return facts.leave("is a keystore with another password, so its dates cannot be changed")
    entries = _entries(content, facts.epoch * 1000)
    if entries is None:
        return facts.leave("is a keystore with private keys, which are encrypted at random")
    new = content[:12] + b"".join(entry for _, entry in sorted(entries))
    if new == content:
        return False
    sink(new)
    sink(hashlib.sha1(_SALT + new, usedforsecurity=False).digest())
    return True


def _entries(content: bytes, milliseconds: int) -> list[tuple[bytes, bytes]] | None:
    """Give alias and bytes of each certificate, with the new date; None where there are others."""
    found = []
    at = 12
    try:
        (count,) = struct.unpack_from(">I", content, 8)
        for _ in range(count):
            if content[at : at + 4] != _TRUSTED:
                return None
            start = at
            alias, at = _counted(content, at + 4, ">H")
            date_at = at
            _, at = _counted(content, at + 8, ">H")
            _, at = _counted(content, at, ">I")
            entry = content[start:date_at] + struct.pack(">q", milliseconds)
            found.append((alias, entry + content[date_at + 8 : at]))
    except struct.error:
        return None
    return found if at == len(content) else None


def _counted(content: bytes, at: int, form: str) -> tuple[bytes, int]:
    (length,) = struct.unpack_from(form, content, at)
    start = at + struct.calcsize(form)
    if start + length > len(content):
        raise struct.error
    return content[start : start + length], start + length


def _report(source: BinaryIO, size: int, _sink: Sink, facts: Facts) -> bool:
    data = source.read(min(size, _LARGEST))
    if not any(mark in data for mark in _ENCRYPTED):
        return False
    return facts.leave("is a PKCS #12 keystore: its encryption and checksum are salted at random")


CACERTS = Normaliser(
    name="java/cacerts",
    action=Action.REWRITE,
    paths=_MADE_IN_PLACE,
    magic=((0, _MAGIC),),
    rewrite=_rewrite,
    made_here=True,
    why="Each certificate has the date of its import and a place that follows no order. The dates"
    " become the epoch, the order that of the aliases, and the checksum is made anew.",
    reference="JDK, sun.security.provider.JavaKeyStore",
)
CACERTS_OF_JDK = Normaliser(
    name="java/cacerts-of-jdk",
    action=Action.REWRITE,
    paths=(b"**/lib/security/cacerts",),
    magic=((0, _MAGIC),),
    rewrite=_rewrite,
    why="The same where a JDK keeps a store of its own, into which a step put a certificate.",
    reference="JDK, sun.security.provider.JavaKeyStore",
)
CACERTS_PKCS12 = Normaliser(
    name="java/cacerts-pkcs12",
    action=Action.REWRITE,
    paths=_MADE_IN_PLACE,
    magic=((0, b"\x30\x82"), (0, b"\x30\x83"), (0, b"\x30\x80")),
    rewrite=_report,
    made_here=True,
    why="Nothing is changed: such a store is encrypted with a random salt, and is reported.",
    reference="RFC 7292, appendix B",
)
