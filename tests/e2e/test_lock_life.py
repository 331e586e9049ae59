"""The lock from its first build on: recorded, replayed, fresh, stale, extended, compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e

BUILD = (sys.executable, "-m", "samebit.cli", "build")
RECORDED = "recorded, not replayed"
DOCKERFILE = """\
ARG WHICH=one
FROM oci:../layout:${WHICH} AS tools
# A comment.
RUN cat /data/new > /out
FROM tools AS more
ARG EXTRA=none
RUN echo $EXTRA > /extra
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for tag in ("one", "two", "three"):
        write_layout(tmp_path / "layout", [busybox_layer(), second_layer(tag)], tag=tag)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    return context


def lock_of(context: Path) -> bytes:
    return (context / "Dockerfile.lock").read_bytes()


def test_recorded_until_replayed(samebit: Samebit, context: Path, tmp_path: Path) -> None:
    first = samebit.run("build", context)
    assert RECORDED in first.stderr
    assert f"wrote {context}/Dockerfile.lock" in first.stderr
    # Answered from what was recorded: no proof.
    second = samebit.run("build", context)
    assert RECORDED in second.stderr
    assert "nothing changed" in second.stderr
    assert json.loads(samebit.run("build", "--json", context).stdout)["recorded"] is True
    third = samebit.run("build", "--no-cache", context)
    assert RECORDED not in third.stderr
    fourth = samebit.run("build", context)
    assert RECORDED not in fourth.stderr
    assert json.loads(samebit.run("build", "--json", context).stdout)["recorded"] is False
    assert {done.stdout for done in (first, second, third, fourth)} == {first.stdout}
    # Elsewhere a lock is replayed from the start.
    other = samebit.with_home(tmp_path / "home").run("build", context)
    assert other.stdout == first.stdout
    assert RECORDED not in other.stderr
    # Another lock is another record.
    (context / "Dockerfile").write_text(DOCKERFILE + "LABEL a=b\n")
    assert RECORDED in samebit.run("build", context).stderr


def test_a_replay_with_another_digest_is_told(samebit: Samebit, context: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM oci:../layout:one\nRUN cat /proc/sys/kernel/random/uuid > /out\n"
    )
    digests = []
    for _ in range(2):
        done = samebit.run("build", "--no-cache", context)
        assert done.returncode == 0
        digests.append(done.stdout.strip())
    assert len(set(digests)) == 2
    assert f"warning: the same inputs gave {digests[0]} before and {digests[1]} now" in done.stderr
    assert "[replay-differs]" in done.stderr
    assert RECORDED in done.stderr
    assert "replay-differs" in samebit.run("build", "--no-cache", "--json", context).stdout


def test_fresh_stale_and_missing(samebit: Samebit, context: Path) -> None:
    done = samebit.run("build", "--locked", context)
    assert done.returncode == 4
    assert f"{context}/Dockerfile.lock: error: there is no lock" in done.stderr
    assert samebit.run("lock", "--check", context).returncode == 4
    assert os.listdir(context) == ["Dockerfile"]

    digest = samebit.build(context)
    lock = lock_of(context)
    assert samebit.build("--locked", context) == digest
    assert samebit.run("lock", "--check", context).returncode == 0
    # Comments, blanks and continuations are no instructions; nor is the context a reason.
    (context / "Dockerfile").write_text(
        DOCKERFILE.replace("# A comment.", "# Another\n\n#one.").replace("RUN echo", "RUN  echo")
    )
    (context / "file").write_text("new in the context")
    assert samebit.build("--locked", "--no-cache", context) == digest
    assert samebit.run("lock", "--check", context).returncode == 0
    assert lock_of(context) == lock
    # An argument that no instruction declares changes nothing.
    assert samebit.build("--locked", "--build-arg", "UNUSED=1", context) == digest

    cases: dict[str, tuple[tuple[str, ...], str]] = {
        "arg": (("--build-arg", "EXTRA=1"), "build arg EXTRA is not in the lock"),
        "target": (("--target", "tools"), "the target is 'tools', locked the last stage"),
        "platform": (("--platform", "linux/arm64"), "is not in the lock"),
        "base": (("--build-arg", "WHICH=two"), "oci:../layout:two (linux/amd64) is not in the"),
    }
    for options, words in cases.values():
        for command in (("build", "--locked"), ("lock", "--check")):
            done = samebit.run(*command, *options, context)
            assert (done.returncode, done.stdout) == (4, ""), done.stderr
            assert words in done.stderr
            assert "samebit lock" in done.stderr
    (context / "Dockerfile").write_text(DOCKERFILE + "LABEL a=b\n")
    done = samebit.run("build", "--locked", context)
    assert done.returncode == 4
    assert "the Dockerfile's instructions changed" in done.stderr
    assert lock_of(context) == lock

    # Without --locked it is extended, and the base that it knows stays.
    samebit.build("--build-arg", "EXTRA=1", context)
    assert lock_of(context) != lock
    before, after = tomllib.loads(lock.decode()), tomllib.loads(lock_of(context).decode())
    assert before["base"] == after["base"]
    assert after["recipe"]["build-args"] == {"EXTRA": "1"}


def test_lock_and_update(samebit: Samebit, context: Path, tmp_path: Path) -> None:
    (context / "Dockerfile").write_text(
        "FROM oci:../layout:one AS a\nFROM oci:../layout:two\nCOPY --from=a /data/new /first\n"
        "COPY --from=oci:../layout:three /data/new /third\nRUN cat data/new > /second || true\n"
    )
    done = samebit.run("lock", context)
    assert (done.returncode, done.stdout) == (0, "")
    text = lock_of(context).decode()
    names = [base["name"] for base in tomllib.loads(text)["base"]]
    assert names == ["oci:../layout:one", "oci:../layout:three", "oci:../layout:two"]
    first = samebit.build("--locked", context)
    assert lock_of(context).decode() == text
    done = samebit.run("lock", context)
    assert (done.returncode, done.stdout) == (0, "")
    assert "was up to date" in done.stderr
    # A lock made from nothing has the same bytes.
    (context / "Dockerfile.lock").rename(tmp_path / "old.lock")
    assert samebit.run("lock", context).returncode == 0
    assert lock_of(context).decode() == text

    for tag in ("one", "two", "three"):
        layers = [busybox_layer(), second_layer(f"{tag} later")]
        write_layout(tmp_path / "layout", layers, tag=tag)
    assert samebit.build("--no-cache", context) == first
    assert lock_of(context).decode() == text
    # By pattern: only those, whole.
    done = samebit.run("lock", "--update=*:t*", context)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[3] for line in lines] == ["oci:../layout:three", "oci:../layout:two"]
    assert all(line.startswith("changed base image ") and " -> " in line for line in lines)
    assert lock_of(context).decode() != text
    done = samebit.run("lock", "--diff", tmp_path / "old.lock", context / "Dockerfile.lock")
    assert done.returncode == 1
    assert done.stdout.splitlines() == lines
    done = samebit.run("lock", "--json", "--diff", tmp_path / "old.lock", tmp_path / "old.lock")
    assert (done.returncode, json.loads(done.stdout)["identical"]) == (0, True)
    compared = (tmp_path / "old.lock", context / "Dockerfile.lock")
    done = samebit.run("lock", "--format", "markdown", "--diff", *compared)
    assert done.returncode == 1
    assert done.stdout.startswith("### Changed\n")
    # By nothing: everything. Where `--update .` is written, the folder is the context.
    done = samebit.run("lock", "--update", ".", cwd=context)
    assert [line.split()[3] for line in done.stdout.splitlines()] == ["oci:../layout:one"]
    assert samebit.build("--locked", context) != first

    done = samebit.run("lock", "--update=debian", context)
    assert done.returncode == 2
    assert "no base image and no origin of a fetch has such a name" in done.stderr
    assert "oci:../layout:one" in done.stderr
    done = samebit.run("lock", "--diff", tmp_path / "old.lock", tmp_path / "none.lock")
    assert done.returncode == 2


def test_the_file_of_the_lock(samebit: Samebit, context: Path, tmp_path: Path) -> None:
    samebit.build(context)
    path = context / "Dockerfile.lock"
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    (context / "Dockerfile").write_text(DOCKERFILE + "LABEL a=b\n")
    samebit.build(context)
    assert path.stat().st_mode & 0o777 == 0o600
    # A link is followed, another Dockerfile has another lock.
    path.rename(tmp_path / "elsewhere.lock")
    path.symlink_to(tmp_path / "elsewhere.lock")
    (context / "Dockerfile").write_text(DOCKERFILE)
    samebit.build(context)
    assert path.is_symlink()
    before = (tmp_path / "elsewhere.lock").read_bytes()
    (context / "prod.Dockerfile").write_text("FROM oci:../layout:two\n")
    samebit.build("-f", context / "prod.Dockerfile", context)
    assert (context / "prod.Dockerfile.lock").exists()
    assert (tmp_path / "elsewhere.lock").read_bytes() == before
    assert sorted(name for name in os.listdir(context) if ".tmp" in name) == []
    # Standard input has no place for one.
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" < {context}/Dockerfile', "sh", *BUILD, "-f", "-", str(context)],
        env={**os.environ, "SAMEBIT_HOME": str(samebit.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "has no lock" in done.stderr
    path.unlink()
    path.write_text("version = 99\n")
    done = samebit.run("build", context)
    assert done.returncode == 2
    assert f"{path}:1: error: version is 99" in done.stderr


def test_a_failed_build_leaves_the_lock_alone(samebit: Samebit, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM oci:../layout:one\nRUN exit 7\n")
    done = samebit.run("build", context)
    assert done.returncode == 3
    assert "exit status 7" in done.stderr
    assert os.listdir(context) == ["Dockerfile"]
    (context / "Dockerfile").write_text(DOCKERFILE)
    samebit.build(context)
    lock = lock_of(context)
    (context / "Dockerfile").write_text("FROM oci:../layout:two\nRUN exit 7\n")
    assert samebit.run("build", context).returncode == 3
    assert lock_of(context) == lock


def test_a_read_only_folder(samebit: Samebit, context: Path, tmp_path: Path) -> None:
    """Said before the engine starts; with a lock that is fresh there is nothing to write."""
    marker = tmp_path / "started"
    engine = tmp_path / "buildah"
    engine.write_text(f'#!/bin/sh\ntouch {marker}\nexec buildah "$@"\n')
    engine.chmod(0o755)
    script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'

    def build_read_only(*options: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c", script, "sh", str(context)),
                *BUILD,
                *options,
                str(context),
            ],
            env={
                **os.environ,
                "SAMEBIT_HOME": str(samebit.home),
                "SAMEBIT_ENGINE": f"buildah:{engine}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if "unshare" in done.stderr or "mount:" in done.stderr:
            pytest.skip("cannot make a read-only mount here")
        return done

    done = build_read_only()
    assert (done.returncode, done.stdout) == (6, ""), done.stderr
    assert "cannot write the lock: its folder is read-only" in done.stderr
    assert f"{context}/Dockerfile.lock" in done.stderr
    assert not marker.exists()
    digest = samebit.build(context)
    done = build_read_only("--no-cache")
    assert (done.returncode, done.stdout.strip()) == (0, digest), done.stderr
    assert marker.exists()
