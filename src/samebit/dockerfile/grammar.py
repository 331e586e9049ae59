"""The instructions and their flags (Dockerfile reference, one section each)."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable


class FlagKind(enum.Enum):
    """What a flag takes: true/false or nothing; one value; a value each time it is given."""

    SWITCH = "switch"
    VALUE = "value"
    REPEATED = "repeated"


_S, _V, _R = FlagKind.SWITCH, FlagKind.VALUE, FlagKind.REPEATED

FLAGS: dict[str, dict[str, FlagKind]] = {
    "ADD": {
        "checksum": _V,
        "chmod": _V,
        "chown": _V,
        "exclude": _R,
        "keep-git-dir": _S,
        "link": _S,
        "unpack": _S,
    },
    "ARG": {},
    "CMD": {},
    "COPY": {
        "chmod": _V,
        "chown": _V,
        "exclude": _R,
        "from": _V,
        "link": _S,
        "parents": _S,
    },
    "ENTRYPOINT": {},
    "ENV": {},
    "EXPOSE": {},
    "FROM": {"platform": _V},
    "HEALTHCHECK": {
        "interval": _V,
        "retries": _V,
        "start-interval": _V,
        "start-period": _V,
        "timeout": _V,
    },
    "LABEL": {},
    "MAINTAINER": {},
    "ONBUILD": {},
    "RUN": {"device": _R, "mount": _R, "network": _V, "security": _V},
    "SHELL": {},
    "STOPSIGNAL": {},
    "USER": {},
    "VOLUME": {},
    "WORKDIR": {},
}

CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("RUN", "network"): ("default", "none", "host"),
    ("RUN", "security"): ("sandbox", "insecure"),
}

# Instructions whose arguments may be a JSON array.
JSON_FORM = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})

# Instructions that may carry heredocs, unless their arguments are a JSON array.
HEREDOC = frozenset({"ADD", "COPY", "RUN"})


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the one of `valid` that `name` was probably meant to be, or None."""
    close = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)
    return close[0] if close else None
