from __future__ import annotations

from pathlib import Path

from samebit.lock.model import NORMALISER_SET
from samebit.normalisers.documentation import document

FILE = Path(__file__).parents[3] / "docs" / "normalisers.md"


def test_the_reference_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == document(NORMALISER_SET), "run tools/normaliser-docs"
