"""`samebit verify` on the examples and the corpus: identical under every axis of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from samebit_command import Samebit
from verified import Subject, corpus, examples, verify

pytestmark = [pytest.mark.e2e, pytest.mark.prove]


@pytest.mark.parametrize("subject", [*examples(), *corpus()], ids=lambda subject: subject.name)
def test_it_is_identical_but_for_what_no_build_can_hold(
    samebit: Samebit, tmp_path: Path, subject: Subject
) -> None:
    seen = verify(subject, samebit, tmp_path)
    assert seen.faults(subject) == [], seen
