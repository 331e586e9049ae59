"""Namespaces (namespaces(7)): each is made, in a process of its own, and the network of RUN."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from samebit.distribution.install import is_root
from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.model.diagnosis import Observation, State

AREA = "namespaces"
# CLONE_NEWUSER and CLONE_NEWNET of sched.h.
_KINDS = (("user", 0x10000000), ("network", 0x40000000))
_UNSHARE = """\
import ctypes, os, sys
if ctypes.CDLL(None, use_errno=True).unshare(int(sys.argv[1])) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
"""
_GATEWAY = "from samebit.network.namespaces import enter_gateway; enter_gateway()"
_WITHOUT_NETWORK = "nothing that RUN fetches can be recorded or replayed"


def _probe(bench: Bench) -> Iterator[Observation]:
    for name, flag in _KINDS:
        if name == "network" and bench.refused:
            yield Observation(AREA, name, State.UNTRIED, reason=bench.refused)
            continue
        tried = attempt(sys.executable, "-I", "-S", "-c", _UNSHARE, str(flag))
        # Root's builds need no user namespace; an ordinary user's are in one already here.
        needed = name == "network" or not is_root()
        without = "ordinary users cannot build" if name == "user" else _WITHOUT_NETWORK
        yield Observation(
            AREA,
            name,
            State.WORKS if tried.worked else State.LACKS,
            needed=needed,
            reason=tried.reason,
            without="" if tried.worked else without,
            fix="" if tried.worked else _fix(name),
        )
    yield _gateway(bench)


def _gateway(bench: Bench) -> Observation:
    """Make the pair of namespaces that a build makes."""
    name = "network of RUN"
    if bench.refused:
        return Observation(AREA, name, State.UNTRIED, reason=bench.refused)
    tried = attempt(sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {_GATEWAY}")
    if tried.worked:
        return Observation(AREA, name, State.WORKS, "veth pair, policy routing, DNS", needed=True)
    return Observation(
        AREA,
        name,
        State.LACKS,
        needed=True,
        reason=tried.reason.rpartition("MachineError: ")[2],
        without=_WITHOUT_NETWORK,
        fix="modprobe veth; the kernel needs CONFIG_NET_NS, CONFIG_VETH, CONFIG_IP_MULTIPLE_TABLES",
    )


def _fix(kind: str) -> str:
    text = resources.files("samebit.doctor").joinpath("kernel.toml").read_text("utf-8")
    for setting in tomllib.loads(text)[kind]:
        path = Path("/proc/sys") / setting["file"]
        if path.exists() and path.read_text("ascii").strip() == setting["forbids"]:
            return f"{'' if is_root() else 'sudo '}{setting['fix']}"
    return "in a container: start it with --privileged, or with a seccomp profile that allows it"


CHECK = Check(AREA, 50, _probe)
