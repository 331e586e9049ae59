"""The shim of a build that samebit verify makes: what its steps find changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shim_calls import call, create

from samebit.engines import shim
from samebit.engines.conditions import MovedClock, StepConditions
from samebit.engines.step_conditions import shim_conditions
from samebit.variations.axes.clock import probe


@pytest.fixture
def varied(plan: dict[str, Any]) -> dict[str, Any]:
    """What samebit verify makes of a plan."""
    conditions = StepConditions(
        processors=(0,), personality=0x0020000, open_files=100, variables={"A": "x", "NEW": "y"}
    )
    return {**plan, "conditions": shim_conditions(conditions)}


def test_a_varied_step_finds_another_machine(varied: dict[str, Any], bundle: Path) -> None:
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 200, "hard": 200},
        {"type": "RLIMIT_NPROC", "soft": 200, "hard": 200},
    ]
    (bundle / "config.json").write_text(json.dumps(config))
    release = Path(varied["state"]) / "release"
    Path(varied["runtime"]).write_text(f"#!/bin/sh\nuname -r > {release}\n")
    process = create(varied, bundle)["process"]
    # What the step sets itself stays as it is.
    assert process["env"] == ["A=b c", "SOURCE_DATE_EPOCH=7", "NEW=y"]
    assert [limit["hard"] for limit in process["rlimits"]] == [100, 200]
    assert release.read_text().startswith("2.6.")


def test_a_waiting_step_loses_processors(varied: dict[str, Any], tmp_path: Path) -> None:
    state = tmp_path / "container"
    state.mkdir()
    with subprocess.Popen(["sleep", "100"]) as waiting:
        try:
            (state / "state.json").write_text(json.dumps({"init_process_pid": waiting.pid}))
            path = tmp_path / "plan.json"
            path.write_text(json.dumps(varied))
            done = subprocess.run(
                [sys.executable, "-I", "-S", Path(shim.__file__).with_name("shim_varied.py"),
                 path, "--root", tmp_path, "start", "container"],
                check=False,
            )  # fmt: skip
            assert done.returncode == 0
            assert os.sched_getaffinity(waiting.pid) == {0}
        finally:
            waiting.kill()


def clock_of(plan: dict[str, Any], *, shift: int, version: str = "") -> dict[str, Any]:
    library = probe()
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = MovedClock(library.library, version or library.version, shift)
    return {**plan, "conditions": shim_conditions(StepConditions(clock=clock))}


def unreached(plan: dict[str, Any]) -> str:
    noted = [json.loads(line) for line in Path(plan["log"]).read_text().splitlines()]
    return next(str(line["unreached"]) for line in noted if "clock" in line)


def populate(bundle: Path, *programs: str) -> None:
    for name in programs:
        done = subprocess.run(["ldd", name], capture_output=True, check=False, encoding="utf-8")
        for source in [name, *re.findall(r"(/\S+) \(0x", done.stdout)]:
            target = bundle / "root" / source.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Path(source).resolve().read_bytes())


def test_a_moved_clock_reaches_programs_linked_with_glibc(
    plan: dict[str, Any], bundle: Path
) -> None:
    populate(bundle, "/bin/cat")
    plan["steps"]["0/1"]["args"] = ["/bin/cat"]
    moved = clock_of(plan, shift=60)
    config = create(moved, bundle)
    assert unreached(moved) == ""
    assert "FAKETIME=+60" in config["process"]["env"]
    assert any(m["destination"].startswith("/dev/.samebit/") for m in config["mounts"])


def test_a_clock_that_is_only_looked_at_changes_nothing(plan: dict[str, Any], bundle: Path) -> None:
    populate(bundle, "/bin/cat")
    plan["steps"]["0/1"]["args"] = ["/bin/cat"]
    config = create(clock_of(plan, shift=0), bundle)
    assert config["process"]["env"] == ["A=b c", "SOURCE_DATE_EPOCH=7"]
    assert not any("libfaketime" in m["destination"] for m in config["mounts"])


@pytest.mark.parametrize(
    ("program", "version", "expected"),
    [
        ("/bin/busybox", "GLIBC_2.0", "static"),
        ("/bin/cat", "GLIBC_2.9999", "glibc"),
        ("", "GLIBC_2.0", "libc"),
    ],
)
def test_what_a_moved_clock_cannot_reach_is_said(
    plan: dict[str, Any], bundle: Path, program: str, version: str, expected: str
) -> None:
    if program:
        populate(bundle, program)
    plan["steps"]["0/1"]["args"] = [program or "/none"]
    moved = clock_of(plan, shift=60, version=version)
    config = create(moved, bundle)
    assert unreached(moved) == expected
    assert not any(entry.startswith("LD_PRELOAD") for entry in config["process"]["env"])


def test_go_programs_are_named_beside_what_is_reached(plan: dict[str, Any], bundle: Path) -> None:
    populate(bundle, "/bin/cat")
    (bundle / "root" / "usr" / "local" / "go" / "bin").mkdir(parents=True)
    plan["steps"]["0/1"]["args"] = ["/bin/cat"]
    moved = clock_of(plan, shift=60)
    config = create(moved, bundle)
    assert unreached(moved) == "go"
    assert "FAKETIME=+60" in config["process"]["env"]


def test_what_a_stage_has_changed_is_noted_when_its_last_step_ends(
    plan: dict[str, Any], bundle: Path
) -> None:
    traced = {**plan, "traced": {"0/1": 3}}
    create(traced, bundle)
    (bundle / "root" / "new").write_text("new")
    assert call(traced, "delete", "container").returncode == 0
    lines = (Path(plan["state"]) / "written-3.jsonl").read_text().splitlines()
    assert "new" in [json.loads(line)[0] for line in lines]


RUN = ("--log", "l", "run", "--bundle")


def test_an_engine_that_calls_run_finds_everything_done_when_it_ends(
    plan: dict[str, Any], bundle: Path, tmp_path: Path
) -> None:
    root = bundle / "root"
    runtime = Path(plan["runtime"])
    # As a runtime does, it makes the mount points that are missing.
    runtime.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f'case " $* " in *" run "*) mkdir {root}/proc; : > {root}/etc/hosts; exit 7;; esac\n'
    )
    done = call(plan, *RUN, str(bundle), "--keep", "container", runs=True)
    assert done.returncode == 7
    assert sorted(os.listdir(root)) == ["etc"]
    assert os.listdir(root / "etc") == []
    ended = (tmp_path / "state" / "ended").stat().st_ctime_ns
    # BuildKit deletes it later, when another step runs.
    assert call(plan, "delete", "container", runs=True).returncode == 0
    assert (tmp_path / "state" / "ended").stat().st_ctime_ns == ended
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"--root /of it --log l run --bundle {bundle} --keep container",
        "--root /of it delete container",
    ]


def test_a_step_that_is_run_is_restricted_before_it_starts(
    plan: dict[str, Any], bundle: Path, tmp_path: Path
) -> None:
    processor = min(os.sched_getaffinity(0))
    plan["conditions"] = shim_conditions(StepConditions(processors=(processor,)))
    state = tmp_path / "states"
    runtime = Path(plan["runtime"])
    # The container's process waits for `start`, and is no child of who starts it.
    runtime.write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" create "*) mkdir -p {state}/container; mkfifo {tmp_path}/go\n'
        f"(read line < {tmp_path}/go;"
        f" grep Cpus_allowed_list /proc/self/status > {tmp_path}/seen; exit 5) &\n"
        f"printf '{{\"init_process_pid\": %s}}' $! > {state}/container/state.json;;\n"
        f'*" start "*) echo > {tmp_path}/go;; esac\n'
    )
    done = call(plan, *RUN, str(bundle), "container", runs=True, containers=str(state))
    assert done.returncode == 5, done.stderr
    assert (tmp_path / "seen").read_text().split()[1] == str(processor)
