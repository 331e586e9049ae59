"""Running a part of samebit as root of a user namespace, as an ordinary user's build does.

user_namespaces(7). There, root has no rights over the machine: no device nodes, no file systems but
those that anybody may mount, no control groups. It keeps the right to the caller's own files,
because it is the same user to the kernel. Other owners are those of a range of subordinate IDs.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

from samebit.errors import InternalError, MachineError

FIRST_ID = 100_000
"""What the owner 0 would be there, if it were not the caller: owner N is FIRST_ID + N."""

_COUNT = 65_536
_MAP = f"0 0 1\n1 {FIRST_ID + 1} {_COUNT - 1}\n"
# How `buildah unshare` tells the engine about the namespace.
_VARIABLES = {
    "_CONTAINERS_USERNS_CONFIGURED": "done",
    "_CONTAINERS_ROOTLESS_UID": "0",
    "_CONTAINERS_ROOTLESS_GID": "0",
}
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 16
_CRASHED = 3


@functools.cache
def why_not() -> str:
    """Say why this process cannot go there; empty when it can."""
    if os.geteuid() != 0:
        return "only root can become both"
    if Path("/proc/self/uid_map").read_text("ascii").split()[2] != str((1 << 32) - 1):
        return "root of a container has no other users to become"
    try:
        run_inside(lambda _: b"", lambda _: None)
    except MachineError as error:
        return error.what
    return ""


@dataclass(frozen=True, slots=True)
class _Ends:
    """One process's ends of four pipes, as descriptors.

    `lines` and `result` come from the child. By `made` it says that it has a namespace, and by
    `ready` it hears that this has users.
    """

    lines: int
    result: int
    made: int
    ready: int

    def close(self) -> None:
        for end in (self.lines, self.result, self.made, self.ready):
            os.close(end)


def run_inside(call: Callable[[TextIO], bytes], told: Callable[[str], None]) -> bytes:
    """Call it in a process of its own inside a new user namespace, and give what it gives.

    `told` gets each line that `call` writes meanwhile. The process ends with this one, and with it
    what it has mounted. Raises MachineError when there is no such namespace, or the process dies,
    and InternalError for what `call` did not expect.
    """
    lines, result, made, ready = (os.pipe2(os.O_CLOEXEC) for _ in range(4))
    here = _Ends(lines[0], result[0], made[0], ready[1])
    there = _Ends(lines[1], result[1], made[1], ready[0])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    parent = os.getpid()
    with warnings.catch_warnings():
        # Only a terminal's clock runs beside this thread, and the child never touches it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        here.close()
        _become(call, parent, there)
    there.close()
    try:
        _map(child, here)
        with open(here.lines, encoding="utf-8", errors="replace", closefd=False) as stream:
            for line in stream:
                told(line.removesuffix("\n"))
        data = _read(here.result)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        raise
    finally:
        here.close()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _CRASHED:
        raise InternalError(data.decode("utf-8", "replace"))
    if status != 0:
        raise MachineError("this machine gives no user namespace in which that can be done")
    return data


def _map(child: int, here: _Ends) -> None:
    """Say whose IDs there are in the namespace of the child, which waits for it."""
    if os.read(here.made, 1) != b"x":
        return
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{child}/{name}").write_text(_MAP, "ascii")
    os.write(here.ready, b"x")


def _become(call: Callable[[TextIO], bytes], parent: int, there: _Ends) -> NoReturn:
    code = 1
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) == 0:
            os.write(there.made, b"x")
            if os.read(there.ready, 1) == b"x":
                # Whoever kills the parent means this one, too.
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
                if os.getppid() == parent:
                    os.environ.update(_VARIABLES)
                    with open(there.lines, "w", encoding="utf-8", errors="replace") as stream:
                        data = call(stream)
                    _write(there.result, data)
                    code = 0
    except Exception as error:  # noqa: BLE001 - whatever it is, who waits for it must hear of it
        _write(there.result, f"in a user namespace: {error!r}".encode())
        code = _CRASHED
    finally:
        # Nothing of the parent's is tidied up here: not its folders, not its streams.
        os._exit(code)


def _read(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, _CHUNK):
        parts.append(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
