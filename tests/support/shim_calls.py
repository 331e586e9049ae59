"""Calls of the runtime shim, as an engine makes them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from samebit.engines.runtime_wrapper import write_wrapper


def write_config(folder: Path, step: str | None, mounts: tuple[tuple[str, str], ...] = ()) -> None:
    marker = [f"SAMEBIT_STEP={step}"] if step else []
    config = {
        "process": {"env": ["PATH=/x", *marker, "HOSTNAME=random"], "args": ["/p"], "cwd": "/w"},
        "root": {"path": str(folder / "root")},
        "hostname": "random",
        "mounts": [
            {"destination": "/proc", "source": "proc"},
            {"destination": "/run/.containerenv", "source": "/engine"},
            {"destination": "/etc/hosts", "source": "/engine/hosts"},
            {"destination": "/etc/hostname", "source": "/engine/hostname"},
            *[{"destination": target, "source": source} for target, source in mounts],
        ],
        "linux": {"namespaces": [{"type": "pid"}]},
    }
    (folder / "config.json").write_text(json.dumps(config))


def prepared(plan: dict[str, Any], *, runs: bool = False, containers: str = "/of it") -> Path:
    """Write the plan, and give the wrapper that obeys it."""
    path = Path(plan["log"]).with_name("plan.json")
    path.write_text(json.dumps(plan))
    folder = path.with_name("engine")
    folder.mkdir(exist_ok=True)
    return write_wrapper(
        folder,
        runtime=plan["runtime"],
        containers=Path(containers),
        state=Path(plan["state"]),
        plan=path,
        varied=bool(plan["conditions"] or plan["traced"]),
        restricts=bool(plan["conditions"]),
        runs=runs,
    )


def call(
    plan: dict[str, Any], *arguments: str, runs: bool = False, containers: str = "/of it"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [prepared(plan, runs=runs, containers=containers), *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )


def create(plan: dict[str, Any], bundle: Path) -> dict[str, Any]:
    done = call(plan, "create", "--bundle", str(bundle), "--pid-file", "/p", "container")
    assert done.returncode == 0, done.stderr
    config = json.loads((bundle / "config.json").read_text())
    assert isinstance(config, dict)
    return config
