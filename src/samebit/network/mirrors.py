"""Mirrors of the host: SAMEBIT_MIRRORS says which addresses are to be asked elsewhere.

`FROM=TO` each, divided by blanks; both are URLs. What begins with FROM is asked for at TO, and a
redirect to TO is given to the client as one to FROM: the lock names what the build asked for. TO
may hold a user and a password. What a client sends to prove who it is stays away from a mirror.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

VARIABLE = "SAMEBIT_MIRRORS"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnusableMirrorError(Exception):
    """The variable is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of addresses: `path` begins and ends with a slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Word host and port as a Host header does."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Mirror:
    """`authorization` is the value of Authorization that the mirror wants, empty for none."""

    source: Prefix
    target: Prefix
    authorization: str = field(default="", repr=False)

    def there(self, path: str) -> str:
        """Give the mirror's path (and query) for one of the source."""
        return self.target.path + path.removeprefix(self.source.path)

    def back(self, location: str) -> str:
        """Give the source's address for one of the mirror's, any other one as it is."""
        if location.startswith("/") and not location.startswith("//"):
            location = f"{self.target.scheme}://{self.target.authority}{location}"
        beginning = str(self.target)
        if not location.startswith(beginning):
            return location
        return str(self.source) + location.removeprefix(beginning)


def read_mirrors(environment: Mapping[str, str]) -> tuple[Mirror, ...]:
    """Read the variable. Raises UnusableMirrorError, which shows no password."""
    found = []
    for number, word in enumerate(environment.get(VARIABLE, "").split(), 1):
        # The second scheme, because a path may hold an equals sign.
        at = max(word.find("=http://"), word.find("=https://"))
        if at < 0:
            raise UnusableMirrorError(f"{VARIABLE}: entry {number} is not FROM=TO, two HTTP URLs")
        source, _ = _prefix(word[:at], number)
        target, authorization = _prefix(word[at + 1 :], number)
        found.append(Mirror(source, target, authorization))
    # Of two that fit, the longer one is meant.
    return tuple(sorted(found, key=lambda mirror: len(mirror.source.path), reverse=True))


def choose_mirror(
    mirrors: tuple[Mirror, ...], scheme: str, host: str, port: int, path: str
) -> Mirror | None:
    """Choose the mirror for an address, None for none."""
    for mirror in mirrors:
        source = mirror.source
        if (source.scheme, source.host, source.port) == (scheme, host.lower(), port) and (
            path.startswith(source.path)
        ):
            return mirror
    return None


def _prefix(url: str, number: int) -> tuple[Prefix, str]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise UnusableMirrorError(f"{VARIABLE}: entry {number} has no valid port") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        raise UnusableMirrorError(f"{VARIABLE}: entry {number} is not FROM=TO, two HTTP URLs")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    prefix = Prefix(parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], path)
    return prefix, authorization
