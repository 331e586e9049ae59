"""A request as a client in RUN sent it, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from samebit.model.digest import Digest
from samebit.network.upstream import Origin

_CHUNK = 1 << 18

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body, kept in `file` from its begin."""

    file: BinaryIO
    size: int
    digest: Digest

    def pieces(self) -> Iterator[bytes]:
        """Give the body anew."""
        self.file.seek(0)
        while piece := self.file.read(_CHUNK):
            yield piece


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `url` is absolute as sent, secrets included; `instruction` marks the step."""

    method: str
    url: str
    target: str
    headers: Headers = field(repr=False)
    body: Body | None
    origin: Origin
    instruction: str
    fields: Mapping[str, str] = field(init=False, repr=False)
    """Headers by lower-case name, several of one name joined (RFC 9110, 5.3)."""

    def __post_init__(self) -> None:
        found: dict[str, str] = {}
        for name, value in self.headers:
            lower = name.lower()
            found[lower] = f"{found[lower]}, {value}" if lower in found else value
        object.__setattr__(self, "fields", found)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `length` is that of `content` in bytes, None when it is not known before its end.

    `content` must be read to its end: a recording is complete only then. For an answer to HEAD it
    gives nothing, whatever `length` says.
    """

    status: int
    reason: str
    headers: Headers
    length: int | None
    content: Iterator[bytes]


def plain_answer(status: int, reason: str, text: str) -> Answer:
    """Give an answer of our own; `reason` goes into the status line, where clients show it."""
    data = (text + "\n").encode("utf-8", "replace")
    clean = "".join(c if " " <= c <= "~" else "?" for c in reason)
    return Answer(
        status, clean, (("Content-Type", "text/plain; charset=utf-8"),), len(data), iter((data,))
    )
