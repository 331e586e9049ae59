"""Isolation by chroot: where runc and crun start nothing, and with the same digest elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path

import own_kernel_view
import pytest
from command_output import read_failure
from fake_internet import Page, fake_internet
from offline_builds import offline
from ordinary_user import can_read_this_checkout, give, new_folder, samebit_of_user
from samebit_command import Samebit
from step_builds import Steps

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a machine with less rights"),
]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHROOT = "--isolation=chroot"
# Everything that a step can find out and that both isolations owe it.
STEPS = """\
FROM base
ARG GIVEN=yes
ENV A="b  c"
RUN env > /env && hostname > /host && id > /id && umask > /umask && echo $$ > /pid \\
 && grep -E 'Cap|NoNew' /proc/self/status > /caps && cat /etc/hosts /etc/resolv.conf > /names \\
 && ip addr | grep 'inet ' > /interfaces && ls /dev > /devices && mkfifo /fifo
RUN mkdir -m 2750 /d && chown 7:8 /d && ln /env /again && rm /tmp -r
USER app
WORKDIR /w
RUN --mount=type=secret,id=s,target=/secret,mode=0444 --mount=type=cache,target=/c,uid=1001 \\
    --mount=type=bind,source=file,target=/bound/file --mount=type=tmpfs,target=/t \\
    cat /secret /bound/file > /home/app/x && id > /c/id && cat /c/id >> /home/app/x \\
 && grep Cap /proc/self/status >> /home/app/x && echo $HOME >> /home/app/x && touch /t/t
RUN --network=none ip addr > /w/interfaces
"""


def masked(samebit: Samebit, home: Path) -> Samebit:
    """Give the command on a machine that gives no control groups and no /proc of one's own."""
    return Samebit(home, samebit.environment, own_kernel_view.prefix(masked=True))


def test_steps_find_the_same_and_give_the_same_digest(steps: Steps, tmp_path: Path) -> None:
    steps.write({"file": "bound\n"})
    (tmp_path / "secret").write_text("secret\n")
    secret = f"--secret=id=s,src={tmp_path / 'secret'}"
    oci = steps.build(STEPS, secret, "--isolation=oci")
    chroot = steps.build(STEPS, secret, CHROOT)
    for path in oci.layer:
        assert chroot.layer.get(path) == oci.layer[path], path
    assert chroot.digest == oci.digest
    assert chroot.text("pid") == "1\n"
    assert "proc" not in chroot.layer
    # Chosen by itself where nothing else starts a container.
    arguments = [*steps.arguments(STEPS, secret), "--locked"]
    inside = masked(steps.samebit, tmp_path / "home")
    assert inside.build(*arguments[3:]) == oci.digest
    told = inside.run("doctor", "--json")
    assert told.returncode == 0, told.stdout
    found = {(o["area"], o["name"]): o["state"] for o in json.loads(told.stdout)["observations"]}
    assert (found["isolation", "oci"], found["isolation", "chroot"]) == ("lacks", "works")
    refused = inside.with_home(tmp_path / "other").run(*arguments, SAMEBIT_ISOLATION="oci")
    assert refused.returncode == 6
    assert "samebit doctor" in refused.stderr


def test_the_network_is_recorded_and_replayed(steps: Steps, tmp_path: Path) -> None:
    text = "FROM base\nRUN busybox wget -q -O /one http://a.example.org/one\n"
    with fake_internet(tmp_path / "internet") as internet:
        internet.pages["http://a.example.org/one"] = Page(b"1")
        online = Steps(Samebit(steps.samebit.home, internet.environment), steps.context, steps.base)
        recorded = online.build(text, CHROOT)
    replayed = offline(steps.samebit, *steps.arguments(text, CHROOT, "--locked"))
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.strip() == recorded.digest
    other = text.replace("/one", "/two")
    missed = offline(steps.samebit, *steps.arguments(other, CHROOT, "--locked"))
    assert missed.returncode == 4


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ('RUN ["absent"]', "executable file not found in $PATH"),
        ('RUN ["/etc/passwd"]', "permission denied"),
        ("RUN exit 7", "exit status 7"),
    ],
)
def test_failures_are_told_as_with_a_runtime(steps: Steps, run: str, words: str) -> None:
    done = steps.samebit.run(*steps.arguments(f"FROM base\n{run}\n", CHROOT))
    failure = read_failure(done.returncode, done.stderr, progress=True)
    assert failure.status == 3, done.stderr
    assert words in failure.what
    assert failure.where.endswith("Dockerfile:2:1")


def test_an_isolation_that_there_is_not(steps: Steps) -> None:
    done = steps.samebit.run(*steps.arguments("FROM base\nRUN true\n"), SAMEBIT_ISOLATION="vm")
    assert done.returncode == 2
    assert "SAMEBIT_ISOLATION is 'vm'" in done.stderr


@pytest.mark.prove
@pytest.mark.parametrize("example", ["c-tool", "go-service"])
def test_an_example_has_one_digest_under_every_isolation_and_user(
    samebit: Samebit, tmp_path: Path, example: str
) -> None:
    if not can_read_this_checkout():
        pytest.skip("the ordinary user cannot read this checkout")
    made = tmp_path / "made"
    shutil.copytree(EXAMPLES / example, made, ignore=shutil.ignore_patterns("*.lock"))
    samebit.build(made)
    dockerfile = (made / "Dockerfile").read_text()
    name = next(line.split()[1] for line in dockerfile.splitlines() if line.startswith("FROM deb"))
    base = tmp_path / "base"
    # As an OCI layout, so that an ordinary user needs no mmdebstrap.
    digest = json_lock(made / "Dockerfile.lock", name)
    save_layout(samebit, digest, base)
    given = f"--build-context={name}=oci-layout://{base}"
    context = tmp_path / "context"
    shutil.copytree(made, context, ignore=shutil.ignore_patterns("*.lock", "samebit.toml"))
    oci = samebit.build("--no-cache", "--isolation=oci", given, context)
    assert samebit.build("--no-cache", CHROOT, "--locked", given, context) == oci
    inside = masked(samebit, tmp_path / "home")
    assert inside.build("--no-cache", "--locked", given, context) == oci
    theirs = new_folder(f"chroot-{example}")
    shutil.copytree(context, theirs / "context", ignore=shutil.ignore_patterns("*.lock"))
    shutil.copytree(base, theirs / "base")
    give(theirs)
    own = samebit_of_user(theirs / "home")
    arguments = (f"--build-context={name}=oci-layout://{theirs}/base", str(theirs / "context"))
    locked = own.run("lock", "--isolation=oci", *arguments, cwd=theirs)
    assert locked.returncode == 0, locked.stderr
    for isolation in ("--isolation=oci", CHROOT):
        built = own.build("--no-cache", "--locked", isolation, *arguments, cwd=theirs)
        assert built == oci, isolation
        options = ("--apart=0", isolation, f"--expect={oci}")
        verified = own.run("verify", *options, *arguments, cwd=theirs)
        assert verified.returncode == 0, verified.stdout + verified.stderr


def json_lock(lock: Path, name: str) -> str:
    bases = tomllib.loads(lock.read_text())["base"]
    return next(str(base["digest"]) for base in bases if base["name"] == name)


def save_layout(samebit: Samebit, digest: str, layout: Path) -> None:
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    store = samebit.home / "store" / "blobs" / "sha256"
    manifest = json.loads((store / digest[7:]).read_bytes())
    for wanted in (
        digest,
        manifest["config"]["digest"],
        *(x["digest"] for x in manifest["layers"]),
    ):
        shutil.copyfile(store / wanted[7:], blobs / wanted[7:])
    entry = {
        "mediaType": manifest["mediaType"],
        "digest": digest,
        "size": (store / digest[7:]).stat().st_size,
    }
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
