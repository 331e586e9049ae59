"""docs/lock.md is normative: what it shows and lists is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from samebit.lock import redaction
from samebit.lock.fetch import KEPT_HEADERS
from samebit.lock.toml import format_lock, parse_lock
from samebit.pipeline import inputs_artifact

TEXT = (Path(__file__).parents[3] / "docs" / "lock.md").read_text("utf-8")


def listed(after: str) -> set[str]:
    """Give the names of the first list of only names that follows `after`."""
    part = TEXT[TEXT.index(after) :]
    match = re.search(r"\n\n((?:`[^`]+`,?\s)*`[^`]+`)\.\n", part)
    assert match is not None
    return set(re.findall("`([^`]+)`", match[1]))


def test_the_example_is_a_lock_as_it_is_written() -> None:
    match = re.search(r"```toml example=lock\n(.*?)```", TEXT, re.DOTALL)
    assert match is not None
    assert format_lock(parse_lock(match[1].encode(), "docs/lock.md")) == match[1]


def test_the_lists() -> None:
    assert listed("Always secret") == redaction._SECRETS
    assert listed("Secret where a signature") == redaction._BESIDE_SIGNATURE
    assert listed("Kept are") == KEPT_HEADERS
    for name in (*redaction._SECRET_PREFIXES, *redaction._SIGNATURES):
        assert f"`{name}`" in TEXT


def test_the_artifact() -> None:
    for value in (inputs_artifact.ARTIFACT_TYPE, inputs_artifact.BODY, inputs_artifact.PACK):
        assert f"`{value}`" in TEXT
    assert f"{inputs_artifact._LARGE} bytes or more" in TEXT
    assert inputs_artifact.ORIGIN in TEXT
