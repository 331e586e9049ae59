"""Running the command line inside the test's process, and judging what a person would read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from samebit.cli.group import run

# `PATH:LINE:COLUMN: error: what [code]`, then `  | detail`, then `  help: fix`.
FORM = re.compile(
    r"(?P<where>[^\n]*?: )?error: (?P<what>[^\n]+) \[(?P<code>[a-z-]+)\]\n"
    r"(?P<detail>(?:  \|[^\n]*\n)*)(?:  help: (?P<fix>[^\n]+)\n)?\Z"
)

_EXPECTED = re.compile(r"expected|missing|must be|found only")


@dataclass(frozen=True)
class Failure:
    """What a failed command said, taken apart."""

    status: int
    where: str
    what: str
    code: str
    detail: tuple[str, ...]
    fix: str


def read_failure(status: int, stderr: str, *, progress: bool = False) -> Failure:
    """Take apart what a failed command wrote; with `progress`, other lines may come before."""
    assert "Traceback" not in stderr, stderr
    if progress:
        lines = stderr.splitlines(keepends=True)
        first = next(n for n, line in enumerate(lines) if re.search(r"(^|: )error: ", line))
        stderr = "".join(lines[first:])
    found = FORM.match(stderr)
    assert found is not None, stderr
    detail = tuple(line[4:] for line in found["detail"].splitlines())
    where = (found["where"] or "").removesuffix(": ")
    return Failure(status, where, found["what"], found["code"], detail, found["fix"] or "")


@dataclass(frozen=True)
class Output:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """The command line with a state folder of its own."""

    home: Path
    capture: pytest.CaptureFixture[str]

    def succeed(self, *arguments: str | Path, status: int = 0) -> str:
        """Run arguments that work; gives what is printed on standard output."""
        self.capture.readouterr()
        found = run([str(argument) for argument in arguments])
        printed = self.capture.readouterr()
        assert found == status, printed.err
        return printed.out

    def run(self, *arguments: str | Path) -> Output:
        """Run arguments, whatever comes of it."""
        self.capture.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = self.capture.readouterr()
        return Output(code, printed.out, printed.err)

    def fail(self, *arguments: str | Path) -> Failure:
        """Run arguments that cannot work; every failure says what to do."""
        self.capture.readouterr()
        status = run([str(argument) for argument in arguments])
        printed = self.capture.readouterr()
        assert status != 0
        assert printed.out == ""
        failure = read_failure(status, printed.err, progress=True)
        # What was expected in its place is advice too.
        assert failure.fix or _EXPECTED.search(failure.what), printed.err
        return failure
