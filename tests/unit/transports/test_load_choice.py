"""Which engine `--load` chooses. No docker daemon runs in a test: a script stands for it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from samebit.errors import MachineError
from samebit.model.descriptor import Descriptor
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports.load import load_into_engine

Make = Callable[..., Descriptor]
NAMES = [Reference.parse("localhost/tool:1"), Reference.parse("localhost/tool:2")]


def script(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{body}\n")
    (directory / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    keep = f'for word; do last="$word"; done; /bin/cp "$last" {tmp_path}/taken 2>/dev/null'
    record = f'echo "${{0##*/}} $1" >> {tmp_path}/log'
    script(tmp_path / "bin", "docker", f'{record}\n[ "$1" = version ] || {{ {keep}; }}')
    script(tmp_path / "bin", "podman", f"{record}\n{keep}\nexit 0")
    return tmp_path


def test_docker_when_a_daemon_answers(programs: Path, store: Store, make: Make) -> None:
    assert load_into_engine(store, make(store, "one"), NAMES) == "docker"
    assert (programs / "log").read_text() == "docker version\ndocker load\n"
    with tarfile.open(programs / "taken") as found:
        assert "manifest.json" in found.getnames()


def test_podman_otherwise(programs: Path, store: Store, make: Make) -> None:
    script(programs / "bin", "docker", "exit 1")
    assert load_into_engine(store, make(store, "one"), NAMES) == "podman"
    assert (programs / "log").read_text() == "podman load\npodman tag\n"
    with tarfile.open(programs / "taken") as found:
        assert "index.json" in found.getnames()


def test_no_engine(programs: Path, store: Store, make: Make) -> None:
    (programs / "bin" / "docker").unlink()
    (programs / "bin" / "podman").unlink()
    with pytest.raises(MachineError, match="found no engine"):
        load_into_engine(store, make(store, "one"), NAMES)


def test_what_the_engine_said_is_told(programs: Path, store: Store, make: Make) -> None:
    script(programs / "bin", "podman", "echo broken storage; exit 125")
    (programs / "bin" / "docker").unlink()
    with pytest.raises(MachineError, match="podman did not take the image") as caught:
        load_into_engine(store, make(store, "one"), NAMES)
    assert caught.value.detail == "broken storage"
