"""The sources of what the shim mounts: made once, with their attributes, and forgotten."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from samebit.engines import step_mounts
from samebit.engines.protocol import EnginePlan, MountKind, SshSource, StepMount, StepRun
from samebit.engines.ssh_agent import AgentSocket
from samebit.engines.step_mounts import MountSources, private_directory
from samebit.errors import UsageError

IDENTITIES, SIGN, REMOVE_ALL = 11, 13, 19


def plan(tmp_path: Path, *mounts: StepMount, **given: Any) -> EnginePlan:
    (tmp_path / "caches").mkdir(exist_ok=True)
    steps = {f"0/{n}": StepRun(("x",), (), "/", mounts=(m,)) for n, m in enumerate(mounts)}
    return EnginePlan(
        "FROM scratch\n", tmp_path, {}, steps, None, "linux/amd64", {}, tmp_path / "caches", **given
    )  # fmt: skip


def prepared(tmp_path: Path, *mounts: StepMount, **given: Any) -> list[dict[str, Any]]:
    sources = MountSources(plan(tmp_path, *mounts, **given), tmp_path)
    found = sources.prepare()
    sources.close()
    return [mount for step in found.values() for mount in step.mounts]


def attributes(path: str) -> tuple[int, int, int]:
    status = os.stat(path)
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_caches_by_id_and_attributes(tmp_path: Path) -> None:
    mounts = prepared(
        tmp_path,
        StepMount(MountKind.CACHE, "/a", id="../x"),
        StepMount(MountKind.CACHE, "/b", id="../x", read_only=True),
        StepMount(MountKind.CACHE, "/c", id="../x", mode=0o700),
        StepMount(MountKind.CACHE, "/d", id="y"),
    )
    sources = [mount["source"] for mount in mounts]
    assert sources[0] == sources[1]
    assert len(set(sources)) == 3
    assert all(Path(source).parent == tmp_path / "caches" for source in sources)
    assert attributes(sources[0])[0] == 0o755
    assert attributes(sources[2])[0] == 0o700
    assert (mounts[0]["options"], mounts[1]["options"]) == (["rbind", "rw"], ["rbind", "ro"])


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_owners(tmp_path: Path) -> None:
    mounts = prepared(
        tmp_path,
        StepMount(MountKind.CACHE, "/a", id="a", uid=3, gid=4),
        StepMount(MountKind.SECRET, "/b", id="s", uid=5),
        secrets={"s": b"value"},
    )
    assert attributes(str(mounts[0]["source"])) == (0o755, 3, 4)
    assert attributes(str(mounts[1]["source"])) == (0o400, 5, 0)


def test_secrets(tmp_path: Path) -> None:
    wanted = plan(
        tmp_path,
        StepMount(MountKind.SECRET, "/a", id="s"),
        StepMount(MountKind.SECRET, "/b", id="s", mode=0o444),
        StepMount(MountKind.SECRET, "", id="s", variable="V"),
        StepMount(MountKind.SECRET, "/c", id="absent", variable="W"),
        secrets={"s": b"va\xfflue"},
    )
    assert "lue" not in repr(wanted)
    steps = MountSources(wanted, tmp_path).prepare()
    files = [Path(str(step.mounts[0]["source"])) for step in steps.values() if step.mounts]
    assert [file.read_bytes() for file in files] == [b"va\xfflue"] * 2
    assert [attributes(str(file))[0] for file in files] == [0o400, 0o444]
    assert steps["0/2"].environment == [("V", "va\udcfflue")]
    assert (steps["0/3"].mounts, steps["0/3"].environment) == ([], [])


def test_tmpfs(tmp_path: Path) -> None:
    (mount,) = prepared(tmp_path, StepMount(MountKind.TMPFS, "/t", size=65536))
    assert mount == {
        "destination": "/t", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "nodev", "rw", "size=65536"],
    }  # fmt: skip


def test_the_private_directory_goes_away(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        assert attributes(str(directory))[0] == 0o700
        (directory / "secret").write_text("x")
    assert not directory.exists()


def test_what_a_killed_build_left_in_memory_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_mounts, "_MEMORY", tmp_path)
    (tmp_path / "samebit-private-dead").mkdir()
    (tmp_path / "samebit-private-dead" / "secret-0").write_text("x")
    with private_directory(tmp_path) as first, private_directory(tmp_path) as second:
        # One that is in use stays.
        assert sorted(tmp_path.iterdir()) == sorted([first, second])


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Mapping[str, Any]]:
    """An agent that answers every request with its own type and is asked over a long path."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    heard: list[int] = []
    listener = socket.socket(socket.AF_UNIX)
    descriptor = os.open(folder, os.O_RDONLY)
    listener.bind(f"/proc/self/fd/{descriptor}/agent")
    os.close(descriptor)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while head := connection.recv(5):
                    heard.append(head[4])
                    connection.recv(int.from_bytes(head[:4], "big") - 1) if head[3] > 1 else None
                    connection.sendall(b"\0\0\0\2" + head[4:] + b"!")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield {"path": folder / "agent", "heard": heard}
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def ask(path: Path, *kinds: int) -> list[bytes]:
    descriptor = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(f"/proc/self/fd/{descriptor}/{path.name}")
        os.close(descriptor)
        answers = []
        for kind in kinds:
            connection.sendall(b"\0\0\0\1" + bytes([kind]))
            head = connection.recv(4)
            answers.append(connection.recv(int.from_bytes(head, "big")))
        return answers


def test_agents_are_forwarded_and_never_changed(tmp_path: Path, agent: Mapping[str, Any]) -> None:
    path = tmp_path / "socket"
    forward = AgentSocket.open(SshSource(socket=agent["path"]), path, tmp_path)
    try:
        assert ask(path, IDENTITIES, REMOVE_ALL, SIGN) == [b"\x0b!", b"\5", b"\x0d!"]
        # Several connections, one after another and at once.
        threads = [threading.Thread(target=ask, args=(path, IDENTITIES)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    finally:
        forward.close()
    assert REMOVE_ALL not in agent["heard"]
    assert agent["heard"].count(IDENTITIES) == 9
    with pytest.raises(OSError, match="refused"):
        ask(path, IDENTITIES)


def test_messages_that_are_no_messages_end_the_connection(
    tmp_path: Path, agent: Mapping[str, Any]
) -> None:
    path = tmp_path / "socket"
    forward = AgentSocket.open(SshSource(socket=agent["path"]), path, tmp_path)
    try:
        for data in (b"\xff\xff\xff\xff", b"\0\0\0"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(path))
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(10) == b""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"\0\0\0\0")
            assert connection.recv(5) == b"\0\0\0\1\5"
    finally:
        forward.close()


def test_keys_get_an_agent_of_their_own(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    # ssh-add itself refuses a key that others can read.
    key.chmod(0o644)
    with private_directory(tmp_path) as private:
        forward = AgentSocket.open(SshSource(keys=(key,)), private / "socket", private)
        environment = {"SSH_AUTH_SOCK": str(private / "socket")}
        listed = subprocess.run(
            ["ssh-add", "-L"], env=environment, capture_output=True, check=True
        ).stdout
        forward.close()
        assert not (private / "key").exists()
    assert listed.split()[1] == (tmp_path / "key.pub").read_bytes().split()[1]


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nonsense\n")
    with (
        private_directory(tmp_path) as private,
        pytest.raises(UsageError, match="cannot be used") as caught,
    ):
        AgentSocket.open(SshSource(keys=(tmp_path / "key",)), private / "socket", private)
    assert caught.value.fix
