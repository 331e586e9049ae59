"""pip, uv and poetry: caches; caches of test and check tools."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

CACHE = Normaliser(
    name="python/cache",
    action=Action.REMOVE,
    paths=(
        b"**/.cache/pip",
        b"**/.cache/pip/**",
        b"**/.cache/uv",
        b"**/.cache/uv/**",
        b"**/.cache/pypoetry",
        b"**/.cache/pypoetry/**",
        b"**/.cache/pipenv",
        b"**/.cache/pipenv/**",
    ),
    why="Downloads and wheels that the tools fetch or build again; stored with dates and random"
    " names.",
    reference="pip cache; uv cache; poetry, cache-dir",
)

CHECK_CACHES = Normaliser(
    name="python/check-caches",
    action=Action.REMOVE,
    paths=(
        b"**/.pytest_cache",
        b"**/.pytest_cache/**",
        b"**/.mypy_cache",
        b"**/.mypy_cache/**",
        b"**/.ruff_cache",
        b"**/.ruff_cache/**",
    ),
    why="What test runners and checkers remember of their last run, with times of files.",
    reference="pytest, cacheprovider; mypy, --cache-dir; ruff, cache-dir",
)

SPHINX_STATE = Normaliser(
    name="python/sphinx-state",
    action=Action.REMOVE,
    paths=(b"**/.doctrees/environment.pickle", b"**/doctrees/environment.pickle"),
    why="What Sphinx remembers for its next run, with the time at which it read each page; without"
    " it that run reads all pages.",
    reference="Sphinx, BuildEnvironment.all_docs",
)
