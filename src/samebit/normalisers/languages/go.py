"""Go's build cache."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

BUILD_CACHE = Normaliser(
    name="go/build-cache",
    action=Action.REMOVE,
    paths=(b"**/.cache/go-build", b"**/.cache/go-build/**", b"**/.cache/golangci-lint/**"),
    why="Results that go computes again; their index has the time of each.",
    reference="go help cache",
)
