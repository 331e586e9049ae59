# ruff: noqa: D103, INP001, T201 - a script that prints
"""Ratios of `samebit build` to `buildah build` and push: whole_build.py [RUNS [CASE …]].

Both build the same Dockerfiles, alternating, each with its base in its own storage and all other
caches empty; the median of the pairwise ratios is what to quote. The CPU ratio counts every program
that either starts, and is what a busy machine can tell. The memory is that of samebit's own
process, the largest of its programs that is not the engine.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FILES, FILE_SIZE = 6_000, 16_700
# What a build that is not the first of its inputs would find.
CACHES = ("memo", "normalised-1", "replay", "stat-cache")
BASE = """\
FROM scratch
COPY busybox /bin/busybox
COPY data /usr/share/data
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
"""
CASES = {
    "small: three steps on scratch": """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
RUN mkdir /d && echo hello > /d/file
RUN rm /d/file && echo again > /d/file
""",
    "medium: two stages, eight steps, on a base of 100 MB": """\
FROM base AS build
WORKDIR /src
COPY busybox .
RUN sha256sum busybox > sums && sha256sum -c sums
RUN find /usr/share/data -type f | sort > files
RUN find /usr/share/data -type f -exec sha256sum {} + | sort > digests && gzip -k digests
FROM base
RUN mkdir -p /srv /etc && echo service:x:1000:1000::/:/bin/sh > /etc/passwd
COPY --from=build /src /srv/src
RUN rm /usr/share/data/file-00001 && chmod 600 /usr/share/data/file-00002
RUN cp -r /usr/share/data /srv/data && rm -r /srv/data/file-0[0-4]*
USER service
CMD ["/bin/busybox"]
""",
    "large: a layer of 500 MB in 30,000 files": """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
COPY data /data/0
RUN for n in 1 2 3 4; do cp -r /data/0 /data/$n; done
""",
}


@dataclass(frozen=True)
class Used:
    """Seconds of wall clock and of CPU (all programs that end with it), and bytes of memory."""

    wall: float
    cpu: float
    memory: int = 0


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="samebit-bench-", dir="/var/tmp") as name:
        work = Path(name)
        context = work / "context"
        (context / "data").mkdir(parents=True)
        shutil.copy(shutil.which("busybox") or "busybox", context / "busybox")
        source = Path(sys.executable).read_bytes()
        for number in range(FILES):
            at = number * 1009 % (len(source) - FILE_SIZE)
            (context / "data" / f"file-{number:05}").write_bytes(source[at : at + FILE_SIZE])
        make_base(context, work)
        wanted = sys.argv[2:] or [case.partition(":")[0] for case in CASES]
        for case, dockerfile in CASES.items():
            if case.partition(":")[0] not in wanted:
                continue
            (context / "Dockerfile").write_text(dockerfile)
            compare(case, context, work, runs)
            (context / "Dockerfile.lock").unlink()


def make_base(context: Path, work: Path) -> None:
    """Make the base once, and bring it into both storages as one image."""
    (context / "Dockerfile").write_text(BASE)
    samebit(context, work)
    (context / "Dockerfile.lock").unlink()
    shutil.move(work / "samebit-image", work / "base")
    done = quietly(*engine(work), "pull", "--quiet", f"oci:{work / 'base'}:x")
    quietly(*engine(work), "tag", done.split()[-1], "base")


def compare(case: str, context: Path, work: Path, runs: int) -> None:
    # Once untimed, which brings the base into the engine's storage and writes the lock.
    samebit(context, work)
    plain(context, work)
    pairs = [(samebit(context, work), *plain(context, work)) for _ in range(runs)]
    share = statistics.median(push.wall / (build.wall + push.wall) for _, build, push in pairs)
    print(f"{case}; the push is {share:.0%} of the baseline")
    for what in ("wall", "cpu"):
        ours = [getattr(own, what) for own, _, _ in pairs]
        theirs = [getattr(build, what) + getattr(push, what) for _, build, push in pairs]
        ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
        print(
            f"  {what}: samebit {statistics.median(ours):.2f} s, buildah build and push"
            f" {statistics.median(theirs):.2f} s, ratio {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    print(f"  memory of samebit: {max(own.memory for own, _, _ in pairs) / 1e6:.0f} MB at most")


def samebit(context: Path, work: Path) -> Used:
    output = work / "samebit-image"
    shutil.rmtree(output, ignore_errors=True)
    for cache in CACHES:
        shutil.rmtree(work / "home" / "store" / "records" / cache, ignore_errors=True)
    command = [sys.executable, "-m", "samebit.cli", "build", "-q"]
    if (work / "base").exists():
        command.append(f"--build-context=base=oci-layout://{work / 'base'}")
    return timed([*command, "-o", f"oci:{output}:x", str(context)], SAMEBIT_HOME=str(work / "home"))


def plain(context: Path, work: Path) -> tuple[Used, Used]:
    """Give what building and what pushing took."""
    output = work / "plain-image"
    shutil.rmtree(output, ignore_errors=True)
    build = [*engine(work), "build", "--quiet", "--isolation=oci", "--runtime=runc"]
    build += ["--network=host", "--layers=false", "--tag=bench", "--pull-never", str(context)]
    used = (
        timed(build),
        timed([*engine(work), "push", "--quiet", "bench", f"oci:{output}:x"]),
    )
    quietly(*engine(work), "rmi", "--force", "bench")
    return used


def engine(work: Path) -> list[str]:
    storage = work / "plain"
    return [
        "buildah",
        f"--root={storage / 'root'}",
        f"--runroot={storage / 'run'}",
        "--storage-driver=overlay",
    ]


def quietly(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def timed(command: list[str], **environment: str) -> Used:
    # What the run before has still to write is not this one's affair.
    os.sync()
    begin, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with watched(process.pid) as peak:
        _, complaint = process.communicate()
        wall = time.monotonic() - begin
    if process.returncode != 0:
        sys.exit(complaint.decode(errors="replace"))
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return Used(wall, cpu, peak[0])


@contextmanager
def watched(pid: int) -> Iterator[list[int]]:
    """Give the greatest memory of a process, in bytes, as far as it is known."""
    peak = [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            with suppress(OSError, IndexError):
                text = Path(f"/proc/{pid}/status").read_text()
                peak[0] = int(text.partition("VmHWM:")[2].split()[0]) << 10

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
