"""buildah of other Debian suites: in chroots made from those suites, kept from run to run.

A chroot holds the unpacked packages and nothing that their maintainer scripts would make: enough
to run buildah. Each samebit runs in a mount namespace of its own, in which the chroot is mounted
with a writable layer in memory, and calls the engine through a program that enters it. Both have to
see the same paths, and what one of them mounts the other has to see, too. So samebit's state folder
is bound inside the chroot and named by its path from outside, and a symlink leads from the chroot's
own path inside it to its root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from samebit_command import Samebit

from samebit.engines import shim
from samebit.engines.machine import find_program

SUITES = ("bookworm", "trixie", "sid")
# The whole of Python: isolation by chroot needs its ctypes.
_PACKAGES = ("buildah", "coreutils", "crun", "dash", "python3", "runc")
_BUILDKIT_PACKAGES = ("containerd", "docker.io", "docker-buildx", "xz-utils")
# Debian 12's BuildKit reads no OCI layouts.
_WITH_BUILDKIT = ("trixie", "sid")
_PROGRAMS = {
    "buildah": "buildah",
    "containerd": "containerd",
    "dockerd": "dockerd",
    "docker-buildx": "/usr/libexec/docker/cli-plugins/docker-buildx",
}
# Half of what is unpacked, and of no use to an engine.
_REMOVED = "usr/libexec/buildah usr/share/doc usr/share/man usr/share/locale usr/share/perl"
_SECONDS = 900
_UNSHARE = ("unshare", "--mount", "--propagation", "private", "--")
_ENTER = """\
#!/bin/sh
# enter PATH... -- COMMAND...: run COMMAND where the chroot is mounted and sees each PATH.
set -eu
mount -t tmpfs tmpfs {folder}/mounted
mkdir {folder}/mounted/upper {folder}/mounted/work {root}
mount -t overlay overlay -o \\
    lowerdir={folder}/tree,upperdir={folder}/mounted/upper,workdir={folder}/mounted/work {root}
cd {root}
mkdir -p dev etc proc root run sys tmp .{folder}/mounted
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount --rbind /tmp tmp
cp /etc/passwd /etc/group /etc/hosts /etc/resolv.conf etc/
ln -s / .{root}
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p ".$1"; else mkdir -p ".${{1%/*}}"; : >> ".$1"; fi
    mount --bind "$1" ".$1"
    shift
done
shift
[ -e .{python} ] || {{ mkdir -p .{python_folder}; cp {folder}/python .{python}; }}
export SAMEBIT_HOME="{root}$SAMEBIT_HOME" PATH="{folder}/bin:$PATH"
cd "$OLDPWD"
exec "$@"
"""
_PYTHON = """\
#!/bin/sh
# The chroot's own Python, which cannot read the byte code of the one that samebit runs with.
compile="import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2])"
module() {{ [ -e "/run/$1.pyc" ] || /usr/bin/python3 -c "$compile" "{shims}/$1.py" "/run/$1.pyc"; }}
for a in "$@"; do
    case "$a" in */shim.pyc)
        # As everywhere else it is compiled once, not for each step.
        module shim_capture
        module shim_json
        module shim
        a=/run/shim.pyc ;;
    esac
    shift
    set -- "$@" "$a"
done
exec /usr/bin/python3 "$@"
"""
_PROGRAM = """\
#!/bin/sh
# Runs inside of `enter` only: the chroot's program, in the same directory as seen from there.
exec chroot {root} /bin/sh -c 'cd "$1" && shift && exec {program} "$@"' sh "$PWD" "$@"
"""


@dataclass(frozen=True)
class EngineChroot:
    """The buildah of a suite: in a chroot, or this machine's own (`folder` is None)."""

    suite: str
    folder: Path | None

    def samebit(self, home: Path, driver: str, engine: str = "buildah") -> Samebit:
        """Give the command with an engine of this suite; its state folder is `home`."""
        environment = {"SAMEBIT_STORAGE_DRIVER": driver, "SAMEBIT_ENGINE": engine}
        if self.folder is None:
            return Samebit(home, environment)
        home.mkdir(parents=True, exist_ok=True)
        return Samebit(home, environment, self.enter(home))

    def enter(self, seen: Path) -> tuple[str, ...]:
        """Give what runs another command where the chroot is mounted, and the engine sees `seen`.

        The engine finds nothing else than what is below `inside(seen)`.
        """
        assert self.folder is not None
        bound = [seen, Path(shim.__file__).parent]
        return (*_UNSHARE, str(self.folder / "enter"), *map(str, bound), "--")

    def inside(self, path: Path) -> Path:
        """Give the path that means the same to the engine and to those who call it."""
        assert self.folder is not None
        return self.folder / "mounted" / "root" / path.relative_to("/")

    def version(self) -> str:
        """Ask buildah for its version."""
        chroot = [] if self.folder is None else ["chroot", str(self.folder / "tree")]
        done = subprocess.run(
            [*chroot, "buildah", "--version"], capture_output=True, check=True, encoding="utf-8"
        )
        return done.stdout.split()[2]


def other_suites() -> tuple[str, ...]:
    """Give the suites whose engine is not this machine's own."""
    return tuple(suite for suite in SUITES if suite != _own_suite())


def engine_of(suite: str) -> EngineChroot:
    """Find or make the suite's engine. Needs root, and the network if it has to be made."""
    if suite == _own_suite():
        return EngineChroot(suite, None)
    cache = Path(os.environ.get("SAMEBIT_TEST_CACHE") or "/var/cache/samebit-tests")
    cache.mkdir(parents=True, exist_ok=True)
    # What is newest changes: a month is young enough for sid.
    month = time.strftime("%Y-%m", time.gmtime()) if suite == "sid" else ""
    more = _BUILDKIT_PACKAGES if suite in _WITH_BUILDKIT else ()
    packages = (*_PACKAGES, *more)
    texts = (_ENTER, _PROGRAM, _PYTHON)
    made_of = (packages, _PROGRAMS, _REMOVED, texts, sys.executable, shim.__file__)
    recipe = repr((suite, month, *made_of))
    folder = cache / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with open(cache / f"{suite}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for abandoned in cache.glob(f"{suite}-new-*"):
                shutil.rmtree(abandoned)
            _make(suite, folder, packages)
    return EngineChroot(suite, folder)


def _make(suite: str, folder: Path, packages: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix=f"{suite}-new-", dir=folder.parent) as made:
        tree = Path(made) / "folder" / "tree"
        (tree.parent / "mounted").mkdir(parents=True)
        _unpack(suite, tree, packages)
        python = sys.executable
        values = {
            "folder": folder,
            "root": folder / "mounted" / "root",
            "python": python,
            "python_folder": os.path.dirname(python),
            "shims": Path(shim.__file__).parent,
        }
        programs = {"enter": _ENTER, "python": _PYTHON}
        texts = {name: text.format(**values) for name, text in programs.items()}
        for name, program in _PROGRAMS.items():
            texts[f"bin/{name}"] = _PROGRAM.format(root=values["root"], program=program)
        (tree.parent / "bin").mkdir()
        for name, text in texts.items():
            (tree.parent / name).write_text(text)
            (tree.parent / name).chmod(0o755)
        os.rename(tree.parent, folder)


def _unpack(suite: str, tree: Path, packages: tuple[str, ...]) -> None:
    program = shutil.which("mmdebstrap")
    assert program, "mmdebstrap is not installed: make setup"
    merged = 'cd "$1" && for d in bin lib lib64 sbin; do mkdir -p usr/$d; ln -s usr/$d $d; done'
    done = subprocess.run(
        [
            "nice",
            program,
            "--mode=root",
            "--variant=extract",
            "--format=directory",
            f"--include={','.join(packages)}",
            "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg",
            "--skip=check/signed-by",
            "--aptopt=Acquire::Languages none",
            # sid's index may be older than it says it is good for where a mirror is behind.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            f"--setup-hook={merged}",
            f'--customize-hook=cd "$1" && rm -rf {_REMOVED}',
            suite,
            str(tree),
        ],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr


def _own_suite() -> str:
    lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    return next((line[17:] for line in lines if line.startswith("VERSION_CODENAME=")), "")


def crun_only(home: Path, engine: EngineChroot, name: str = "buildah") -> Samebit:
    """Give the command with an engine where runc is missing and crun has its cgroups.

    crun refuses what some machines have at /sys/fs/cgroup, several versions side by side.
    """
    runc = find_program("runc")
    hidden = f"mount --bind /dev/null {runc} && " if runc else ""
    script = f'mount -t cgroup2 cgroup2 /sys/fs/cgroup && {hidden}exec "$@"'
    command = engine.samebit(home, "overlay", name)
    return replace(command, prefix=(*_UNSHARE, "sh", "-c", script, "sh", *command.prefix))
