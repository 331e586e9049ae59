"""cargo against the real registry of crates: recorded once, replayed twice with the network cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import prove_example
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]


def test_the_rust_example_needs_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    prove_example(samebit, tmp_path, "rust-tool", {"cargo": ("cargo", "0/4")})
