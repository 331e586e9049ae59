"""What samebit doctor says of this machine, and of it with something taken away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from json_schema import faults
from samebit_command import Samebit

from samebit.distribution.install import this_distribution

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hide programs"),
]
SCHEMA = Path(__file__).parents[2] / "docs" / "json" / "doctor.schema.json"


def observed(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {(seen["area"], seen["name"]): seen for seen in document["observations"]}
    assert len(found) == len(document["observations"])
    return found


def without(samebit: Samebit, *programs: str) -> Samebit:
    """Give a command to which these programs are not installed."""
    found = [path for path in map(shutil.which, programs) if path]
    hide = f'for p in {" ".join(found)}; do mount --bind /dev/null "$p"; done; exec "$@"'
    return Samebit(samebit.home, samebit.environment, ("unshare", "--mount", "sh", "-c", hide, "-"))


def test_this_machine_builds_and_the_document_follows_its_schema(
    samebit: Samebit, tmp_path: Path
) -> None:
    done = samebit.with_home(tmp_path / "home").run("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert faults(document, json.loads(SCHEMA.read_text("utf-8"))) == []
    assert document["able"] is True
    assert document["user"] == "root"
    found = observed(document)
    assert "it ran a container" in found["runtimes", "runc"]["found"]
    for name in ("oci", "chroot"):
        assert found["isolation", name]["state"] == "works"
    assert found["storage drivers", "vfs"]["state"] == "works"
    assert found["namespaces", "network of RUN"]["state"] == "works"
    assert found["compressor", "deflate"]["state"] == "works"
    # Nothing that was tried stays: not a container, a mount or a storage.
    assert list((tmp_path / "home").iterdir()) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text("utf-8")


def test_without_a_runtime_it_says_what_to_install(samebit: Samebit) -> None:
    done = without(samebit, "runc", "crun").run("doctor", "--json")
    # Its own runtime is left.
    assert done.returncode == 0, done.stdout + done.stderr
    found = observed(json.loads(done.stdout))
    assert found["isolation", "oci"]["reason"] == "runc: not installed; crun: not installed"
    assert found["isolation", "oci"]["fix"] == this_distribution().command("runc", "crun")
    assert found["storage drivers", "vfs"]["state"] == "works"


def test_without_an_engine_it_still_tries_what_it_can(samebit: Samebit) -> None:
    done = without(samebit, "buildah").run("doctor")
    assert done.returncode == 6, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "this machine cannot build images: buildah" in lines[-1]
    assert any("runc" in line and "it ran a container" in line for line in lines)
    assert f"    mend it: {this_distribution().command('buildah', 'runc')}" in lines


def test_a_state_folder_that_cannot_be_written_is_said(samebit: Samebit, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = samebit.with_home(tmp_path / "file" / "home").run("doctor")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "state folder" in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stderr
