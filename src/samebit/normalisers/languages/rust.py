"""Cargo: the record of last uses, and what incremental compilation remembers."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

LAST_USES = Normaliser(
    name="rust/last-uses",
    action=Action.REMOVE,
    paths=(b"**/.global-cache", b"**/.package-cache", b"**/.package-cache-mutate"),
    why="When cargo last used each download, for its clean-up, and its lock files; it makes new"
    " ones.",
    reference="cargo, global_cache_tracker",
)

INCREMENTAL = Normaliser(
    name="rust/incremental",
    action=Action.REMOVE,
    paths=(
        b"**/target/debug/incremental",
        b"**/target/debug/incremental/**",
        b"**/target/release/incremental",
        b"**/target/release/incremental/**",
    ),
    why="What the compiler remembers for its next run, in directories with random names.",
    reference="cargo, build cache; rustc-dev-guide, incremental compilation",
)

COMPILER_FACTS = Normaliser(
    name="rust/compiler-facts",
    action=Action.REMOVE,
    paths=(b"**/target/.rustc_info.json",),
    why="What cargo remembers of the compiler's answers, with a checksum over the time of its file;"
    " it asks again, and what is built stays fresh.",
    reference="cargo, util/rustc",
)
