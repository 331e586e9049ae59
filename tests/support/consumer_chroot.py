"""Debian systems with the programs that read images, made once by mmdebstrap and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SUITES = ("bookworm", "trixie", "sid")
_PACKAGES = (
    *("buildah", "ca-certificates", "containerd", "docker.io", "podman", "runc", "skopeo"),
    "umoci",
)
_SCRIPT = Path(__file__).with_name("consume.sh")
_SECONDS = 900


@dataclass(frozen=True)
class ConsumerChroot:
    """A system of one suite below `root`."""

    suite: str
    root: Path

    def read(self, work: Path, consumer: str) -> dict[str, str]:
        """Let a program read the image in `work` (see consume.sh); path to sha256 of each file."""
        namespaces = ("--mount", "--pid", "--fork", "--kill-child")
        done = subprocess.run(
            ["unshare", *namespaces, "bash", _SCRIPT, self.root, work, consumer],
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        lines = (line.split("  ", 1) for line in done.stdout.splitlines())
        return {path.removeprefix("./"): digest for digest, path in lines}

    def version(self, work: Path, consumer: str) -> str:
        """Give what the program said that it is."""
        return (work / consumer / "version").read_text().splitlines()[0]


def consumer_chroot(suite: str) -> ConsumerChroot:
    """Find or make a suite's system. Needs root, and the network if it has to be made."""
    cache = Path(os.environ.get("SAMEBIT_TEST_CACHE") or "/var/cache/samebit-tests")
    cache.mkdir(parents=True, exist_ok=True)
    # What is newest changes: a month is young enough for sid.
    month = time.strftime("%Y-%m", time.gmtime()) if suite == "sid" else ""
    recipe = hashlib.sha256("\0".join((suite, month, *_PACKAGES)).encode()).hexdigest()[:16]
    root = cache / f"consumers-{suite}-{recipe}"
    with open(cache / f"consumers-{suite}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            for abandoned in cache.glob(f"consumers-{suite}-new-*"):
                shutil.rmtree(abandoned)
            with tempfile.TemporaryDirectory(prefix=f"consumers-{suite}-new-", dir=cache) as made:
                _make(suite, Path(made) / "root")
                (Path(made) / "root").rename(root)
    return ConsumerChroot(suite, root)


def _make(suite: str, root: Path) -> None:
    options = ["--variant=minbase", "--aptopt=APT::Install-Recommends false"]
    if suite == "sid":
        options.append('--aptopt=Acquire::Check-Valid-Until "false"')
    done = subprocess.run(
        ["mmdebstrap", *options, f"--include={','.join(_PACKAGES)}", suite, str(root)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
