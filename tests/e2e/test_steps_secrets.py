"""Secrets and SSH agents: what steps get, and that nothing of them is found afterwards."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from samebit_command import Samebit
from step_builds import Steps

pytestmark = pytest.mark.e2e


def files_with(needles: list[bytes], *folders: Path) -> list[str]:
    """Find every file, compressed blobs unpacked, that holds one of the needles."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                # Another build's, which ended meanwhile.
                continue
            if data[:2] == b"\x1f\x8b":
                data += gzip.decompress(data)
            found += [str(path) for needle in needles if needle in data]
    return found


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """A real ssh-agent that holds one key; gives its socket, beside the key."""
    # Not in tmp_path, whose names are longer than a socket's may be.
    folder = Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / f"samebit-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    socket = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as process:
        try:
            while not socket.exists():
                assert process.poll() is None
            environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
            subprocess.run(["ssh-add", "-q", key], check=True, env=environment)
            yield socket
        finally:
            process.terminate()
    shutil.rmtree(folder)


def test_secrets_as_files(steps: Steps) -> None:
    secret = steps.context.parent / "a,secret"
    secret.write_bytes(b"top\0secret\xff\n")
    built = steps.build(
        "FROM base\n"
        "RUN --mount=type=secret,id=s cp /run/secrets/s /default;"
        " stat -c '%a %u %g' /run/secrets/s > /default.txt\n"
        "RUN --mount=type=secret,id=s,target=/etc/my/secret,mode=0444,uid=7,gid=8"
        " stat -c '%a %u %g' /etc/my/secret > /own.txt\n"
        "WORKDIR /w\n"
        "RUN --mount=type=secret,source=s,target=rel cat rel > /rel.txt\n"
        "RUN --mount=type=secret,target=/x/s cat /x/s > /named.txt\n"
        "RUN --mount=type=secret,id=dir/env cat /run/secrets/env > /env.txt\n"
        "RUN --mount=type=secret,id=VALUE cat /run/secrets/VALUE > /value.txt\n"
        "RUN --mount=type=secret,id=absent test ! -e /run/secrets/absent && echo none > /no.txt\n"
        "RUN --mount=type=secret,id=s sh -c 'echo x > /run/secrets/s || echo refused' > /ro.txt\n"
        "USER app\n"
        "RUN --mount=type=secret,id=s,uid=1001 cp /run/secrets/s /tmp/user\n"
        "RUN --mount=type=secret,id=s cat /run/secrets/s || echo denied > /tmp/denied\n",
        f'--secret="id=s","src={secret}"',
        "--secret=id=dir/env,env=FROM_ENV",
        "--secret=id=VALUE",
        "--secret=id=unused,src=/etc/hostname",
        FROM_ENV="from env",
        VALUE="by name",
    )
    assert built.layer["default"].content == b"top\0secret\xff\n"
    said = {path: item.text for path, item in built.layer.items() if path.endswith(".txt")}
    assert said == {
        "default.txt": "400 0 0\n",
        "own.txt": "444 7 8\n",
        "rel.txt": "top\0secret\udcff\n",
        "named.txt": "top\0secret\udcff\n",
        "env.txt": "from env",
        "value.txt": "by name",
        "no.txt": "none\n",
        "ro.txt": "refused\n",
    }
    assert built.layer["tmp/user"].content == b"top\0secret\xff\n"
    assert built.text("tmp/denied") == "denied\n"
    assert {path for path in built.layer if "." not in path} == {
        "default", "tmp", "tmp/denied", "tmp/user", "w",
    }  # fmt: skip


def test_secrets_as_variables(steps: Steps) -> None:
    steps.write({"token": "hush hush\n"})
    built = steps.build(
        "FROM base\nENV TOKEN=not-this\n"
        'RUN --mount=type=secret,id=t,env=TOKEN echo "$TOKEN" > /one; ls /run > /run.txt || true\n'
        'RUN --mount=type=secret,id=t,env=TOKEN,target=/t echo "$TOKEN" | cat - /t > /two\n'
        "RUN --mount=type=secret,id=absent,env=ABSENT echo ${ABSENT-unset} > /three\n"
        "RUN echo $TOKEN > /four\n",
        f"--secret=id=t,type=file,source={steps.context / 'token'}",
    )
    assert built.text("one") == "hush hush\n\n"
    assert built.text("run.txt") == ""
    assert built.text("two") == "hush hush\n\nhush hush\n"
    assert built.text("three") == "unset\n"
    assert built.text("four") == "not-this\n"


def test_what_is_required_and_missing_is_told_before_anything_runs(steps: Steps) -> None:
    said = steps.fails(
        "FROM base\nRUN echo started\nRUN --mount=type=secret,id=key,required=true true\n", code=2
    )
    assert "Dockerfile:3" in said
    assert "'key'" in said
    assert "--secret id=key" in said
    assert "started" not in said
    said = steps.fails("FROM base\nRUN --mount=type=ssh,required=true true\n", code=2)
    assert "Dockerfile:2" in said
    assert "--ssh default" in said
    said = steps.fails("FROM base\n", "--secret=id=x,src=/missing/file", code=2)
    assert "/missing/file" in said
    said = steps.fails("FROM base\n", "--secret=id=x,env=MISSING_VARIABLE", code=2)
    assert "MISSING_VARIABLE" in said
    said = steps.fails("FROM base\n", "--ssh=default", code=2, SSH_AUTH_SOCK="")
    assert "SSH_AUTH_SOCK" in said


def test_secrets_never_answer_from_the_memo(steps: Steps) -> None:
    recipe = "FROM base\nRUN --mount=type=secret,id=s,env=S test $S = one && echo 1 > /n || true\n"
    (steps.context / "Dockerfile").write_text(recipe)
    arguments = ["--build-context", f"base=oci-layout://{steps.base}", "--secret=id=s,env=S"]
    one = steps.samebit.build(*arguments, steps.context, S="one")
    two = steps.samebit.build(*arguments, steps.context, S="two")
    assert one != two


LIST = '{ printf "\\0\\0\\0\\1\\13"; sleep 0.3; } | nc local:$SSH_AUTH_SOCK'


def ask(socket: Path | str, kind: int) -> str:
    """A shell command that sends one request to an agent and shows the answer's type."""
    return f"printf '\\000\\000\\000\\001\\{kind:03o}' | /samebit-ask {socket}"


def test_ssh_agents_forward_requests_and_nothing_else(steps: Steps, agent: Path) -> None:
    """The context's own Python speaks to the agent, because busybox cannot speak to sockets."""
    client = shutil.which("ssh-add")
    assert client
    built = steps.build(
        "FROM base\n"
        "COPY --from=host / /\n"
        "RUN --mount=type=ssh ssh-add -l > /list; stat -c '%a %u %g %F' $SSH_AUTH_SOCK > /stat;"
        " echo $SSH_AUTH_SOCK > /where\n"
        "RUN --mount=type=ssh ssh-add -D 2> /refused || echo refused >> /refused\n"
        "RUN --mount=type=ssh ssh-add -L > /still\n"
        "RUN --mount=type=ssh,id=named,target=/own/socket,mode=0660,uid=3,gid=4"
        " ssh-add -l > /named; stat -c '%a %u %g' /own/socket >> /named\n"
        "RUN --mount=type=ssh,id=keys ssh-add -l > /keys\n"
        "RUN --mount=type=ssh,id=absent ssh-add -l || echo none > /absent\n"
        "RUN --mount=type=ssh sleep 3 | ssh-add -T /etc/key.pub 2> /signed && echo ok >> /signed\n"
        "RUN echo ${SSH_AUTH_SOCK-unset} > /without\n",
        "--ssh=default",
        f"--ssh=named={agent}",
        f"--ssh=keys={steps.context.parent / 'key'}",
        "--build-context",
        f"host={host_files(steps, client)}",
        SSH_AUTH_SOCK=str(agent),
    )
    assert "(ED25519)" in built.text("list")
    assert built.text("stat") == "600 0 0 socket\n"
    assert built.text("where") == "/run/buildkit/ssh_agent.0\n"
    assert built.lines("refused")[-1] == "refused"
    public = (steps.context.parent / "key.pub").read_text().split()[1]
    assert public in built.text("still")
    assert "(ED25519)" in built.text("named")
    assert built.lines("named")[-1] == "660 3 4"
    assert "(ED25519)" in built.text("keys")
    assert built.text("absent") == "none\n"
    assert built.lines("signed")[-1] == "ok"
    assert built.text("without") == "unset\n"
    assert not [path for path in built.layer if path.startswith(("run", "own"))]
    listed = subprocess.run(
        ["ssh-add", "-l"], env={"SSH_AUTH_SOCK": str(agent)}, capture_output=True, check=False
    )
    assert b"ED25519" in listed.stdout


def host_files(steps: Steps, program: str) -> Path:
    """The machine's own ssh-add with the libraries it needs, as a build context."""
    root = steps.context.parent / "host"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in listed.split() if word.startswith("/")]
    for path in [program, *libraries]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy(program, root / "bin" / "ssh-add")
    (root / "etc").mkdir()
    shutil.copy(steps.context.parent / "key.pub", root / "etc" / "key.pub")
    return root


def test_a_key_that_cannot_be_used_is_told(steps: Steps, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass word", "-f", key], check=True)
    said = steps.fails("FROM base\nRUN --mount=type=ssh true\n", f"--ssh=default={key}", code=2)
    assert str(key) in said


def test_nothing_of_a_secret_is_found_afterwards(steps: Steps, tmp_path: Path, agent: Path) -> None:
    """All of samebit's state, the image, the lock and what was printed are searched."""
    home = tmp_path / "state"
    own = Steps(Samebit(home), steps.context, steps.base)
    values = [f"needle-{kind}-7f3a9c".encode() for kind in ("file", "env", "proxy", "value")]
    (tmp_path / "secret").write_bytes(values[0])
    private = (tmp_path / "key").read_bytes().splitlines()[2]
    recipe = (
        "FROM base AS first\n"
        "RUN --mount=type=secret,id=f --mount=type=secret,id=e,env=E --mount=type=ssh,id=k"
        ' --mount=type=ssh --mount=type=cache,target=/c test -n "$E" && test -z "$http_proxy"'
        " && cp /run/secrets/f /c/leak && mkdir /o && touch /o/x\n"
        # A stage that is committed to the engine's storage.
        "FROM base\nCOPY --from=first --parents /o/x /\n"
        "RUN --mount=type=secret,id=e wc -c < /run/secrets/e > /size\n"
    )
    options = [
        f"--secret=id=f,src={tmp_path / 'secret'}",
        "--secret=id=e,env=E",
        f"--ssh=k={tmp_path / 'key'}",
        f"--ssh=default={agent}",
        f"--build-arg=http_proxy=http://user:{values[2].decode()}@proxy.example.org",
    ]
    secrets = {"E": values[1].decode(), "HTTPS_PROXY": f"http://u:{values[3].decode()}@p.example"}
    built = own.build(recipe, *options, **secrets)
    assert built.text("size") == f"{len(values[1])}\n"
    failed = own.fails(recipe + "RUN false\n", *options, code=3, **secrets)
    needles = [*values, private]
    for text in (built.stderr, failed):
        assert not [needle for needle in needles if needle in text.encode()]
    assert files_with(needles, home, steps.context, built.layout) == []
    # Other tests' builds may have folders of their own there at this moment.
    assert files_with(needles, *Path("/dev/shm").glob("samebit-private-*")) == []
    # The search does find what is there.
    assert files_with([b"busybox"], home)
