"""Files that are somebody else's bytes: what has a checksum or signature is never rewritten.

A program that verifies such a file must find it as it was published, and as it was published it is
no noise: the lock pins what was fetched.
"""

from __future__ import annotations

import re

from samebit.normalisers.protocol import Facts

_SIDECARS = (
    b".asc",
    b".md5",
    b".sha1",
    b".sha256",
    b".sha512",
    b".sig",
    b".minisig",
    b".sigstore",
)
# Caches of downloads that name their files by checksum or keep checksums elsewhere.
_CACHES = re.compile(
    rb"(?:.*/)?(?:"
    rb"_cacache/.*|"  # npm
    rb"pkg/mod/cache/download/.*|"  # Go
    rb"registry/cache/[^/]+/[^/]+\.crate|"  # Cargo
    rb"files-2\.1/.*|"  # Gradle
    rb"gems/[^/]+/cache/[^/]+\.gem|"  # RubyGems
    rb"\.nuget/packages/.*|"
    rb"archives/[^/]+\.deb|"
    rb"objects/pack/[^/]+\.(?:pack|idx|rev)|"
    rb"[^/]+\.(?:deb|udeb|rpm|crate|gem)"
    rb")",
    re.DOTALL,
)


def is_original(facts: Facts) -> bool:
    """Tell whether the file is to stay as it is because its bytes are vouched for."""
    path = facts.entry.path
    if _CACHES.fullmatch(path):
        return True
    return any(facts.trees.entry(path + ending) is not None for ending in _SIDECARS)
