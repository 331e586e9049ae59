"""docs/causes.md is what the causes say, and every detector's cause is in it."""

from __future__ import annotations

from pathlib import Path

from samebit.explain.documentation import document
from samebit.explain.registry import all_detectors

FILE = Path(__file__).resolve().parents[3] / "docs" / "causes.md"


def test_the_document_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == document(), "run tools/cause-docs"


def test_every_detector_is_documented() -> None:
    text = document()
    # One detector may name several causes, and then is none of them.
    missing = [
        detector.name
        for detector in all_detectors()
        if f"### `{detector.name.removesuffix(' known')}`" not in text
    ]
    assert missing == ["go/build-info"]
