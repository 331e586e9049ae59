"""The command line of `samebit normalise`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command_output import CommandLine
from sample_images import Member, write_layout

from samebit.cli.group import run

DIGEST = "sha256:"


@pytest.fixture
def image(command_line: CommandLine) -> str:
    assert command_line.home.is_absolute()
    layers = [[Member("a", b"a")], [Member(".wh.a", b""), Member("b", b"b" * 100_000)]]
    write_layout(Path("in"), layers, platforms=("linux/arm64", "linux/amd64"))
    return "oci:in:1"


def printed(command_line: CommandLine, *arguments: str) -> tuple[str, str]:
    command_line.capture.readouterr()
    assert run(["normalise", *arguments]) == 0
    told = command_line.capture.readouterr()
    return told.out, told.err


def test_the_digest_is_the_only_line(command_line: CommandLine, image: str) -> None:
    out, _ = printed(command_line, image, "oci:out:x", "-t", "name:1", "--iidfile", "iid")
    assert out.count("\n") == 1
    assert out.startswith(DIGEST)
    assert Path("iid").read_text() == out.strip()
    index = json.loads(Path("out/index.json").read_bytes())
    assert [entry["digest"] for entry in index["manifests"]] == [out.strip()]
    assert printed(command_line, "name:1", "oci-archive:out.tar")[0] == out
    assert printed(command_line, out.strip(), "type=oci,dest=other.tar", "-q") == (out, "")
    assert printed(command_line, image, "-t", "name:2")[0] == out
    assert printed(command_line, "oci-archive:other.tar", "oci:again")[0] == out


def test_json_and_platform(command_line: CommandLine, image: str) -> None:
    both = json.loads(printed(command_line, image, "oci:out", "--json")[0])
    assert both["epoch"] == 315_619_200
    assert list(both["platforms"]) == ["linux/amd64", "linux/arm64"]
    arguments = (image, "docker-archive:out.tar", "--platform", "linux/arm64", "--json")
    one = json.loads(printed(command_line, *arguments)[0])
    assert one["digest"] == both["platforms"]["linux/arm64"]
    assert one["platforms"] == {"linux/arm64": one["digest"]}


def test_the_time_comes_from_the_environment(
    command_line: CommandLine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = printed(command_line, image, "oci:out")[0]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "315619200")
    assert printed(command_line, image, "oci:out")[0] == before
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert printed(command_line, image, "oci:out")[0] != before
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "now")
    assert command_line.fail("normalise", image, "oci:out").status == 2


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (("IN",), 2, "place for the image"),
        (("IN", "out"), 2, "not an output"),
        (("IN", "docker://example.org/x"), 2, "does not write"),
        (("IN", "oci:out", "--push"), 2, "--push needs a name"),
        (("IN", "oci:none/out"), 2, "no such folder"),
        (("IN", "docker-archive:out.tar"), 2, "one platform"),
        (("IN", "oci:out", "--platform", "linux/mips"), 2, "--platform"),
        (("IN", "oci:out", "--platform", "linux/s390x"), 5, "linux/s390x"),
        (("oci:none", "oci:out"), 5, "none"),
        (("name:none", "oci:out"), 5, "name:none"),
        (("IN", "oci:out", "--base", "oci:none"), 5, "none"),
        (("IN", "oci:out", "--base", "oci:other:1"), 2, "does not stand on"),
        (("sha256:12", "oci:out"), 5, "sha256:12"),
    ],
)
def test_what_cannot_be_done(
    command_line: CommandLine, image: str, arguments: tuple[str, ...], status: int, what: str
) -> None:
    write_layout(Path("other"), [[Member("c", b"c")]], platforms=("linux/arm64", "linux/amd64"))
    before = sorted(os.listdir())
    given = [image if argument == "IN" else argument for argument in arguments]
    failure = command_line.fail("normalise", *given)
    assert failure.status == status, failure
    assert what in failure.what, failure
    assert sorted(os.listdir()) == before
    assert os.listdir(command_line.home / "store" / "tmp") == [] if status == 5 else True


def test_a_damaged_image_leaves_nothing(command_line: CommandLine, image: str) -> None:
    largest = max(Path("in/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])
    failure = command_line.fail("normalise", image, "oci:out")
    assert (failure.status, failure.code) == (5, "input")
    assert not Path("out").exists()
    assert os.listdir(command_line.home / "store" / "blobs" / "sha256") == []
