"""docs/errors.md names every code that an error can have, with its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from samebit import errors

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "errors.md"
KINDS = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.SamebitError)
        and kind is not errors.SamebitError
    ),
    key=lambda kind: kind.code,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_code_is_documented(kind: type[errors.SamebitError]) -> None:
    assert f"| {kind.exit_code} | `{kind.code}` |" in DOCUMENT.read_text("utf-8")
