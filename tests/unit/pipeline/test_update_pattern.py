from __future__ import annotations

from pathlib import Path

import pytest

from samebit.pipeline.request import BuildRequest


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        (None, "debian:12", False),
        ("*", "debian:12", True),
        ("debian", "debian:12", True),
        ("debian", "debian", True),
        ("debian:12", "debian:12", True),
        ("debian:11", "debian:12", False),
        ("deb*", "debian:12", True),
        ("debian", "debian-slim:12", False),
        ("debian:12", f"debian:12@sha256:{'0' * 64}", True),
        ("debian", f"debian:12@sha256:{'0' * 64}", True),
        ("example.org:5000/app", "example.org:5000/app", True),
        ("example.org", "example.org:5000/app", False),
        ("example.org:5000/*", "example.org:5000/app:1", True),
        ("DEBIAN", "debian:12", False),
    ],
)
def test_a_pattern_matches_a_name_with_or_without_its_tag(
    pattern: str | None, name: str, *, matches: bool
) -> None:
    assert BuildRequest(Path(), update=pattern).updates(name) is matches
