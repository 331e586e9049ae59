"""GnuPG's key rings: when each key was put in, and when the trust database was made.

Layout: gnupg, kbx/keybox-blob.c (each blob ends with a SHA-1 of what is before) and doc/DETAILS.
"""

from __future__ import annotations

import hashlib
import struct
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_LARGEST_BLOB = 64 << 20
_FIRST, _OPENPGP, _X509 = 1, 2, 3
_DIGEST = 20
_HOMES = (b"**/.gnupg/", b"etc/pacman.d/gnupg/", b"etc/apt/")


def _keybox(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if facts.epoch >= 1 << 32:
        return False
    time = struct.pack(">I", facts.epoch)
    changed = False
    at = 0
    while at < size:
        head = source.read(4)
        length = int.from_bytes(head, "big")
        if not 6 <= length <= min(size - at, _LARGEST_BLOB):
            return False
        blob = head + source.read(length - 4)
        at += length
        try:
            new = _with_time(blob, time)
        except struct.error:
            return False
        if new is None:
            return False
        changed = changed or new != blob
        sink(new)
    return changed


def _with_time(blob: bytes, time: bytes) -> bytes | None:
    """Give a blob with another time of creation; None for one that is not understood."""
    if blob[4] == _FIRST:
        # The times of creation and of the last maintenance.
        return blob[:16] + time + time + blob[24:] if blob[8:12] == b"KBXf" else None
    if blob[4] not in (_OPENPGP, _X509):
        return blob
    at = _time_of(blob)
    content, digest = blob[:-_DIGEST], blob[-_DIGEST:]
    # A ring that gpg changed in place has no checksum but zeros.
    if at + 4 > len(content) or digest not in (_sha1(content), bytes(_DIGEST)):
        return None
    content = content[:at] + time + content[at + 4 :]
    return content + (_sha1(content) if any(digest) else digest)


def _time_of(blob: bytes) -> int:
    """Find the time of creation, after lists of keys, a serial number, names and signatures."""
    at = _after_list(blob, 16)
    at += 2 + _short(blob, at)
    for _ in range(2):
        at = _after_list(blob, at)
    # Ownertrust, validity, reserved (2), recheck after, latest timestamp.
    return at + 12


def _after_list(blob: bytes, at: int) -> int:
    return at + 4 + _short(blob, at) * _short(blob, at + 2)


def _short(blob: bytes, at: int) -> int:
    if at + 2 > len(blob):
        raise struct.error
    return int.from_bytes(blob[at : at + 2], "big")


def _trust(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    data = source.read(16)
    if len(data) < 16 or size > _LARGEST_BLOB or facts.epoch >= 1 << 32:
        return False
    new = data[:12] + struct.pack(">I", facts.epoch)
    if new == data:
        return False
    sink(new)
    while rest := source.read(1 << 16):
        sink(rest)
    return True


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


KEYBOX = Normaliser(
    name="gnupg/keybox",
    action=Action.REWRITE,
    paths=(
        *(home + b"pubring.kbx" for home in _HOMES),
        b"etc/apt/trusted.gpg",
        b"etc/apt/trusted.gpg.d/*",
        b"etc/apt/keyrings/*",
        b"usr/share/keyrings/*",
    ),
    magic=((8, b"KBXf"),),
    rewrite=_keybox,
    why="The times at which the ring was made and each key put in become the epoch, and the"
    " checksums are made anew. The keys themselves are the same bytes.",
    reference="GnuPG, kbx/keybox-blob.c",
)
TRUST = Normaliser(
    name="gnupg/trustdb",
    action=Action.REWRITE,
    paths=tuple(home + b"trustdb.gpg" for home in _HOMES),
    magic=((0, b"\x01gpg\x03"),),
    rewrite=_trust,
    why="The time at which the database was made becomes the epoch; nothing decides by it.",
    reference="GnuPG, doc/DETAILS, trust database",
)
DEBRIS = Normaliser(
    name="gnupg/debris",
    action=Action.REVERT,
    paths=tuple(
        home + name
        for home in _HOMES[:2]
        for name in (b"pubring.kbx~", b"pubring.gpg~", b"random_seed", b".#lk*", b"*.lock")
    ),
    why="Copies from before the last write, the state of the random number generator, and locks"
    " named after the process. GnuPG makes them anew.",
    reference="gpg(1), FILES",
)
