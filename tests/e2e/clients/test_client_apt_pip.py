"""apt and pip against the real archives: recorded once, replayed twice with the network cut.

Each client has a file of its own in this folder. They need the network, so `make prove` runs them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from offline_builds import record_and_replay
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def test_the_python_example_needs_no_network_a_second_time(
    samebit: Samebit, tmp_path: Path
) -> None:
    context = tmp_path / "python-service"
    ignore = shutil.ignore_patterns("*.lock")
    shutil.copytree(EXAMPLES / "python-service", context, ignore=ignore)
    assert len(set(record_and_replay(samebit, context))) == 1
