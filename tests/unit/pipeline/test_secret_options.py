"""`--secret` and `--ssh`: every form, what is refused, and what steps get of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from samebit.dockerfile.lowering_model import RunStep, StepMount
from samebit.dockerfile.parser import parse
from samebit.engines.protocol import SshSource
from samebit.errors import Place, UsageError
from samebit.pipeline.secrets import (
    SecretSource,
    parse_secrets,
    parse_ssh,
    wanted_agents,
    wanted_secrets,
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "f,1").write_text("x")
    (tmp_path / "f").write_text("secret")
    return tmp_path / "f"


def step(*mounts: StepMount) -> dict[str, RunStep]:
    instruction = parse("FROM a\nRUN x\n", "Dockerfile").instructions[1]
    place = Place("Dockerfile", 2)
    return {
        "0/1": RunStep("0/1", ("x",), (), "/", "", "default", "sandbox", mounts, instruction, place)
    }


def test_secrets_from_files(file: Path) -> None:
    for text in ("id=s,src=f", "id=s,source=f", "src=f,id=s", "ID=s,type=file,src=./f"):
        assert parse_secrets([text])["s"] == SecretSource(file=file), text
    assert parse_secrets(["id=f"])["f"] == SecretSource(file=file)
    assert parse_secrets(['id=s,"src=f,1"'])["s"].file == file.with_name("f,1")
    assert parse_secrets(["id=s,src=f"])["s"].read("s") == b"secret"


def test_secrets_from_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "tök")
    monkeypatch.setenv("f", "wins")
    for text in ("id=s,env=TOKEN", "id=s,type=env,src=TOKEN", "id=s,type=env,env=TOKEN"):
        assert parse_secrets([text])["s"] == SecretSource(variable="TOKEN"), text
    assert parse_secrets(["id=TOKEN"])["TOKEN"] == SecretSource(variable="TOKEN")
    assert parse_secrets(["id=f"])["f"] == SecretSource(variable="f")
    assert parse_secrets(["id=f,type=file"])["f"] == SecretSource(file=file)
    assert parse_secrets(["id=s,env=TOKEN"])["s"].read("s") == "tök".encode()


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    "text",
    [
        "", "s", "id=", "src=f", "id=s,src=missing", "id=s,env=MISSING_ONE", "id=s,what=f",
        "id=s,type=other", 'id=s,"src=f', "id=missing", "id=s,src=.",
    ],
)  # fmt: skip
def test_secrets_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="--secret"):
        parse_secrets([text])


def test_a_secret_that_is_too_large_or_gone(file: Path) -> None:
    source = parse_secrets(["id=s,src=f"])["s"]
    file.write_bytes(bytes(600 << 10))
    with pytest.raises(UsageError, match="500 KiB"):
        source.read("s")
    file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        source.read("s")


def test_agents_and_keys(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("agent")
        agent = file.with_name("agent")
        assert parse_ssh(["a=agent"])["a"] == SshSource(socket=agent)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        assert parse_ssh(["default"])["default"] == SshSource(socket=agent)
        assert parse_ssh(["k=f,f,1".replace(",1", "")])["k"] == SshSource(keys=(file, file))
        with pytest.raises(UsageError, match="one socket"):
            parse_ssh(["k=f,agent"])
    for text in ("=f", "k=missing", "k=."):
        with pytest.raises(UsageError, match="--ssh"):
            parse_ssh([text])
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    with pytest.raises(UsageError, match="SSH_AUTH_SOCK"):
        parse_ssh(["default"])


def test_only_what_steps_ask_for_is_read(file: Path) -> None:
    given = {
        "a": SecretSource(file=file),
        "unused": SecretSource(file=file.with_name("missing")),
    }
    steps = step(
        StepMount("secret", "/a", id="a", required=True),
        StepMount("secret", "/b", id="absent"),
        StepMount("cache", "/c", id="unused"),
    )
    assert wanted_secrets(steps, given) == {"a": b"secret"}
    assert wanted_agents(steps, {"a": SshSource()}) == {}


def test_what_is_required_must_be_given() -> None:
    with pytest.raises(UsageError, match="'a'") as caught:
        wanted_secrets(step(StepMount("secret", "/a", id="a", required=True)), {})
    assert caught.value.where == Place("Dockerfile", 2)
    assert caught.value.fix == "add --secret id=a,src=FILE"
    with pytest.raises(UsageError, match="SSH agent 'default'"):
        wanted_agents(step(StepMount("ssh", "/a", id="default", required=True)), {})
