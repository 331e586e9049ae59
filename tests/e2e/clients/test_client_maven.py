"""Maven against the real central repository: recorded once, replayed twice with the network cut."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from offline_builds import record_and_replay
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def test_the_java_example_needs_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "java-service"
    shutil.copytree(
        EXAMPLES / "java-service", context, ignore=shutil.ignore_patterns("Dockerfile.lock")
    )
    assert len(set(record_and_replay(samebit, context))) == 1
