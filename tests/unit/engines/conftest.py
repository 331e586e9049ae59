"""A plan for the shim, and a bundle of the engine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shim_calls import write_config


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    runtime = tmp_path / "runtime"
    runtime.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    runtime.chmod(0o755)
    (tmp_path / "state").mkdir()
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    return {
        "runtime": str(runtime),
        "socket": str(tmp_path / "capture"),
        "log": str(tmp_path / "log"),
        "state": str(tmp_path / "state"),
        "containers": str(tmp_path / "containers"),
        "layers": str(tmp_path / "layers"),
        "mount": "merged",
        "hostname": "samebit",
        "set_if_absent": {"SOURCE_DATE_EPOCH": "7"},
        "replaced": {"/etc/hosts": str(tmp_path / "hosts")},
        "bound": {"/dev/.samebit/ca.pem": "/ca.pem"},
        "companions": [],
        "base_layers": 0,
        "namespace": None,
        "marker": None,
        "conditions": None,
        "traced": {},
        "since": 0,
        "steps": {
            "0/1": {
                "args": ["p"],
                "cwd": "/app",
                "env": [["A", "b c"]],
                "network": "default",
                "mounts": [],
                "moved": {},
                "user": None,
                "after": "",
            }
        },
    }


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "root" / "etc").mkdir(parents=True)
    write_config(folder, "0/1")
    return folder
