"""Values that are made anew each time: UUIDs, salts, temporary names, process IDs, random text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from samebit.explain.protocol import (
    Collected,
    Detector,
    Found,
    Pair,
    Window,
    hidden,
    is_secret,
    shown,
)
from samebit.model.explanation import Cause, Confidence, Evidence

_RANDOM = "https://reproducible-builds.org/docs/randomness/"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Text of one shape on both sides. `group` is the part that must differ."""

    cause: Cause
    pattern: re.Pattern[bytes]

    def detect(self, pair: Pair) -> Iterator[Found]:
        found = Collected()
        cause = self.cause
        for number, a, b in pair:
            left, right = self._touching(a), self._touching(b)
            if left is None or right is None or left[0] == right[0]:
                continue
            secret = self.cause.confidential or _is_secret(self, a, left)
            say = hidden if secret else shown
            evidence = Evidence(
                a.offset + left.start(), b.offset + right.start(), say(left[0]), say(right[0])
            )
            cause = replace(cause, confidential=cause.confidential or secret)
            found.add(number, evidence, cause.confidence)
        yield from found.found(cause)

    def _touching(self, window: Window) -> re.Match[bytes] | None:
        for match in self.pattern.finditer(window.data):
            if match.start() < max(window.end, window.start + 1) and match.end() > window.start:
                return match
        return None


def _is_secret(shape: _Shape, window: Window, match: re.Match[bytes]) -> bool:
    if shape is not _HEX:
        return False
    start = window.data.rfind(b"\n", 0, match.start()) + 1
    return is_secret(window.data[start : match.start()])


def _shape(name: str, sure: Confidence, what: str, fix: str, pattern: bytes) -> _Shape:
    axis = "aslr" if name == "process/address" else ""
    cause = Cause(name, sure, what, fix, _RANDOM, axis=axis, confidential=name == "random/salt")
    return _Shape(cause, re.compile(pattern))


_UUID = _shape(
    "random/uuid",
    Confidence.CERTAIN,
    "a UUID is made anew in each build",
    "make the UUID when the container starts, derive it from a name (uuidgen --sha1 --namespace"
    " @dns --name …), or write a fixed one",
    rb"(?i)(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    rb"(?![0-9a-f])",
)
_CRYPT = _shape(
    "random/salt",
    Confidence.CERTAIN,
    "a password is stored with a random salt",
    "set no password in the build, or give the finished hash: usermod --password 'HASH' USER",
    rb"\$(?:1|2[aby]|5|6|y|gy|7|argon2id?)\$[^\s:]{8,}",
)
_TEMPORARY = _shape(
    "path/temporary",
    Confidence.LIKELY,
    "the random name of a temporary file or directory is written in it",
    "work in a directory with a fixed name instead of mktemp's",
    rb"/(?:tmp|var/tmp|dev/shm|run)/[\w.+-]*[\w+-]{6,}|(?<![\w/])tmp\.?[\w]{6,10}(?!\w)",
)
_PID = _shape(
    "process/id",
    Confidence.LIKELY,
    "the ID of a process of the build is written in it",
    "leave the process ID ($$, getpid) out; mktemp or a fixed name does for temporary files",
    rb"(?i)(?:\bpid\b|process(?:[ _-]?id)?|\[)\W{0,4}\d{1,7}\b\]?",
)
_ADDRESS = _shape(
    "process/address",
    Confidence.LIKELY,
    "the address of something in the memory of a program of the build is written in it",
    "print a name or a number of your own instead of the object (<object at 0x…>, %p)",
    rb"(?i)(?<![0-9a-z])0x[0-9a-f]{8,16}(?![0-9a-f])",
)
_HEX = _shape(
    "random/text",
    Confidence.LIKELY,
    "random or hashed text differs, of the length of a key or digest",
    "give the program a fixed seed, or make the value when the container starts; where it is the"
    " hash of another file, mend that file",
    rb"(?i)(?<![0-9a-f.])(?=\d*[a-f])[0-9a-f]{16,}(?![0-9a-f])|(?<![\w+/])(?=[\w+/]*\d)(?=[\w+/]*[A-Z])"
    rb"[A-Za-z0-9+/]{20,}={0,2}(?![\w+/=])",
)

UUID = Detector(_UUID.cause.name, _UUID.detect, rank=22)
SALT = Detector(_CRYPT.cause.name, _CRYPT.detect, rank=21)
TEMPORARY = Detector(_TEMPORARY.cause.name, _TEMPORARY.detect, rank=24)
PROCESS = Detector(_PID.cause.name, _PID.detect, rank=45)
ADDRESS = Detector(_ADDRESS.cause.name, _ADDRESS.detect, rank=44)
TEXT = Detector(_HEX.cause.name, _HEX.detect, rank=60)
