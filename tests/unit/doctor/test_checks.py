from __future__ import annotations

from pathlib import Path

import pytest

from samebit.distribution.install import recognise
from samebit.doctor import examine as examining
from samebit.doctor.checks import compressor, disk, engines, programs, storage, subordinate_ids
from samebit.doctor.examine import all_checks, examine
from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.errors import MachineError
from samebit.model.diagnosis import State

DEBIAN = recognise("ID=debian\nPRETTY_NAME=Debian\n")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(home=tmp_path / "home", work=None, program=None, distribution=DEBIAN)


def test_every_check_is_found_once_and_in_order() -> None:
    areas = [check.area for check in all_checks()]
    assert len(set(areas)) == len(areas)
    assert areas[0] == "engines"
    assert {"runtimes", "isolation", "storage drivers", "namespaces", "compressor"} <= set(areas)


def test_without_an_engine_what_needs_one_is_not_tried(bench: Bench) -> None:
    (engine,) = [o for o in engines.CHECK.probe(bench) if o.name == "buildah"]
    assert engine.state is State.LACKS
    assert engine.needed
    assert "install" in engine.fix
    assert {o.state for o in storage.CHECK.probe(bench)} == {State.UNTRIED}


def test_a_check_that_breaks_is_told_and_the_others_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_bench: Bench) -> list[None]:
        raise MachineError("it broke", fix="mend it")

    def absent(_bench: Bench) -> list[None]:
        raise PermissionError(13, "Permission denied", "/x")

    checks = (Check("one", 1, broken), Check("two", 2, absent), compressor.CHECK)
    monkeypatch.setattr(examining, "all_checks", lambda: checks)
    found = examine(bench)
    assert [o.area for o in found.observations] == ["one", "two", "compressor"]
    assert found.observations[0].reason == "it broke"
    assert "/x" in found.observations[1].reason
    assert not found.able


def test_too_little_room_stops_builds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _path: type("U", (), {"free": 1 << 20})())
    states = {(o.state, o.needed) for o in disk.CHECK.probe(bench)}
    assert states == {(State.LACKS, True)}


def test_a_wrong_compressor_stops_builds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> None:
        raise MachineError("other bytes", fix="install the wheel")

    monkeypatch.setattr(compressor, "verify_compressor", wrong)
    (seen,) = compressor.CHECK.probe(bench)
    assert (seen.state, seen.needed, seen.fix) == (State.LACKS, True, "install the wheel")


def test_programs_that_are_not_there_are_named_with_their_package(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "find_program", lambda _name: None)
    found = {o.name: o for o in programs.CHECK.probe(bench)}
    assert found["git"].fix.endswith("apt-get install --no-install-recommends git")
    assert found["cosign"].fix.startswith("Debian has no fitting package of cosign")
    assert not any(o.needed for o in found.values())


def test_subordinate_ids_are_counted_by_name_and_number() -> None:
    text = "alice:100000:65536\n1000:300000:10\nbob:1:2\nmalformed\nalice:x:y\n"
    assert subordinate_ids.granted(text, ["1000", "alice"]) == 65546
    assert subordinate_ids.granted(text, ["carol"]) == 0


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)", "1.28.2"),
        ("runc version 1.1.5+ds1\ncommit: 1.1.5", "1.1.5+ds1"),
        ("Docker version 26.1.5+dfsg1, build a72d7cd", "26.1.5+dfsg1"),
        ("", "version unknown"),
    ],
)
def test_versions_are_found_in_what_programs_say(text: str, version: str) -> None:
    assert engines.version(text) == version


def test_a_trial_never_raises(tmp_path: Path) -> None:
    assert attempt("true").worked
    assert attempt(str(tmp_path / "absent")).reason == "No such file or directory"
    assert attempt("sh", "-c", "echo one >&2; echo two >&2; exit 3").reason == "two"
    assert attempt("sh", "-c", "exit 3").reason == "exit 3"


def test_a_dockerd_that_reads_no_oci_layouts_is_too_old(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in {
        "dockerd": "Docker version 20.10.24+dfsg1, build 297e128",
        "containerd": "",
        "xz": "",
        "docker-buildx": "github.com/docker/buildx v0.13.1 5a4a2b1",
    }.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{text}'\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (old,) = [o for o in engines.CHECK.probe(bench) if o.name == "buildkit"]
    assert (old.state, old.reason) == (
        State.LACKS,
        "dockerd 20.10.24+dfsg1 is too old: 24 or newer",
    )
    (tmp_path / "dockerd").write_text(
        "#!/bin/sh\necho 'Docker version 26.1.5+dfsg1, build a72d7cd'\n"
    )
    (new,) = [o for o in engines.CHECK.probe(bench) if o.name == "buildkit"]
    assert (new.state, new.found) == (
        State.WORKS,
        "dockerd 26.1.5+dfsg1, containerd, buildx 0.13.1",
    )
    assert not new.needed
