"""The digest depends on recipe, context, lock and parameters, and on nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

DOCKERFILE = """\
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
RUN mkdir -p /etc /tmp/gone /opt/a /opt/a-b && echo root:x:0:0::/:/bin/sh > /etc/passwd \\
    && echo one > /opt/a/one && echo two > /opt/a-b/two && ln /opt/a/one /opt/linked \\
    && chmod 4755 /opt/a-b/two && chown 7:8 /opt/a-b/two && mkfifo /opt/fifo && touch /tmp/gone/x

FROM base
ARG GREETING=hello
COPY --chown=5:6 files/ /files/
COPY script.sh /usr/bin/script
RUN --mount=type=cache,target=/var/cache/tool echo "$GREETING" > /greeting && rm -rf /tmp/gone \\
    && touch /var/cache/tool/entry && echo changed >> /opt/a/one && script > /from-script
WORKDIR /srv/app
ENV GREETING=$GREETING
LABEL org.example.name=value
EXPOSE 80
USER 5
CMD ["script"]
"""


@pytest.fixture
def context(busybox_context: Path) -> Path:
    (busybox_context / "Dockerfile").write_text(DOCKERFILE)
    files = busybox_context / "files"
    (files / "sub").mkdir(parents=True)
    (files / "a").write_text("a")
    (files / "sub" / "b").write_text("b")
    (files / "link").symlink_to("a")
    script = busybox_context / "script.sh"
    script.write_text("#!/bin/sh\necho run by script\n")
    script.chmod(0o755)
    return busybox_context


def moved(context: Path, target: Path) -> Path:
    shutil.copytree(context, target, symlinks=True)
    (target / "Dockerfile.lock").unlink(missing_ok=True)
    return target


def other_path(context: Path, tmp_path: Path) -> Path:
    return moved(context, tmp_path / "ünusual path" / "with spaces")


def other_times(context: Path, tmp_path: Path) -> Path:
    target = moved(context, tmp_path / "times")
    for folder, _, files in os.walk(target):
        for name in [".", *files]:
            path = os.path.join(folder, name)
            os.utime(path, (1234567890, 1234567890), follow_symlinks=False)
    return target


def other_umask(context: Path, tmp_path: Path) -> Path:
    target = moved(context, tmp_path / "umask")
    for folder, _, files in os.walk(target):
        os.chmod(folder, 0o775)
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o060)
    return target


def other_owner(context: Path, tmp_path: Path) -> Path:
    target = moved(context, tmp_path / "owner")
    for folder, _, files in os.walk(target):
        for name in [".", *files]:
            os.chown(os.path.join(folder, name), 1234, 1234, follow_symlinks=False)
    return target


def host_attributes(context: Path, tmp_path: Path) -> Path:
    target = moved(context, tmp_path / "xattrs")
    os.setxattr(target / "files" / "a", "user.host", b"value")
    subprocess.run(
        ["setfacl", "-m", "u:1234:rwx", str(target / "files" / "a")], check=True, timeout=60
    )
    os.chmod(target / "files" / "a", 0o644)
    return target


@pytest.mark.parametrize(
    "variation",
    [other_path, other_times, other_umask, other_owner, host_attributes],
    ids=lambda variation: variation.__name__,
)
def test_the_checkout_does_not_matter(
    samebit: Samebit,
    context: Path,
    tmp_path: Path,
    variation: Callable[[Path, Path], Path],
) -> None:
    expected = samebit.build(context)
    assert samebit.build("--no-cache", variation(context, tmp_path)) == expected


def test_recording_replaying_and_cold_state_give_the_same(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    recorded = samebit.build("--no-cache", context)
    assert (context / "Dockerfile.lock").exists()
    assert samebit.build("--no-cache", "--locked", context) == recorded
    cold = samebit.with_home(tmp_path / "home")
    assert cold.build("--locked", context) == recorded


def test_the_storage_driver_does_not_matter(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    other = samebit.with_home(tmp_path / "home")
    done = other.run("build", context, SAMEBIT_STORAGE_DRIVER="vfs")
    # vfs shows a change of both names where overlay changes one: refused, never another digest.
    assert done.returncode == 6, done.stderr
    assert "/opt/a/one is one of several hard links" in done.stderr
    text = DOCKERFILE.replace("ln /opt/a/one /opt/linked", "true")
    (context / "Dockerfile").write_text(text)
    overlay = samebit.build("--no-cache", context, SAMEBIT_STORAGE_DRIVER="overlay")
    assert other.build(context, SAMEBIT_STORAGE_DRIVER="vfs") == overlay


def test_the_shell_of_the_user_does_not_matter(samebit: Samebit, context: Path) -> None:
    expected = samebit.build("--no-cache", context)
    odd = {
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "HOME": "/nonexistent",
        "USER": "somebody",
        "GREETING": "from the environment",
        "CFLAGS": "-O3",
        "BUILDAH_ISOLATION": "chroot",
        "BUILDAH_FORMAT": "oci",
        "STORAGE_DRIVER": "vfs",
        "XDG_RUNTIME_DIR": "/nonexistent",
        "PYTHONHASHSEED": "7",
        "TMPDIR": str(context.parent),
    }
    assert samebit.build("--no-cache", context, **odd) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ("--build-arg", "GREETING=bye"),
        ("--label", "a=b"),
        ("--target", "base"),
        ("--source-date-epoch", "0"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_declared_parameters_do_matter(
    samebit: Samebit, context: Path, arguments: tuple[str, str]
) -> None:
    expected = samebit.build(context)
    assert samebit.build(*arguments, context) != expected


def test_context_modes_matter_only_when_they_are_kept(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    changed = other_umask(context, tmp_path)
    kept = samebit.build("--context-modes", "keep", context)
    assert samebit.build("--context-modes", "keep", changed) != kept
