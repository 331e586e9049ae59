"""Run mmdebstrap(1) so that nothing but the recipe and the archive decides what it installs."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from samebit.debian.network import ArchiveNetwork, enter_network, place_apt_options
from samebit.debian.recipe import DebianBase
from samebit.errors import InputError, MachineError, SamebitError

# A proxy decides how the archive is reached, not what it holds.
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
# Which keys the host's own apt trusts must neither decide nor end up in sources.list.
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_HOST_NAME = "samebit"
_LINES_KEPT = 30
_SECONDS_TO_CLEAN_UP = 60

_CAUSES: tuple[tuple[re.Pattern[str], type[SamebitError], str, str | None], ...] = (
    (
        re.compile(r"E: Unable to locate package (\S+)"),
        InputError,
        "the archive has no package {0}",
        "check the name in --include and that the suite has it",
    ),
    (
        re.compile(r"E: Package '?(\S+?)'? has no installation candidate"),
        InputError,
        "the archive has no version of the package {0} to install",
        "check the name in --include and that the suite has it",
    ),
    (
        re.compile(r"E: Version '(.+?)' for '(.+?)' was not found"),
        InputError,
        "the archive has no version {0} of the package {1}",
        "archives keep only the newest version; drop the version or use a snapshot as --mirror",
    ),
    (
        re.compile(r"E: Failed to fetch (\S+) +404 "),
        InputError,
        "the archive does not have {0}, which its index lists",
        "an archive drops what a newer version replaces: ask again for its index",
    ),
    (
        re.compile(r"No space left on device"),
        MachineError,
        "no space left on the device where mmdebstrap unpacks",
        "free space, or point TMPDIR to a larger disk",
    ),
    (
        re.compile(
            r"Temporary failure resolving|Could not resolve|Could not connect|Connection refused"
            r"|Network is unreachable|Connection timed out|Unable to connect"
        ),
        InputError,
        "the Debian archive cannot be reached",
        "check the network, or set http_proxy; --mirror names another archive",
    ),
    (
        re.compile(r"The repository '(.+?)' does not have a Release file"),
        InputError,
        "the archive has no suite of that name: {0}",
        "check --suite and --mirror",
    ),
    (
        re.compile(r"NO_PUBKEY|is not signed|signatures? (couldn't|were) ", re.IGNORECASE),
        InputError,
        "the archive's signature cannot be checked",
        "update the package debian-archive-keyring",
    ),
    (
        re.compile(r"newuidmap|unprivileged user namespaces|/etc/subuid|unable to unshare"),
        MachineError,
        "mmdebstrap cannot make a user namespace",
        "run as root, or install uidmap and give the user a range in /etc/subuid and /etc/subgid",
    ),
)


def bootstrap(
    recipe: DebianBase,
    epoch: int,
    scratch: Path,
    say: Callable[[str], None] | None = None,
    network: ArchiveNetwork | None = None,
) -> Path:
    """Install the recipe's packages and give the path of a tar of the result, below `scratch`.

    With `network`, which only root can enter, everything goes by that one and not by the host's.

    `epoch` (seconds since 1970) is the time that maintainer scripts see in SOURCE_DATE_EPOCH.
    `scratch` is an empty directory of the caller, which removes it; `say` receives mmdebstrap's
    progress line by line. Raises MachineError when mmdebstrap is missing or cannot work here,
    InputError when the archive does not give what the recipe asks for.
    """
    program = shutil.which("mmdebstrap")
    if program is None:
        raise MachineError(
            "mmdebstrap is not installed", fix="apt-get install mmdebstrap debian-archive-keyring"
        )
    keyring = next((path for path in _KEYRINGS if path.exists()), None)
    if keyring is None:
        raise MachineError(
            "the keys of the Debian archive are not installed",
            fix="apt-get install debian-archive-keyring",
        )
    work = scratch / "mmdebstrap"
    work.mkdir()
    # In a user namespace mmdebstrap is neither owner nor group of this directory.
    scratch.chmod(0o711)
    work.chmod(0o1777)
    tarball = scratch / "tree.tar"
    privileged = os.geteuid() == 0
    options: list[str] = []
    environment = _environment(epoch, work)
    if network is not None:
        options = place_apt_options(network, scratch)
        # Who serves this network knows the host's proxies.
        environment = {n: v for n, v in environment.items() if n not in _PASSED_ON}
    command = _command(program, recipe, keyring, options, privileged=privileged)
    if network is not None:
        command = enter_network(network, command)
    with tarball.open("wb") as output:
        status, lines = _run(command, environment, output, say)
    if status != 0:
        raise _failure(recipe, status, lines)
    return tarball


def _command(
    program: str,
    recipe: DebianBase,
    keyring: Path,
    options: Sequence[str] = (),
    *,
    privileged: bool,
) -> list[str]:
    command = [
        program,
        f"--mode={'root' if privileged else 'unshare'}",
        "--format=tar",
        f"--variant={recipe.variant}",
        f"--architectures={recipe.architecture}",
        f"--keyring={keyring}",
        "--skip=check/signed-by",
        *options,
    ]
    if recipe.include:
        command.append(f"--include={','.join(recipe.include)}")
    if recipe.components:
        command.append(f"--components={','.join(recipe.components)}")
    if not privileged:
        # This mode has a UTS namespace of its own; hooks run inside it.
        command.append(f"--setup-hook=hostname {_HOST_NAME} || true")
    command += [recipe.suite, "-"]
    if recipe.mirror:
        command.append(recipe.mirror)
    if privileged:
        enter = f'hostname {_HOST_NAME} || true; exec "$@"'
        command = ["unshare", "--uts", "--", "sh", "-c", enter, "sh", *command]
    return command


def _environment(epoch: int, work: Path) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC0",
        "SOURCE_DATE_EPOCH": str(epoch),
        # py3compile writes sets in hash order.
        "PYTHONHASHSEED": "0",
        # What an import caches names its source's mtime, which the image does not keep;
        # py3compile still writes its files, checked by hash because of SOURCE_DATE_EPOCH.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return environment


def _run(
    command: list[str],
    environment: dict[str, str],
    output: IO[bytes],
    say: Callable[[str], None] | None,
) -> tuple[int, list[str]]:
    """Run to the end; give the exit status and the last lines of standard error."""
    kept: collections.deque[str] = collections.deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
        umask=0o022,
        # The terminal's interrupt reaches only us; we then let mmdebstrap clean up.
        process_group=0,
    ) as process:
        try:
            assert process.stderr is not None
            _collect(process.stderr, kept, say)
            status = process.wait()
        except BaseException:
            _stop(process)
            raise
    return status, list(kept)


def _collect(
    stream: IO[bytes], kept: collections.deque[str], say: Callable[[str], None] | None
) -> None:
    for raw in stream:
        # A progress bar is one line with many returns; its last state is what was meant.
        line = raw.decode("utf-8", "replace").rstrip().rpartition("\r")[2]
        if line:
            kept.append(line)
            if say is not None:
                say(line)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask mmdebstrap to unmount and remove what it made; insist after a while."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, wanted)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_CLEAN_UP)
            return


def _failure(recipe: DebianBase, status: int, lines: list[str]) -> SamebitError:
    text = "\n".join(lines)
    for pattern, kind, what, fix in _CAUSES:
        if found := pattern.search(text):
            return kind(what.format(*found.groups()), fix=fix, detail=text)
    return InputError(
        f"mmdebstrap could not install {recipe.suite} (exit status {status})",
        fix="the last lines of its output say why",
        detail=text,
    )
