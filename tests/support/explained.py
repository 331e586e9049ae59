"""Two made-up builds, and what `explain` says of two contents that they left."""

from __future__ import annotations

import io
import tarfile

from samebit.explain.content import Held
from samebit.explain.explain import explain
from samebit.explain.protocol import BuildFacts, Pair
from samebit.model.explanation import Cause, Explanation

# Two builds, a day and an hour apart: 2026-05-04 10:00:00 and 2026-05-05 11:00:00 UTC.
A = BuildFacts(
    started=1777888800,
    ended=1777888860,
    names=("alpha-host",),
    users=("alice",),
    kernel="6.1.0-18-amd64",
    paths=("/home/alice/src/app",),
    processors=2,
)
B = BuildFacts(
    started=1777978800,
    ended=1777978860,
    names=("beta",),
    users=("bob",),
    kernel="6.12.9",
    paths=("/srv/build/of bob",),
    processors=7,
)


def explained(a: bytes | str, b: bytes | str, path: bytes = b"srv/file") -> Explanation:
    """Explain two contents that the builds A and B left at one path."""
    sides = [side.encode() if isinstance(side, str) else side for side in (a, b)]
    return explain(Pair(path, Held(sides[0]), Held(sides[1]), A, B))


def only_cause(a: bytes | str, b: bytes | str, path: bytes = b"srv/file") -> Cause:
    """Give the one cause that explains everything."""
    found = explained(a, b, path)
    assert found.unexplained == 0, found
    assert len(found.causes) == 1, found
    return found.causes[0]


def make_tar(mtime: int, names: tuple[str, ...] = ("a", "b"), mode: int = 0o644) -> bytes:
    """Make an archive of files of one byte."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = 1, mtime, mode
            archive.addfile(entry, io.BytesIO(b"x"))
    return target.getvalue()
