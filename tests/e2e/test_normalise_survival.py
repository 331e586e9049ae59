"""`samebit normalise` on full disks and killed at any moment: nothing is left half-written."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_output import read_failure
from samebit_command import Samebit
from sample_images import Member, write_layout

pytestmark = pytest.mark.e2e

# What is left on the small disk is printed before it goes away.
_MOUNT = """
mount -t tmpfs -o size=2m samebit-test "$1" || exit 77
small=$1
shift
"$@"
code=$?
cd "$small"
find . -type f ! -path "./store/index.json" ! -path "./store/oci-layout" ! -path "./store/locks/*"
exit $code
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("image")
    noise = hashlib.shake_128(b"noise").digest(6_000_000)
    write_layout(place / "in", [[Member("a", b"a")], [Member("noise", noise)]])
    return f"oci:{place}/in:1"


@pytest.mark.parametrize("full", ["home", "out"])
def test_a_full_disk(full: str, image: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", _MOUNT, "sh", tmp_path / full),
            *(sys.executable, "-m", "samebit.cli", "normalise", "-q", image),
            f"oci-archive:{tmp_path}/out/image.tar",
        ],
        env={**os.environ, "SAMEBIT_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("cannot mount a small file system here")
    failure = read_failure(done.returncode, done.stderr, progress=True)
    assert (failure.status, failure.code) == (6, "machine")
    assert "No space left" in failure.what
    assert done.stdout == ""
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.prove
def test_kills(image: str, samebit: Samebit, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "samebit.cli", "normalise", "-q", image]
    started = time.monotonic()
    expected = samebit.run("normalise", "-q", image, f"oci:{tmp_path}/expected").stdout
    lasted = time.monotonic() - started
    home = tmp_path / "killed"
    generator = random.Random(5)
    for _ in range(20):
        process = subprocess.Popen(
            [*command, f"oci:{tmp_path}/out"],
            env={**os.environ, "SAMEBIT_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(generator.uniform(0, lasted))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    other = samebit.with_home(home)
    assert other.run("normalise", "-q", image, f"oci:{tmp_path}/out").stdout == expected
    assert os.listdir(home / "store" / "tmp") == []
    assert other.run("diff", f"oci:{tmp_path}/out", f"oci:{tmp_path}/expected").returncode == 0
