"""Maven against the real central repository: recorded once, replayed twice with the network cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import prove_example
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]


def test_the_java_example_needs_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    prove_example(samebit, tmp_path, "java-service", {"maven": ("maven", "0/4")})
