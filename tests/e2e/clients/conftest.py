"""What tests of clients share: the base that holds those of Debian 12."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import make_clients_base
from samebit_command import Samebit


@pytest.fixture(scope="session")
def clients_base(shared_home: Path) -> Samebit:
    """The command with a state folder that has the base."""
    samebit = Samebit(shared_home)
    make_clients_base(samebit)
    return samebit
