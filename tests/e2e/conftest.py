"""What the end-to-end tests share: the real command with a state folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_internet import FakeInternet, fake_internet
from loopback_registry import LoopbackRegistry
from network_lab import Lab
from samebit_command import Samebit
from step_builds import Steps, busybox_items, write_image

from samebit.store.store import Store


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder for all tests of a worker, so that bases are made and imported once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def samebit(shared_home: Path) -> Samebit:
    """The command with the worker's shared state folder."""
    return Samebit(shared_home)


@pytest.fixture
def busybox_context(tmp_path: Path) -> Path:
    """An empty context that holds a static busybox, for Dockerfiles that start from scratch."""
    found = shutil.which("busybox")
    assert found, "busybox-static is not installed: make setup"
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(found, context / "busybox")
    return context


@pytest.fixture(scope="session")
def base_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of a static busybox with users and ordinary directories, as an OCI layout."""
    return write_image(
        tmp_path_factory.mktemp("base") / "layout",
        busybox_items(),
        {"Env": ["PATH=/bin", "BASE=yes"]},
    )


@pytest.fixture
def steps(samebit: Samebit, base_layout: Path, tmp_path: Path) -> Steps:
    """Build Dockerfiles that may stand on `base`, in an empty context."""
    context = tmp_path / "context"
    context.mkdir()
    return Steps(samebit, context, base_layout)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackRegistry]:
    """A real registry on loopback, over plain HTTP, shared by the tests of a file."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    running = LoopbackRegistry.start(tmp_path_factory.mktemp("registry") / "r")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeInternet]:
    """The internet of a file's tests."""
    with fake_internet(tmp_path_factory.mktemp("internet")) as running:
        yield running


@pytest.fixture
def lab(internet: FakeInternet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A recorder or player of the network on an empty internet."""
    internet.pages.clear()
    internet.seen.clear()
    internet.proxy_headers.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(internet.trust))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return Lab(Store(tmp_path / "store"), internet, tmp_path / "private")
