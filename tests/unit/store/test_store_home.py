from __future__ import annotations

from pathlib import Path

import pytest

from samebit.errors import UsageError
from samebit.store.home import default_home


def test_samebit_home_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAMEBIT_HOME", str(tmp_path / "x"))
    assert default_home() == tmp_path / "x"
    assert not (tmp_path / "x").exists()


def test_xdg_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SAMEBIT_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_home() == tmp_path / "samebit"


def test_relative_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMEBIT_HOME", "state")
    with pytest.raises(UsageError, match="relative"):
        default_home()
