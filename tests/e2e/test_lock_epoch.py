"""The one time of an image: where it comes from, where it goes, and who may change it."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
from built_images import Built
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e

DEFAULT = 315619200
DOCKERFILE = """\
FROM oci:../layout:1
ARG SOURCE_DATE_EPOCH
ENV SEEN=$SOURCE_DATE_EPOCH
RUN echo $SOURCE_DATE_EPOCH > /out
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    write_layout(tmp_path / "layout", [busybox_layer(), second_layer()])
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    return context


def git(folder: Path, *arguments: str, when: int = 0) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "GIT_COMMITTER_DATE": f"@{when} +0000",
        "GIT_AUTHOR_DATE": "@1 +0000",
        **{
            f"GIT_{who}_{what}": "a@b"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True
    )


def shows(samebit: Samebit, digest: str, epoch: int, created: str) -> None:
    built = Built(samebit.home, digest)
    assert built.document["created"] == created
    assert {entry["created"] for entry in built.document["history"][3:]} == {created}
    assert built.config["Env"][-1] == f"SEEN={epoch}"
    assert built.read("out") == f"{epoch}\n".encode()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(built.blob(built.layers[-1])))) as layer:
        assert {member.mtime for member in layer} == {epoch}


def locked(context: Path) -> int:
    return int(tomllib.loads((context / "Dockerfile.lock").read_text())["epoch"])


def test_without_anything_it_is_1980(samebit: Samebit, context: Path) -> None:
    shows(samebit, samebit.build(context), DEFAULT, "1980-01-02T00:00:00Z")
    assert locked(context) == DEFAULT


def test_source_date_epoch_counts_when_locking(samebit: Samebit, context: Path) -> None:
    first = samebit.build(context, SOURCE_DATE_EPOCH="1700000000")
    shows(samebit, first, 1_700_000_000, "2023-11-14T22:13:20Z")
    assert locked(context) == 1_700_000_000
    # Later the lock decides, and contradiction is an error, never another image.
    assert samebit.build(context) == first
    assert samebit.build("--locked", context, SOURCE_DATE_EPOCH="1700000000") == first
    for command in (("build",), ("build", "--locked"), ("lock",), ("lock", "--check")):
        done = samebit.run(*command, context, SOURCE_DATE_EPOCH="1")
        assert (done.returncode, done.stdout) == (4, "")
        assert "SOURCE_DATE_EPOCH is 1, but the lock says 1700000000" in done.stderr
    assert locked(context) == 1_700_000_000
    done = samebit.run("lock", "--update", context, SOURCE_DATE_EPOCH="1")
    assert done.stdout == "changed setting epoch: 1700000000 -> 1\n"
    shows(samebit, samebit.build("--locked", context), 1, "1970-01-01T00:00:01Z")
    # A pattern updates bases only.
    done = samebit.run("lock", "--update=oci:*", context, SOURCE_DATE_EPOCH="5")
    assert done.returncode == 4
    for wrong in ("tomorrow", "-1", "1.5", "", "99999999999"):
        done = samebit.run("lock", "--update", context, SOURCE_DATE_EPOCH=wrong)
        assert done.returncode == 2
        assert "not a number of seconds" in done.stderr


def test_the_option(samebit: Samebit, context: Path) -> None:
    zero = samebit.build("--source-date-epoch", "0", context)
    shows(samebit, zero, 0, "1970-01-01T00:00:00Z")
    assert locked(context) == 0
    assert samebit.build(context) == zero
    done = samebit.run("build", "--locked", "--source-date-epoch", "7", context)
    assert done.returncode == 4
    assert "--source-date-epoch is 7, but the lock says 0" in done.stderr
    # Unlike the environment, an option is said for this build: it changes the lock.
    done = samebit.run("build", "--source-date-epoch", "7", context, SOURCE_DATE_EPOCH="9")
    assert done.returncode == 0
    assert "recorded, not replayed" in done.stderr
    shows(samebit, done.stdout.strip(), 7, "1970-01-01T00:00:07Z")
    assert locked(context) == 7
    done = samebit.run("build", "--source-date-epoch", "soon", context)
    assert done.returncode == 2
    assert "--source-date-epoch" in done.stderr


def test_the_last_commit_that_touches_the_context(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "context")
    git(tmp_path, "commit", "-qm", "one", when=1_600_000_000)
    (tmp_path / "beside").write_text("")
    git(tmp_path, "add", "beside")
    git(tmp_path, "commit", "-qm", "two", when=1_650_000_000)
    first = samebit.build(context)
    shows(samebit, first, 1_600_000_000, "2020-09-13T12:26:40Z")
    # The lock keeps it: the commit of the lock itself must not change the image.
    git(tmp_path, "add", "context")
    git(tmp_path, "commit", "-qm", "the lock", when=1_700_000_000)
    assert samebit.build("--no-cache", context) == first
    assert samebit.build("--locked", context) == first
    # Another checkout has the same history; one without history still has the lock.
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(tmp_path), str(copy))
    (copy / "layout").symlink_to(tmp_path / "layout")
    assert samebit.build("--locked", "--no-cache", copy / "context") == first
    assert samebit.run("lock", "--update", context).stdout == (
        "changed setting epoch: 1600000000 -> 1700000000\n"
    )


def test_a_default_of_the_argument_wins(samebit: Samebit, context: Path) -> None:
    (context / "Dockerfile").write_text(
        DOCKERFILE.replace("ARG SOURCE_DATE_EPOCH", "ARG SOURCE_DATE_EPOCH=42")
    )
    built = Built(samebit.home, samebit.build(context))
    assert built.read("out") == b"42\n"
    assert built.document["created"] == "1980-01-02T00:00:00Z"
    # Not declared, RUN sees it all the same (environment set 1).
    (context / "Dockerfile").write_text(
        "FROM oci:../layout:1\nRUN echo $SOURCE_DATE_EPOCH > /out\n"
    )
    built = Built(samebit.home, samebit.build(context))
    assert built.read("out") == f"{DEFAULT}\n".encode()
    assert "SOURCE_DATE_EPOCH" not in str(built.config["Env"])
