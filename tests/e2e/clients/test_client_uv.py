"""uv against the real Python package index: recorded once, replayed twice with the network cut."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from client_builds import Client, prove_clients, recipe
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "python-service"
# The wheel for musl holds one static program, which brings musl's resolver and its own TLS.
MUSL = (
    "pip download --quiet --no-deps --only-binary :all: --platform musllinux_1_2_x86_64"
    " --platform musllinux_1_1_x86_64 uv==0.9.7 && python3 -m zipfile --extract uv-*.whl ."
    " && mv uv-*.data/scripts/uv uv-musl && chmod +x uv-musl && rm -r uv-[0-9]*"
)
INSTALL = "UV_NO_CACHE=1 {} pip install --system --target got --no-compile --quiet {}"
CLIENTS = {
    "pip (into a folder)": Client(
        "pip install --quiet --no-compile --no-cache-dir --target got uv==0.9.7", "pip --version"
    ),
    "uv (glibc)": Client(
        INSTALL.format("/out/pip-into-a-folder/got/bin/uv", "flask==3.1.0"),
        "/out/pip-into-a-folder/got/bin/uv --version",
        "rustls",
    ),
    "pip (another platform)": Client(MUSL, "pip --version", "wheels for musl"),
    "uv (musl)": Client(
        INSTALL.format("/out/pip-another-platform/uv-musl", "requests==2.32.3"),
        "/out/pip-another-platform/uv-musl --version",
        "static program with musl's resolver; rustls",
    ),
}


def test_uv_needs_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(EXAMPLE / "samebit.toml", context)
    (context / "Dockerfile").write_text(recipe("debian.local/python:1", CLIENTS))
    image = prove_clients(samebit, context, CLIENTS)
    assert image.paths("out/uv-glibc/got/flask/")
    assert image.paths("out/uv-musl/got/requests/")
