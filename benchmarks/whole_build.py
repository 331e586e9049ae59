# ruff: noqa: D103, INP001, T201 - a script that prints
"""Ratios of `samebit build` to `buildah build` and push: `python benchmarks/whole_build.py [RUNS]`.

Both build the same Dockerfiles, alternating, each with its base in its own storage and nothing else
cached; the median of the pairwise ratios is what to quote. The CPU ratio counts every program that
either starts, and is what a busy machine can tell.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = 2_000
BASE = """\
FROM scratch
COPY busybox /bin/busybox
COPY data /usr/share/data
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
"""
CASES = {
    "small: three steps": """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
RUN mkdir /d && echo hello > /d/file
RUN rm /d/file && echo again > /d/file
""",
    "on a base of 100 MB, three steps": """\
FROM base
COPY busybox /opt/busybox
RUN mkdir /d && echo hello > /d/file
RUN rm -r /usr/share/data/file-00001 && echo again > /d/file
""",
    "large: 200 MB in 2,000 files": """\
FROM scratch
COPY busybox /bin/busybox
COPY data /data
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox cp -r /data /more"]
""",
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory(prefix="samebit-bench-", dir="/var/tmp") as name:
        work = Path(name)
        context = work / "context"
        (context / "data").mkdir(parents=True)
        shutil.copy(shutil.which("busybox") or "busybox", context / "busybox")
        source = Path(sys.executable).read_bytes()
        for number in range(FILES):
            at = number * 1009 % max(1, len(source) - 51_200)
            (context / "data" / f"file-{number:05}").write_bytes(source[at : at + 51_200])
        make_base(context, work)
        try:
            for case, dockerfile in CASES.items():
                (context / "Dockerfile").write_text(dockerfile)
                compare(case, context, work, runs)
        finally:
            subprocess.run([*engine(work), "unshare", "true"], check=False, capture_output=True)


def make_base(context: Path, work: Path) -> None:
    """Make the base once, and bring it into both storages as one image."""
    (context / "Dockerfile").write_text(BASE)
    samebit(context, work)
    shutil.move(work / "samebit-image", work / "base")
    pull = [*engine(work), "pull", "--quiet", f"oci:{work / 'base'}:x"]
    done = subprocess.run(pull, check=True, capture_output=True, text=True)
    subprocess.run([*engine(work), "tag", done.stdout.split()[-1], "base"], check=True)


def compare(case: str, context: Path, work: Path, runs: int) -> None:
    samebit(context, work)
    plain(context, work)
    pairs = [(samebit(context, work), plain(context, work)) for _ in range(runs)]
    for number, what in enumerate(("wall", "CPU")):
        columns = [(ours[number], theirs[number]) for ours, theirs in pairs]
        ratios = [ours / theirs for ours, theirs in columns]
        ours, theirs = (statistics.median(column) for column in zip(*columns, strict=True))
        print(
            f"{case}: {what}: samebit {ours:.2f} s, buildah build and push {theirs:.2f} s,"
            f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def samebit(context: Path, work: Path) -> tuple[float, float]:
    output = work / "samebit-image"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "samebit.cli", "build", "-q", "--no-cache"]
    if (work / "base").exists():
        command.append(f"--build-context=base=oci-layout://{work / 'base'}")
    return timed([*command, "-o", f"oci:{output}:x", str(context)], SAMEBIT_HOME=str(work / "home"))


def plain(context: Path, work: Path) -> tuple[float, float]:
    output = work / "plain-image"
    shutil.rmtree(output, ignore_errors=True)
    build = [*engine(work), "build", "--quiet", "--isolation=oci", "--runtime=runc"]
    build += ["--network=host", "--layers=false", "--tag=bench", "--pull-never", str(context)]
    built = timed(build)
    pushed = timed([*engine(work), "push", "--quiet", "bench", f"oci:{output}:x"])
    return built[0] + pushed[0], built[1] + pushed[1]


def engine(work: Path) -> list[str]:
    storage = work / "plain"
    return [
        "buildah",
        f"--root={storage / 'root'}",
        f"--runroot={storage / 'run'}",
        "--storage-driver=overlay",
    ]


def timed(command: list[str], **environment: str) -> tuple[float, float]:
    """Give seconds of wall clock and of CPU, all programs that end with it counted."""
    begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, **environment}, timeout=600
    )
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return time.monotonic() - begin, cpu


if __name__ == "__main__":
    main()
