"""Composer's cache."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

CACHE = Normaliser(
    name="php/composer-cache",
    action=Action.REMOVE,
    paths=(
        b"**/.cache/composer",
        b"**/.cache/composer/**",
        b"**/.composer/cache",
        b"**/.composer/cache/**",
    ),
    why="Downloads that composer fetches again.",
    reference="Composer, cache-dir",
)
