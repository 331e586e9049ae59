"""The examples are ordinary: plain buildah builds them too, once their bases are there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from samebit.debian.recipe import DebianBase
from samebit.pipeline.base import DEFAULT_EPOCH, make_base
from samebit.store.store import Store

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CERTIFICATES = "/etc/ssl/certs"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the engine's storage is overlay"),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
]


class Engine:
    """buildah and podman over one storage of their own."""

    def __init__(self, root: Path, run_root: Path) -> None:
        self._storage = ["--root", str(root), "--runroot", str(run_root)]

    def buildah(self, *arguments: str) -> str:
        return self._run("buildah", *arguments)

    def podman(self, *arguments: str, stdin: str = "") -> str:
        return self._run("podman", *arguments, stdin=stdin)

    def _run(self, program: str, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [program, *self._storage, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    # podman refuses a run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="samebit-") as run_root:
        engine = Engine(tmp_path / "storage", Path(run_root))
        yield engine
        engine.buildah("rm", "--all")
        engine.buildah("rmi", "--all", "--force")


def _build(engine: Engine, example: str, scratch: Path) -> str:
    """Make the bases that the example's samebit.toml names, then build it; give the image ID."""
    store = Store(scratch / "store")
    recipes = tomllib.loads((EXAMPLES / example / "samebit.toml").read_text(encoding="utf-8"))
    for name, recipe in recipes["bases"].items():
        base = DebianBase(recipe["suite"], recipe["variant"], tuple(recipe["include"]))
        store.tag(name, make_base(base, DEFAULT_EPOCH, store))
        image = engine.buildah("pull", "--quiet", f"oci:{store.root}:{name}")
        engine.buildah("tag", image, name)
    engine.buildah(
        *("build", "--pull-never", "--isolation", "oci", "--runtime", "runc"),
        *("--network", "host", "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"),
        *("--tag", example, str(EXAMPLES / example)),
    )
    return engine.buildah("images", "--quiet", example)


def _run_options() -> tuple[str, ...]:
    # podman's default limits need CAP_SYS_RESOURCE, which not every machine gives.
    limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
    return ("run", "--rm", "--runtime", "runc", "--network", "host", *limits)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _ask(port: int, path: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 20
    while True:
        try:
            with direct.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextmanager
def _service(engine: Engine, image: str, *environment: str) -> Iterator[None]:
    options = [word for pair in environment for word in ("--env", pair)]
    container = engine.podman(*_run_options(), "--detach", *options, image)
    try:
        yield
    finally:
        engine.podman("rm", "--force", "--time", "2", container)


def test_c_tool_computes(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "c-tool", tmp_path)
    assert engine.podman(*_run_options(), "--interactive", image, stdin="123456789") == (
        "cbf43926  -"
    )


@pytest.mark.prove
def test_go_service_is_healthy(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "go-service", tmp_path)
    port = _free_port()
    with _service(engine, image, f"ADDRESS=127.0.0.1:{port}"):
        assert _ask(port, "/healthz") == "ok\n"
        assert _ask(port, "/?name=Ada") == '{"message":"hello, Ada"}\n'


@pytest.mark.prove
def test_python_service_is_healthy(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "python-service", tmp_path)
    port = _free_port()
    with _service(engine, image, "ADDRESS=127.0.0.1", f"PORT={port}"):
        assert _ask(port, "/healthz") == "ok\n"
        assert '"zone": "Europe/Prague"' in _ask(port, "/time/Europe/Prague")


@pytest.mark.prove
def test_node_service_is_healthy(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "node-service", tmp_path)
    port = _free_port()
    with _service(engine, image, "ADDRESS=127.0.0.1", f"PORT={port}"):
        assert _ask(port, "/healthz") == "ok\n"
        assert _ask(port, "/satisfies?version=1.4.0&range=^1.2") == '{"satisfies":true}\n'


@pytest.mark.prove
def test_go_modules_converts(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "go-modules", tmp_path)
    told = engine.podman(*_run_options(), "--interactive", image, stdin="name: tea\ncups: 2\n")
    assert told == 'cups = 2\nname = "tea"'


@pytest.mark.prove
def test_rust_tool_counts(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "rust-tool", tmp_path)
    assert engine.podman(*_run_options(), "--interactive", image, stdin="one  two\nthree\n") == (
        "2\t3\t15\t-"
    )


@pytest.mark.prove
def test_java_service_is_healthy(engine: Engine, tmp_path: Path) -> None:
    image = _build(engine, "java-service", tmp_path)
    port = _free_port()
    with _service(engine, image, "ADDRESS=127.0.0.1", f"PORT={port}"):
        assert _ask(port, "/healthz") == "ok\n"
        assert _ask(port, "/?name=Ada") == '{"message":"hello, Ada"}\n'
