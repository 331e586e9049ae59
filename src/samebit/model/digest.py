"""Content digests as the OCI image specification writes them (descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from samebit.errors import InputError

_SHA256 = re.compile(r"sha256:[a-f0-9]{64}\Z")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 digest; `str()` gives `sha256:<64 lower-case hex digits>`."""

    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<hex>`; raises InputError for anything else, other algorithms included."""
        if not _SHA256.match(text):
            raise InputError(
                f"not a sha256 digest: {text[:100]!r}",
                fix="samebit works with digests of the form sha256:<64 hex digits>",
            )
        return cls(text[7:])

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Compute the digest of `data`."""
        return cls(hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
