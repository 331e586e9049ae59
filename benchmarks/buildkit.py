# ruff: noqa: D103, INP001, T201 - a script that prints
"""Ratios of `samebit build --engine buildkit` to plain buildx: buildkit.py [RUNS [CASE …]].

Both build the Dockerfiles of whole_build.py into an OCI layout, alternating, with the base in their
own stores and all other caches empty, and each starts and ends its own dockerd of Debian 13, in
the chroot that the tests share; the median of the pairwise ratios is what to quote. The CPU ratio
counts every program that either starts. Needs root.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent.parent / "tests" / "support"
sys.path[:0] = [str(SUPPORT)]

from engine_chroot import engine_of  # noqa: E402 - needs the path above
from whole_build import BASE, CACHES, CASES, FILE_SIZE, FILES, Used, timed  # noqa: E402

INSIDE = "SAMEBIT_BENCH_INSIDE"


def main() -> None:
    if INSIDE in os.environ:
        measure(Path(os.environ[INSIDE]), sys.argv[1:])
        return
    engine = engine_of("trixie")
    with tempfile.TemporaryDirectory(prefix="samebit-bench-", dir="/var/tmp") as name:
        seen = Path(name)
        command = [*engine.enter(seen), sys.executable, __file__, *sys.argv[1:]]
        environment = {**os.environ, INSIDE: str(engine.inside(seen)), "SAMEBIT_HOME": "/unused"}
        subprocess.run(command, env=environment, check=True)


def measure(work: Path, arguments: list[str]) -> None:
    runs = int(arguments[0]) if arguments else 5
    context = work / "context"
    (context / "data").mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", context / "busybox")
    source = Path(sys.executable).read_bytes()
    for number in range(FILES):
        at = number * 1009 % (len(source) - FILE_SIZE)
        (context / "data" / f"file-{number:05}").write_bytes(source[at : at + FILE_SIZE])
    (context / "Dockerfile").write_text(BASE)
    samebit(context, work)
    (context / "Dockerfile.lock").unlink()
    shutil.move(work / "samebit-image", work / "base")
    wanted = arguments[1:] or [case.partition(":")[0] for case in CASES]
    for case, dockerfile in CASES.items():
        if case.partition(":")[0] in wanted:
            (context / "Dockerfile").write_text(dockerfile)
            compare(case, context, work, runs)
            (context / "Dockerfile.lock").unlink()


def compare(case: str, context: Path, work: Path, runs: int) -> None:
    # Once untimed, which brings the base into the stores and writes the lock.
    samebit(context, work)
    plain(context, work)
    pairs = [(samebit(context, work), plain(context, work)) for _ in range(runs)]
    print(case)
    for what in ("wall", "cpu"):
        ours = [getattr(own, what) for own, _ in pairs]
        theirs = [getattr(other, what) for _, other in pairs]
        ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
        print(
            f"  {what}: samebit {statistics.median(ours):.2f} s, buildx"
            f" {statistics.median(theirs):.2f} s, ratio {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def samebit(context: Path, work: Path) -> Used:
    output = work / "samebit-image"
    shutil.rmtree(output, ignore_errors=True)
    for cache in CACHES:
        shutil.rmtree(work / "home" / "store" / "records" / cache, ignore_errors=True)
    command = [sys.executable, "-m", "samebit.cli", "build", "-q", "--engine=buildkit"]
    if (work / "base").exists():
        command.append(f"--build-context=base=oci-layout://{work / 'base'}")
    return timed([*command, "-o", f"oci:{output}:x", str(context)], SAMEBIT_HOME=str(work / "home"))


def plain(context: Path, work: Path) -> Used:
    output = work / "plain-image"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, str(SUPPORT / "docker_daemon.py"), str(work / "plain")]
    command += ["docker-buildx", "build", "--quiet", "--no-cache", "--provenance=false"]
    command += [f"--build-context=base=oci-layout://{work / 'base'}", "--network=host"]
    return timed([*command, f"--output=type=oci,tar=false,dest={output}", str(context)])


if __name__ == "__main__":
    main()
