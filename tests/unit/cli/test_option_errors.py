"""Bad values of every option: exit 2, the option is named, and what to write instead."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from command_output import CommandLine
from samebit_command import Samebit

from samebit.cli.group import samebit_command

BUILD = [
    (["--nope"], "there is no option --nope", "samebit build --help"),
    (["--targte", "x"], "--targte", "did you mean --target?"),
    (["--target"], "'--target' requires an argument", "--help"),
    (["--target", "nope"], "no stage 'nope'", "stages: one, two"),
    (["--target", "7"], "no stage '7'", "stages: one, two"),
    (["--platform", "linux/amd64/x/y"], "--platform: not a platform", "os/architecture"),
    (["--platform", ""], "--platform: not a platform", "os/architecture"),
    (["--platform", "linux/amd46"], "--platform linux/amd46", "amd64"),
    (["--platform", "windows/amd64"], "--platform windows/amd64", "linux"),
    (["--build-arg", "=x"], "--build-arg =x: no name", "NAME=VALUE"),
    (["--label", "x"], "--label x", "NAME=VALUE"),
    (["--label", "=x"], "--label =x", "NAME=VALUE"),
    (["--build-context", "x"], "--build-context x", "NAME=VALUE"),
    (["--build-context", "x=absent"], "--build-context x=absent", "oci-layout://PATH"),
    (["--context-modes", "all"], "--context-modes: 'all' is not one of", "--help"),
    (["--source-date-epoch", "now"], "--source-date-epoch is 'now'", "date +%s"),
    (["--source-date-epoch", "-1"], "--source-date-epoch is '-1'", "date +%s"),
    (["--source-date-epoch", "9" * 30], "--source-date-epoch is '9", "date +%s"),
    (["--harden", "klingon"], "there is no toolchain profile 'klingon'", "use one of: c, "),
    (["--secret", "x"], "--secret x: expected id=NAME", ""),
    (["--secret", "id=x,src=absent"], "there is no file absent", "path"),
    (["--secret", "id=x,env=ABSENT_1"], "the variable ABSENT_1 is not set", "set it"),
    (["--ssh", "default"], "SSH_AUTH_SOCK is not set", "socket or key"),
    (["--ssh", "key=absent"], "absent: No such file or directory", ""),
    (["-t", "UPPER"], "-t: not an image reference: 'UPPER'", "NAME[:TAG]"),
    (["-t", "a b"], "-t: not an image reference", "NAME[:TAG]"),
    (["-t", ""], "-t: not an image reference", "NAME[:TAG]"),
    (["-t", "a@sha256:" + "0" * 64], "cannot hold a digest", "leave it out"),
    (["-o", "x"], "-o: not an output: 'x'", "oci:PATH"),
    (["-o", ""], "-o: not a place for an image: ''", "oci:PATH"),
    (["-o", "oci:"], "-o: 'oci:' names no path", "oci:PATH"),
    (["-o", "type=local,dest=x"], "-o type=local is not supported", "oci:PATH"),
    (["-o", "type=oci"], "-o type=oci needs dest=PATH", "dest=PATH"),
    (["-o", "docker://a/b"], "-o does not write to docker://", "--push"),
    (["-o", "oci:absent/x"], "-o: there is no such folder", "make it first"),
    (["-o", "oci:ctx"], "ctx", "path"),
    (["-o", "oci-archive:ctx"], "ctx", "path"),
    (["--push"], "--push needs a name", "-t REGISTRY/NAME:TAG"),
    (["--load"], "--load needs a name", "-t NAME:TAG"),
    (["--iidfile", "absent/x"], "--iidfile: there is no such folder", "make it first"),
    (["--iidfile", "ctx"], "--iidfile: it is a folder", "name a file"),
    (["--metadata-file", "absent/x"], "--metadata-file: there is no such folder", "make it first"),
    (["--metadata-file", "ctx"], "--metadata-file: it is a folder", "name a file"),
    (["--engine", "kaniko"], "there is no engine 'kaniko'", "buildah"),
    (["--progress", "loud"], "--progress: 'loud' is not one of", "--help"),
    (["--isolation", "vm"], "--isolation: 'vm' is not one", "--help"),
    (["-f", "absent"], "the Dockerfile does not exist", "-f"),
    (["--image", "x"], "there is no samebit.toml", "--image"),
    (["extra"], "unexpected extra argument", "--help"),
]


@pytest.mark.parametrize(("options", "what", "fix"), BUILD, ids=[" ".join(b[0]) for b in BUILD])
def test_build(
    command_line: CommandLine, context: Path, options: list[str], what: str, fix: str
) -> None:
    before = sorted(context.iterdir())
    failure = command_line.fail("build", context, *options)
    assert failure.status == 2
    assert what in f"{failure.where}: {failure.what}"
    assert fix in failure.fix
    assert failure.code in {"usage", "dockerfile"}
    assert sorted(context.iterdir()) == before


OTHERS = [
    (["buidl"], "there is no command 'buidl'", "did you mean 'build'?"),
    (["frobnicate"], "there is no command 'frobnicate'", "use one of: audit, base, build"),
    (["--nope"], "there is no option --nope", "samebit --help"),
    (["lock", "--diff", "a"], "'--diff' requires 2 arguments", "--help"),
    (["lock", "--diff", "a", "b"], "there is no such lock file", "path"),
    (["lock", "ctx", "--update=nothing*"], "no base image and no origin", "no such inputs"),
    (["lock", "-f", "-"], "standard input has no place for a lock", "-f"),
    (["diff"], "A is missing", "samebit diff --help"),
    (["diff", "a"], "B is missing", "samebit diff --help"),
    (["diff", "--limit", "x", "a", "b"], "--limit: not a whole number", "samebit diff --help"),
    (["diff", "--limit", "-1", "a", "b"], "--limit: -1 is not in the range", "--help"),
    (["diff", "UPPER", "b"], "not an image reference", "NAME"),
    (["diff", "--platform", "x/y/z/a", "a", "b"], "--platform: not a platform", "linux/amd64"),
    (["base", "debian"], "--suite is missing", "samebit base debian --help"),
    (["base", "debain"], "there is no command 'debain'", "did you mean 'debian'?"),
    (["base", "debian", "--suite", "a b"], "not a Debian suite: 'a b'", "bookworm"),
    (["base", "debian", "--suite", "x", "--variant", "y"], "--variant: 'y' is not one", "--help"),
    (["base", "debian", "--suite", "x", "--include", "a b"], "a b", "package"),
    (["base", "debian", "--suite", "x", "--push"], "--push needs a name", "-t"),
]


@pytest.mark.parametrize(("arguments", "what", "fix"), OTHERS, ids=[" ".join(o[0]) for o in OTHERS])
@pytest.mark.usefixtures("context")
def test_other_commands(
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    what: str,
    fix: str,
) -> None:
    with open("ctx/Dockerfile", encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        failure = command_line.fail(*arguments)
    assert failure.status == 2
    assert what in failure.what
    assert fix in failure.fix


def test_an_unset_build_arg_is_left_out_as_docker_does(
    command_line: CommandLine, context: Path
) -> None:
    (context / "Dockerfile").write_text("ARG A=x\nFROM absent-${A}.example.org/UPPER\n")
    failure = command_line.fail("build", context, "--build-arg", "A")
    assert "absent-x.example.org" in failure.what


@pytest.mark.parametrize("path", ["", "build", "lock", "diff", "base", "base debian"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(tmp_path: Path, path: str, flag: str) -> None:
    # A process of its own: click keeps the first help option that a command was shown with.
    done = Samebit(tmp_path).run(*path.split(), flag)
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert text.startswith(f"Usage: samebit {path}".rstrip())
    assert "..." not in text.partition("Commands:")[2]


def test_every_option_of_build_has_a_bad_value_here_or_is_a_switch() -> None:
    build = samebit_command.get_command(click.Context(samebit_command), "build")
    assert build is not None
    tried = {option for options, _, _ in BUILD for option in options}
    for parameter in build.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            assert tried & set(parameter.opts), parameter.opts
