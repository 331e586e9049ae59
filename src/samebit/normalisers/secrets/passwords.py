"""Hashed passwords with a random salt in /etc/shadow."""

from __future__ import annotations

from typing import BinaryIO

from samebit.normalisers.protocol import Detector, Facts

_LARGEST = 16 << 20


def _inspect(source: BinaryIO, size: int, facts: Facts) -> str | None:
    if size > _LARGEST:
        return None
    file = facts.trees.open_base(facts.entry.path)
    before: dict[bytes, bytes] = {}
    if file is not None:
        with file:
            before = _hashes(file.read(_LARGEST))
    new = [
        name.decode("utf-8", "backslashreplace")
        for name, hashed in _hashes(source.read(size)).items()
        if before.get(name) != hashed
    ]
    if not new:
        return None
    return f"has the password of {', '.join(sorted(new))}, with a salt that may be random"


def _hashes(data: bytes) -> dict[bytes, bytes]:
    """Give the passwords that are set, by user: not those that are locked, empty or invalid."""
    found = {}
    for line in data.splitlines():
        fields = line.split(b":")
        if len(fields) == 9 and fields[1].lstrip(b"!").startswith((b"$", b"_")):
            found[fields[0]] = fields[1]
    return found


PASSWORDS = Detector(
    name="secret/password-salt",
    paths=(b"etc/shadow",),
    inspect=_inspect,
    fix="set no password in an image; if it must be, give a finished hash: usermod -p HASH USER",
    reference="crypt(5); chpasswd(8)",
)
