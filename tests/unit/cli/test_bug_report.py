"""The bug path: exit 70, a report file, and nothing in it that the user gave."""

from __future__ import annotations

import errno
import os
import re
import sys
from pathlib import Path

import pytest
from command_output import CommandLine, Failure, read_failure

from samebit.cli.group import run
from samebit.errors import InternalError, Place

SECRET = "hunter2-hunter2"


def break_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("samebit.cli.build.open_session", broken)


def fail(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[Failure, str]:
    monkeypatch.setattr(sys, "argv", ["samebit", *arguments])
    failure = command_line.fail(*arguments)
    found = re.search(r"with the file (\S+);", failure.fix)
    return failure, Path(found[1]).read_text() if found else ""


@pytest.mark.usefixtures("context")
def test_an_unexpected_exception_is_reported_in_a_file(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_with(monkeypatch, KeyError("surprise"))
    failure, report = fail(command_line, monkeypatch, "build", "ctx")
    assert (failure.status, failure.code) == (70, "internal")
    assert failure.what == "this is a bug of samebit: KeyError: 'surprise'"
    assert report.startswith("samebit ")
    assert "Traceback (most recent call last):" in report
    assert "KeyError: 'surprise'" in report
    assert (command_line.home / "reports").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("context")
def test_the_report_holds_no_arguments_and_no_environment(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", f"{SECRET}-2")
    monkeypatch.setenv("OTHER", "environment-value")
    break_with(monkeypatch, ValueError(f"{SECRET} {SECRET}-2 {SECRET}-3\n"))
    options = ["--build-arg", f"A={SECRET}", "--build-arg", "TOKEN", f"--label=b=x={SECRET}-3"]
    failure, report = fail(command_line, monkeypatch, "build", "ctx", *options)
    for text in (report, str(failure)):
        assert "hunter2" not in text
        assert "environment-value" not in text
        assert "[hidden]" in text


@pytest.mark.usefixtures("context")
def test_a_broken_invariant_of_ours_is_reported_too(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_with(monkeypatch, InternalError("it cannot be", where=Place("ctx/Dockerfile", 3)))
    failure, report = fail(command_line, monkeypatch, "build", "ctx")
    assert (failure.status, failure.where) == (70, "ctx/Dockerfile:3")
    assert failure.what == "this is a bug of samebit: it cannot be"
    assert "Traceback" in report


def test_a_report_that_cannot_be_written_is_shown(
    context: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAMEBIT_HOME", str((context / "file").absolute()))
    break_with(monkeypatch, KeyError("surprise"))
    assert run(["build", "ctx"]) == 70
    told = capsys.readouterr().err
    assert "  | Traceback (most recent call last):" in told
    assert "please report it with the lines above" in told


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EIO])
def test_a_failing_machine_is_no_bug(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    break_with(monkeypatch, OSError(number, os.strerror(number), "/somewhere"))
    failure, _ = fail(command_line, monkeypatch, "build", "ctx")
    assert (failure.status, failure.code) == (6, "machine")
    assert failure.what == f"/somewhere: {os.strerror(number)}"
    assert not (command_line.home / "reports").exists()


@pytest.mark.usefixtures("context")
def test_too_little_memory_is_no_bug(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_with(monkeypatch, MemoryError())
    failure, _ = fail(command_line, monkeypatch, "build", "ctx")
    assert failure.status == 6


def test_an_error_shows_what_is_foreign_without_its_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from samebit.errors import BuildFailedError
    from samebit.report.terminal import print_error

    print_error(
        BuildFailedError(
            "a\x1b[2Jb\rc",
            detail="\u202egnp\x07\tx\n\udcff",
            fix="é",
        )
    )
    told = capsys.readouterr().err
    assert told == (
        "error: a\\x1b[2Jbc [build-failed]\n  | \\u202egnp\\x07\tx\n  | \\xff\n  help: é\n"
    )
    assert read_failure(3, told).fix == "é"
