"""The runtime shim and its wrapper, run as by the engine, before a runtime that notes its calls."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from shim_calls import call, create, prepared, write_config

from samebit.engines import shim


def test_a_step_gets_exactly_the_planned_environment(plan: dict[str, Any], bundle: Path) -> None:
    config = create(plan, bundle)
    assert config["process"]["env"] == ["A=b c", "SOURCE_DATE_EPOCH=7"]
    assert config["hostname"] == "samebit"


def test_a_step_gets_its_own_command_and_directory(plan: dict[str, Any], bundle: Path) -> None:
    process = create(plan, bundle)["process"]
    assert (process["args"], process["cwd"]) == (["p"], "/app")
    # What the engine made of it is noted, to be compared.
    assert json.loads(Path(plan["log"]).read_text())["args"] == ["/p"]


def test_what_the_dockerfile_sets_is_never_overridden(plan: dict[str, Any], bundle: Path) -> None:
    plan["steps"]["0/1"]["env"] = [["SOURCE_DATE_EPOCH", "1"]]
    assert create(plan, bundle)["process"]["env"] == ["SOURCE_DATE_EPOCH=1"]


def test_mounts_that_tell_of_the_host_are_replaced_or_dropped(
    plan: dict[str, Any], bundle: Path
) -> None:
    config = create(plan, bundle)
    assert "ro" in next(m for m in config["mounts"] if m["destination"] == "/etc/hosts")["options"]
    mounts = {m["destination"]: m["source"] for m in config["mounts"]}
    assert mounts == {
        "/proc": "proc",
        "/etc/hosts": plan["replaced"]["/etc/hosts"],
        "/dev/.samebit/ca.pem": "/ca.pem",
    }


def test_companions_are_bound_beside_their_program_only(plan: dict[str, Any], bundle: Path) -> None:
    programs = ("/usr/lib/python3*/dist-packages/dnf", "/usr/lib/python3*/site-packages/dnf")
    plan["companions"] = [[program, "dnf-plugins/x.py", "/x.py"] for program in programs]
    root = bundle / "root"
    (root / "usr/lib/python3.9/site-packages/dnf").mkdir(parents=True)
    (root / "usr/lib/python3/dist-packages/other").mkdir(parents=True)
    (root / "usr/lib/python2/site-packages/dnf").mkdir(parents=True)
    mounts = {m["destination"]: m["source"] for m in create(plan, bundle)["mounts"]}
    place = "/usr/lib/python3.9/site-packages/dnf-plugins/x.py"
    assert {d for d, source in mounts.items() if source == "/x.py"} == {place}
    made = root / place.lstrip("/")
    made.parent.mkdir()
    made.touch()
    call(plan, "delete", "container")
    assert not made.parent.exists()


def test_network_none_gets_a_namespace_of_its_own(plan: dict[str, Any], bundle: Path) -> None:
    plan["steps"]["0/1"]["network"] = "none"
    assert {"type": "network"} in create(plan, bundle)["linux"]["namespaces"]


@pytest.mark.parametrize("wanted", ["default", "host"])
def test_every_other_network_is_the_recorders(
    plan: dict[str, Any], bundle: Path, tmp_path: Path, wanted: str
) -> None:
    marker = tmp_path / "marker"
    marker.write_text("")
    plan["steps"]["0/1"]["network"] = wanted
    plan["namespace"] = "/proc/1/fd/7"
    plan["marker"] = str(marker)
    namespaces = create(plan, bundle)["linux"]["namespaces"]
    assert [n for n in namespaces if n["type"] == "network"] == [
        {"type": "network", "path": "/proc/1/fd/7"}
    ]
    assert marker.read_text().rstrip() == "0/1"


def test_planned_mounts_come_after_those_above_them(plan: dict[str, Any], bundle: Path) -> None:
    deep = {"destination": "/src/deep/cache", "type": "bind", "source": "/c", "options": ["rw"]}
    shallow = {"destination": "/top", "type": "tmpfs", "source": "tmpfs", "options": []}
    plan["steps"]["0/1"]["mounts"] = [deep, shallow]
    plan["steps"]["0/1"]["moved"] = {"/dev/.samebit/mounts/0": "/src"}
    mounts = (("/dev/.samebit/mounts/0", "/engine/src"), ("/run/secrets", "/subscription"))
    write_config(bundle, "0/1", mounts)
    found = create(plan, bundle)["mounts"]
    assert [m["destination"] for m in found] == [
        "/proc", "/src", "/top", "/etc/hosts", "/dev/.samebit/ca.pem", "/src/deep/cache",
    ]  # fmt: skip
    assert found[-1] == deep


@pytest.mark.parametrize("step", [None, "9/9"])
def test_a_step_that_is_not_planned_is_refused(
    plan: dict[str, Any], bundle: Path, step: str | None
) -> None:
    write_config(bundle, step)
    done = call(plan, "create", "--bundle", str(bundle), "container")
    assert done.returncode != 0
    assert "not in the plan" in done.stderr


def test_the_runtime_is_called_with_the_same_arguments(plan: dict[str, Any], bundle: Path) -> None:
    create(plan, bundle)
    call(plan, "delete", "--force", "container")
    calls = Path(plan["runtime"]).with_name("calls").read_text().splitlines()
    assert calls == [
        f"--root /of it create --bundle {bundle} --pid-file /p container",
        "--root /of it delete --force container",
    ]


def test_empty_mount_points_are_removed_after_the_step_and_others_stay(
    plan: dict[str, Any], bundle: Path
) -> None:
    root = bundle / "root"
    (root / "here").mkdir()
    (root / "usr" / "real").mkdir(parents=True)
    (root / "link").symlink_to("/usr/../usr/real")
    targets = ("/here", "/cache/deep/er", "/filled", "/link/x/y")
    plan["steps"]["0/1"]["mounts"] = [{"destination": target} for target in targets]
    create(plan, bundle)
    # What the runtime does: it makes every mount point that is missing.
    for name in ("proc", "cache/deep/er", "filled", "usr/real/x/y"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "hosts").write_text("")
    (root / "filled" / "by-the-step").write_text("x")
    call(plan, "delete", "container")
    left = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
    assert left == ["etc", "filled", "filled/by-the-step", "here", "link", "usr", "usr/real"]


def test_mount_points_never_lead_out_of_the_root(plan: dict[str, Any], bundle: Path) -> None:
    outside = bundle.parent / "outside"
    outside.mkdir()
    (bundle / "root" / "link").symlink_to(outside)
    targets = ("/link/inside", "/../../outside/x")
    plan["steps"]["0/1"]["mounts"] = [{"destination": target} for target in targets]
    create(plan, bundle)
    (outside / "inside").mkdir()
    (outside / "x").mkdir()
    call(plan, "delete", "container")
    assert sorted(p.name for p in outside.iterdir()) == ["inside", "x"]


def test_a_link_in_the_place_of_a_directory_does_not_lead_to_the_machine(
    plan: dict[str, Any], bundle: Path
) -> None:
    outside = bundle.parent / "outside"
    (outside / "made").mkdir(parents=True)
    (outside / "empty").touch()
    targets = ("/new/made", "/new/empty", "/link")
    plan["steps"]["0/1"]["mounts"] = [{"destination": target} for target in targets]
    create(plan, bundle)
    # As by `mv /new /old && ln -s …` in the step.
    (bundle / "root" / "new").symlink_to(outside)
    (bundle / "root" / "link").symlink_to(outside / "made")
    call(plan, "delete", "container")
    assert sorted(p.name for p in outside.iterdir()) == ["empty", "made"]
    assert (bundle / "root" / "new").is_symlink()
    assert (bundle / "root" / "link").is_symlink()


def test_what_a_mount_hides_is_not_looked_for(plan: dict[str, Any], bundle: Path) -> None:
    root = bundle / "root"
    for name in ("proc", "dev"):
        (root / name).mkdir()
        # Of the image: what is new and empty there is the engine's.
        os.utime(root / name, (1, 1))
    (root / "etc" / "hosts").touch()
    # Older than the step, or they would be taken for the engine's.
    write_config(bundle, "0/1")
    targets = ("/dev", "/dev/pts", "/dev/.samebit/x")
    plan["steps"]["0/1"]["mounts"] = [{"destination": target} for target in targets]
    create(plan, bundle)
    assert not list(Path(plan["state"]).glob(f"{shim.STUBS}*"))


def test_names_of_mount_points_are_only_names(plan: dict[str, Any], bundle: Path) -> None:
    names = ["it's", "-rf", "$(touch x)", "a b", "new\nline", "ümlaut", "back\\slash"]
    plan["steps"]["0/1"]["mounts"] = [{"destination": f"/in/{name}"} for name in names]
    create(plan, bundle)
    for name in names:
        (bundle / "root" / "in" / name).mkdir(parents=True)
    call(plan, "delete", "container")
    assert [p.name for p in (bundle / "root").iterdir()] == ["etc"]


@pytest.fixture
def noted(plan: dict[str, Any], bundle: Path) -> Path:
    """What an engine that makes mount points beforehand has made and noted, after /old."""
    root = bundle / "root"
    for name in ("old/empty", "proc"):
        (root / name).mkdir(parents=True)
    time.sleep(0.05)  # The clock of the file system has to tick.
    write_config(bundle, "0/1")
    time.sleep(0.05)
    for name in ("dev/pts", "sys/fs/cgroup", "run", "old/made"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "hosts").touch()
    layer = Path(plan["layers"]) / "layer"
    layer.mkdir(parents=True)
    (layer / "merged").symlink_to(root)
    folder = Path(plan["containers"])
    notes = folder / "container" / "userdata" / "commit-excludes"
    notes.mkdir(parents=True)
    (folder / "volatile-containers.json").write_text(
        json.dumps([{"id": "other", "layer": "gone"}, {"id": "container", "layer": "layer"}])
    )
    made = ("dev/pts", "etc/hosts", "old/made", "run", "sys/fs", "sys/fs/cgroup")
    (notes / "filter1").write_text(json.dumps([{"Path": path, "ModTime": None} for path in made]))
    (notes / "filter1.tmp").touch()
    return notes


def test_mount_points_that_the_engine_made_are_gone_before_the_step(
    plan: dict[str, Any], bundle: Path, noted: Path
) -> None:
    create(plan, bundle)
    root = bundle / "root"
    # /proc and /old/empty were there before the step.
    assert sorted(path.name for path in root.iterdir()) == ["etc", "old", "proc"]
    assert [path.name for path in (root / "old").iterdir()] == ["empty"]
    assert not list((root / "etc").iterdir())
    # The engine's commit has nothing to leave out any more, whatever is made at these places.
    assert [path.name for path in noted.iterdir()] == ["filter1.tmp"]


def test_what_is_not_empty_is_no_mount_point(
    plan: dict[str, Any], bundle: Path, noted: Path
) -> None:
    root = bundle / "root"
    (root / "etc" / "hosts").write_text("127.0.0.1 here\n")
    (root / "run" / "file").touch()
    create(plan, bundle)
    assert (root / "etc" / "hosts").exists()
    assert (root / "run" / "file").exists()
    assert noted.exists()


def test_notes_do_not_lead_out_of_the_root(
    plan: dict[str, Any], bundle: Path, noted: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (bundle / "root" / "link").symlink_to(tmp_path)
    (noted / "filter2").write_text(json.dumps([{"Path": "link/outside"}, {"Path": "../outside"}]))
    create(plan, bundle)
    assert (tmp_path / "outside").is_dir()


def test_the_capture_hands_over_the_root_and_runs_nothing(
    plan: dict[str, Any], bundle: Path
) -> None:
    write_config(bundle, "capture")
    (bundle / "root" / "marker").write_text("x")
    path = Path(plan["log"]).with_name("plan.json")
    path.write_text(json.dumps(plan))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(plan["socket"])
        listener.listen(1)
        arguments = [str(path), "create", "--bundle", str(bundle), "container"]
        with subprocess.Popen([sys.executable, "-I", "-S", shim.__file__, *arguments]) as process:
            connection, _ = listener.accept()
            with connection:
                message, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
                assert set(os.listdir(f"/proc/self/fd/{descriptors[0]}/.")) == {"etc", "marker"}
                assert json.loads(message)["filesystem"]
                assert process.poll() is None
                os.close(descriptors[0])
            assert process.wait(30) == 1
    assert not Path(plan["runtime"]).with_name("calls").exists()


def test_a_number_gets_the_groups_that_the_image_says(plan: dict[str, Any], bundle: Path) -> None:
    etc = bundle / "root" / "etc"
    plan["steps"]["0/1"]["user"] = 12
    assert created_user(plan, bundle) == {"uid": 12, "gid": 0, "additionalGids": [0]}
    (etc / "passwd").write_text("a:x:1:2::/:\nb:x:12:34::/:\nbroken\n")
    (etc / "group").write_text("b:x:34:\nmore:x:56:a,b\nless:x:78:a\n")
    write_config(bundle, "0/1")
    assert created_user(plan, bundle) == {"uid": 12, "gid": 34, "additionalGids": [34, 56]}


def created_user(plan: dict[str, Any], bundle: Path) -> object:
    return create(plan, bundle)["process"]["user"]


def test_buildkits_own_socket_is_not_mounted(plan: dict[str, Any], bundle: Path) -> None:
    write_config(bundle, "0/1", (("/dev/otel-grpc.sock", "/o"),))
    found = [mount["destination"] for mount in create(plan, bundle)["mounts"]]
    assert "/dev/otel-grpc.sock" not in found


def test_a_step_waits_for_that_of_another_stage(plan: dict[str, Any], bundle: Path) -> None:
    """It goes on when that has ended well, and gives up when it has failed."""
    other = bundle.with_name("other")
    shutil.copytree(bundle, other)
    plan["steps"]["1/2"] = {**plan["steps"]["0/1"], "after": "0/1"}
    for status, expected in ((0, 0), (1, 1)):
        write_config(bundle, "0/1")
        write_config(other, "1/2")
        Path(plan["runtime"]).write_text(
            f"#!/bin/sh\nsleep 0.3\ndate +%s%N > $0-$6\nexit {status}\n"
        )
        shutil.rmtree(plan["state"])
        Path(plan["state"]).mkdir()
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(call, plan, "run", "--bundle", str(other), "second", runs=True)
            time.sleep(0.3)
            assert not waiting.done()
            first = call(plan, "run", "--bundle", str(bundle), "first", runs=True)
            assert first.returncode == status
            assert waiting.result().returncode == expected
            assert (shim.IN_VAIN in waiting.result().stderr) is (status != 0)
        ended = [Path(f"{plan['runtime']}-{name}") for name in ("first", "second")]
        assert ended[0].exists()
        assert ended[1].exists() is (status == 0)
        if status == 0:
            assert int(ended[0].read_text()) < int(ended[1].read_text())
        for path in ended:
            path.unlink(missing_ok=True)


def test_a_step_that_waits_ends_with_the_wrapper(plan: dict[str, Any], bundle: Path) -> None:
    plan["steps"]["0/1"]["after"] = "0/0"
    wrapper = prepared(plan, runs=True)
    with subprocess.Popen(
        [wrapper, "run", "--bundle", bundle, "container"], stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        time.sleep(0.3)
        assert process.poll() is None
        process.kill()
        # The end of the file comes when the shim has ended, too.
        assert shim.IN_VAIN in process.communicate(timeout=10)[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting an overlay needs root")
@pytest.mark.parametrize(("count", "names"), [(1, ["a"]), (2, ["a", "b"])])
def test_the_base_is_an_overlays_lowest_layers(
    plan: dict[str, Any], tmp_path: Path, count: int, names: list[str]
) -> None:
    # A space, which mountinfo escapes; and a layer that is told by its place beside the others.
    place = tmp_path / "of all"
    for name in ("a", "b", "c", "upper", "work"):
        (place / name / "fs").mkdir(parents=True)
        (place / name / "fs" / name).touch()
    escaped = str(place).replace(" ", "\\040")
    options = f"rw,lowerdir=c/fs:{escaped}/b/fs:{escaped}/a/fs,upperdir={escaped}/upper/fs,x=y"
    Path(plan["state"]).mkdir(exist_ok=True)
    plan["base_layers"] = count
    code = (
        "import json, os, sys\n"
        f"sys.path.insert(0, {os.path.dirname(shim.__file__)!r})\nimport shim_capture\n"
        "fd = shim_capture.lowest(json.loads(sys.argv[1]), sys.argv[2])\n"
        "print(*sorted(os.listdir(f'/proc/self/fd/{fd}')))"
    )
    command = [
        "unshare",
        "--mount",
        sys.executable,
        "-I",
        "-S",
        "-c",
        code,
        json.dumps(plan),
        options,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == names
