"""Compiler caches."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

COMPILER_CACHE = Normaliser(
    name="c/compiler-cache",
    action=Action.REMOVE,
    paths=(
        b"**/.ccache",
        b"**/.ccache/**",
        b"**/.cache/ccache",
        b"**/.cache/ccache/**",
        b"**/.cache/sccache",
        b"**/.cache/sccache/**",
    ),
    why="Results of the compiler, and statistics of hits and times.",
    reference="ccache(1); sccache",
)
