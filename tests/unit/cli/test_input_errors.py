"""What is wrong with the user's files and with what they name, without any engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_output import CommandLine, Failure

from samebit.lock.toml import read_lock


def build(command_line: CommandLine, dockerfile: str | bytes, *options: str) -> Failure:
    folder = Path("ctx")
    folder.mkdir(exist_ok=True)
    data = dockerfile.encode() if isinstance(dockerfile, str) else dockerfile
    (folder / "Dockerfile").write_bytes(data)
    return command_line.fail("build", folder, *options)


BROKEN = [
    ("FROM scratch\nFOO x\n", "2:1", "FOO"),
    ("FROM scratch\nFORM x\n", "2:1", "FORM"),
    ("FROM scratch\nCOPY a\n", "2:6", "COPY"),
    ("FROM scratch\n\n# note\nCOPY --froom=x a b\n", "4:6", "froom"),
    ("FROM scratch\nENV a\n", "2:5", "ENV"),
    ("FROM scratch\nRUN <<EOF\necho\n", "2:5", "EOF"),
    ("FROM scratch\nEXPOSE 1/abc\n", "2:1", "abc"),
    ("FROM scratch\nCOPY a ${x\n", "2:1", "${x"),
    ("RUN x\n", "1:1", "FROM"),
    ("# nothing\n", "", "no FROM"),
    ("", "", "no FROM"),
    ("FROM scratch\nHEALTHCHECK --interval=x CMD y\n", "2:13", "x"),
    ("FROM ${nothing}\n", "1:1", "empty"),
    ("FROM scratch\nCOPY --from=5 a b\n", "2", "5"),
    (b"FROM scratch\nRUN \xff\n", "2:5", "UTF-8"),
    ("FROM scratch\nCOPY absent /x\n", "2:1", "absent"),
    ("FROM scratch\nCOPY ../x /x\n", "2:1", "../x"),
]


@pytest.mark.parametrize(("text", "place", "what"), BROKEN, ids=[repr(b[0]) for b in BROKEN])
def test_a_broken_dockerfile_is_told_with_its_place(
    command_line: CommandLine, text: str | bytes, place: str, what: str
) -> None:
    failure = build(command_line, text)
    assert (failure.status, failure.code) == (2, "dockerfile")
    assert failure.where.startswith(f"ctx/Dockerfile:{place}".rstrip(":")), failure
    assert what in failure.what, failure
    assert os.listdir("ctx") == ["Dockerfile"]


def test_no_dockerfile(command_line: CommandLine) -> None:
    Path("ctx").mkdir()
    failure = command_line.fail("build", "ctx")
    assert failure.where == "ctx/Dockerfile"
    assert "-f" in failure.fix


def test_a_dockerfile_that_is_a_folder(command_line: CommandLine, context: Path) -> None:
    failure = command_line.fail("build", context, "-f", context)
    assert (failure.status, failure.where) == (2, "ctx")
    assert "Is a directory" in failure.what


def test_no_context(command_line: CommandLine) -> None:
    failure = command_line.fail("build", "absent")
    assert (failure.status, failure.where) == (2, "absent")
    assert "does not exist" in failure.what


def test_a_context_that_is_a_file(command_line: CommandLine, context: Path) -> None:
    failure = command_line.fail("build", context / "file")
    assert (failure.status, failure.where) == (2, "ctx/file")
    assert "not a directory" in failure.what


@pytest.mark.parametrize("context", ["-", "https://git.example.org/x.git", "git@example.org:x"])
def test_a_context_that_is_elsewhere(command_line: CommandLine, context: str) -> None:
    failure = command_line.fail("build", context)
    assert failure.status == 2
    assert "clone or unpack it first" in failure.fix


TOML = [
    ("images = 1\n", 1, "images must be a table"),
    ("\n[images.x\n", 2, "not valid TOML"),
    ("[imagse.x]\n", 1, "imagse is not a known key"),
    ("[images.x]\ntarget = 1\n", 2, "must be a string"),
    ("[images.x]\nplatform = ['a/b/c/d']\n", 2, "platform"),
    ('[bases."a:1"]\nsuite = "x"\nvaraint = "y"\n', 3, "varaint"),
    ('[bases."a:1"]\n', 1, "suite is missing"),
    ('[bases."A"]\nsuite = "x"\n', 1, "bases.A is not an image reference"),
]


@pytest.mark.parametrize(("text", "line", "what"), TOML, ids=[t[0] for t in TOML])
def test_a_broken_samebit_toml_is_told_with_its_line(
    command_line: CommandLine, context: Path, text: str, line: int, what: str
) -> None:
    (context / "samebit.toml").write_text(text)
    failure = command_line.fail("build", context)
    assert (failure.status, failure.code) == (2, "usage")
    assert failure.where.split(":")[:2] == ["ctx/samebit.toml", str(line)]
    assert what in failure.what


@pytest.fixture
def locked(command_line: CommandLine, context: Path) -> Path:
    """The lock of the context, which is up to date."""
    from samebit.cli.group import run

    assert run(["lock", str(context), "--source-date-epoch", "7"]) == 0
    assert command_line.home.is_dir()
    return context / "Dockerfile.lock"


LOCK = [
    (lambda text: text.replace("epoch = 7", "epoch = x"), "not valid TOML"),
    (lambda text: text.replace("epoch = 7", 'epoch = "7"'), "must be an integer"),
    (lambda text: text.replace("version = 1", "version = 99", 1), "is 99"),
    (lambda text: text.replace("[recipe]", "[recipes]"), "missing"),
    (lambda text: text + "surprise = 1\n", "not a known key"),
    (lambda text: "<<<<<<< ours\n" + text, "merge conflict"),
    (lambda text: text[: len(text) // 2], ""),
    (lambda text: text.replace('checksum = "sha256:', 'checksum = "sha256:0'), "checksum"),
]


@pytest.mark.parametrize(("damage", "what"), LOCK, ids=[str(n) for n in range(len(LOCK))])
@pytest.mark.parametrize("command", ["build", "lock"])
def test_a_broken_lock_is_told_with_its_line_and_is_not_touched(
    command_line: CommandLine, locked: Path, damage: object, what: str, command: str
) -> None:
    assert callable(damage)
    text = damage(locked.read_text())
    assert text != locked.read_text()
    locked.write_text(text)
    failure = command_line.fail(command, locked.parent)
    assert failure.status == 2
    assert failure.where.startswith("ctx/Dockerfile.lock")
    assert what in failure.what
    assert locked.read_text() == text


def test_a_lock_that_is_a_folder(command_line: CommandLine, locked: Path) -> None:
    locked.unlink()
    locked.mkdir()
    failure = command_line.fail("build", locked.parent)
    assert (failure.status, failure.where) == (2, "ctx/Dockerfile.lock")


def test_locked_without_a_lock(command_line: CommandLine, context: Path) -> None:
    failure = command_line.fail("build", "--locked", context)
    assert (failure.status, failure.code) == (4, "lock")
    assert failure.where == "ctx/Dockerfile.lock"
    assert "samebit lock" in failure.fix
    assert command_line.fail("lock", "--check", context) == failure


def test_a_stale_lock_says_why(command_line: CommandLine, locked: Path) -> None:
    dockerfile = locked.parent / "Dockerfile"
    dockerfile.write_text("ARG A=1\n" + dockerfile.read_text())
    before = locked.read_bytes()
    options = ["--build-arg", "A=2", "--platform", "linux/arm64", "--target", "one"]
    for command in (["build", "--locked"], ["lock", "--check"]):
        failure = command_line.fail(*command, *options, locked.parent)
        assert (failure.status, failure.where) == (4, "ctx/Dockerfile.lock")
        told = "\n".join(failure.detail)
        for reason in (
            "the Dockerfile's instructions changed",
            "the target is 'one', locked the last stage",
            "the platforms are linux/arm64, locked linux/",
            "build arg A is not in the lock",
        ):
            assert reason in told
    assert locked.read_bytes() == before


def test_a_build_arg_that_differs_from_the_lock_is_told_with_both_values(
    command_line: CommandLine, context: Path
) -> None:
    from samebit.cli.group import run

    (context / "Dockerfile").write_text("ARG A\nFROM scratch\n")
    assert run(["lock", str(context), "--build-arg", "A=1"]) == 0
    failure = command_line.fail("build", "--locked", "--build-arg", "A=2", context)
    assert failure.detail == ("build arg A is '2', locked '1'",)


def test_another_source_date_epoch_than_the_lock(
    command_line: CommandLine, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "8")
    for command in ("build", "lock"):
        failure = command_line.fail(command, locked.parent)
        assert (failure.status, failure.code) == (4, "lock")
        assert failure.what == "SOURCE_DATE_EPOCH is 8, but the lock says 7"
        assert "unset SOURCE_DATE_EPOCH" in failure.fix
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    failure = command_line.fail("build", "--locked", "--source-date-epoch", "8", locked.parent)
    assert failure.status == 4
    lock = read_lock(locked)
    assert lock is not None
    assert lock.epoch == 7


def test_a_source_date_epoch_that_is_no_time(
    command_line: CommandLine, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    failure = command_line.fail("build", context)
    assert failure.status == 2
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in failure.what


def test_a_relative_state_folder(
    command_line: CommandLine, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMEBIT_HOME", "state")
    failure = command_line.fail("build", context)
    assert failure.status == 2
    assert "SAMEBIT_HOME is a relative path" in failure.what
    assert not Path("state").exists()


def test_a_state_folder_that_cannot_be_made(
    command_line: CommandLine, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMEBIT_HOME", str(Path("ctx/file").absolute()))
    failure = command_line.fail("build", context)
    assert (failure.status, failure.code) == (6, "machine")
    assert "SAMEBIT_HOME" in failure.fix


def test_a_name_that_was_meant_for_a_stage(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy that nobody runs: no test may ask a real registry.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    text = "FROM scratch AS builder\nCOPY Dockerfile /\nFROM scratch\nCOPY --from=bulider / /\n"
    failure = build(command_line, text)
    assert (failure.status, failure.code) == (5, "input")
    assert failure.where == "ctx/Dockerfile:4:1"
    assert "base image bulider" in failure.what
    assert "the stages are builder" in failure.fix


@pytest.mark.parametrize(
    ("reference", "what"),
    [
        ("oci:absent", "absent"),
        ("oci-archive:absent.tar", "absent.tar"),
        ("docker-archive:absent.tar", "absent.tar"),
        ("some/UPPER", "not an image reference"),
        ("localhost:1/closed", "registry localhost:1 cannot be reached"),
    ],
)
def test_a_base_that_cannot_be_had(command_line: CommandLine, reference: str, what: str) -> None:
    failure = build(command_line, f"ARG X\nFROM {reference}\n")
    assert failure.status in {2, 5}
    assert failure.where == "ctx/Dockerfile:2:1"
    assert what in failure.what
    assert "Errno" not in failure.what


def test_no_engine(
    command_line: CommandLine, context: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from samebit.engines import machine

    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(machine, "_SYSTEM_PATH", str(tmp_path / "bin"))
    failure = command_line.fail("build", context)
    assert (failure.status, failure.code) == (6, "machine")
    assert "buildah is not installed" in failure.what
    assert "buildah" in failure.fix
    failure = command_line.fail("build", context, "--engine", "buildah:/absent/buildah")
    assert failure.status == 6
    assert "/absent/buildah" in failure.what
    assert not (context / "Dockerfile.lock").exists()
