"""An OCI runtime for machines where runc and crun start nothing, as inside CI containers.

Run as `python3 -I -S chroot_runtime.py --root STATE COMMAND … ID` for the commands create, start,
state, kill and delete, as engines call a runtime (runtime-spec, "Runtime and Lifecycle"). It
imports nothing of ours.

What it needs is less than they need: namespaces for mounts, processes, the host name and the
network, but no control groups, no /proc of its own where the kernel refuses one, no /sys, no device
files (those of the machine are bound). Not applied are control groups, seccomp, AppArmor and
masked paths. Everything else of the bundle is: user, capabilities, limits, mounts, environment.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import stat
import struct
import sys

# Spelled so that running it does not import typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    _Object = dict[str, Any]

_COMMANDS = ("create", "start", "state", "kill", "delete")
_VERSION = "1.0.2"
# sched.h
_NEW = {
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "pid": 0x20000000,
    "network": 0x40000000,
}
# mount.h
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_FLAGS = {
    "ro": _READ_ONLY,
    "nosuid": 2,
    "nodev": 4,
    "noexec": 8,
    "remount": _REMOUNT,
    "noatime": 1024,
    "nodiratime": 2048,
    "bind": _BIND,
    "rbind": _BIND | _RECURSIVE,
    "relatime": 1 << 21,
    "strictatime": 1 << 24,
}
_IGNORED = {
    "rw", "suid", "dev", "exec", "private", "rprivate", "shared", "rshared", "slave", "rslave",
    "unbindable", "runbindable", "async", "defaults", "tmpcopyup", "copyup", "z", "Z",
}  # fmt: skip
_DETACH = 2
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_CLONE_TREE, _AT_RECURSIVE, _CLOSE_ON_EXEC, _EMPTY_PATH = 1, 0x8000, 0o2000000, 4
_NO_CWD = -100
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = (
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
)
# prctl.h, capability.h
_SET_NO_NEW_PRIVILEGES, _DROP_BOUNDING, _KEEP_CAPABILITIES, _AMBIENT = 38, 24, 8, 47
_CAPABILITY_VERSION = 0x20080522
_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
_UMASK = 0o022
_SET_INTERFACE_FLAGS, _UP = 0x8914, 1
_C = ctypes.CDLL(None, use_errno=True)


class _Failure(Exception):  # noqa: N818 - told, never raised further
    """Why a container cannot be made, in the words that runc would use."""


def main(argv: list[str]) -> None:
    """Act on one command line: of `argv`, the command, its options and the container's ID."""
    command = next((word for word in argv if word in _COMMANDS), None)
    if command is None:
        # An engine asks for its version.
        sys.stdout.write(f"chroot_runtime version {_VERSION}\n")
        return
    root = _option(argv, "--root") or sys.exit("chroot_runtime: no --root")
    state = os.path.join(root, argv[-2] if command == "kill" else argv[-1])
    try:
        if command == "create":
            _create(argv, state)
        elif command == "start":
            _start(state)
        elif command == "state":
            _tell(state)
        elif command == "kill":
            _kill(state, argv[-1])
        else:
            _delete(state, force="--force" in argv or "-f" in argv)
    except (_Failure, OSError) as failure:
        said = json.dumps(str(failure), ensure_ascii=False)
        sys.exit(f"level=error msg={said}")


def _option(argv: list[str], *names: str) -> str | None:
    for position, word in enumerate(argv):
        for name in names:
            if word == name:
                return argv[position + 1]
            if word.startswith(name + "="):
                return word[len(name) + 1 :]
    return None


# ---- the life of a container


def _create(argv: list[str], state: str) -> None:
    bundle = os.path.realpath(_option(argv, "--bundle", "-b") or ".")
    with open(os.path.join(bundle, "config.json"), encoding="utf-8", errors="surrogateescape") as s:
        config = json.load(s)
    os.makedirs(state, mode=0o700)
    gate = os.path.join(state, "gate")
    os.mkfifo(gate, 0o600)
    told, tell = os.pipe()
    # Held open at both ends, so that neither side waits for the other.
    gate_fd = os.open(gate, os.O_RDWR | os.O_CLOEXEC)
    helper = os.fork()
    if helper == 0:
        os.close(told)
        _enter(config, bundle, gate_fd, tell)
    os.close(tell)
    os.waitpid(helper, 0)
    with os.fdopen(told, "rb") as stream:
        answer = json.loads(stream.read() or b'{"failure": "the container was killed"}')
    if "failure" in answer:
        _remove(state)
        raise _Failure(answer["failure"])
    pid = answer["pid"]
    with open(os.path.join(state, "state.json"), "w", encoding="utf-8") as stream:
        json.dump({"pid": pid, "began": _began(pid), "bundle": bundle}, stream)
    pid_file = _option(argv, "--pid-file")
    if pid_file is not None:
        with open(pid_file, "w", encoding="ascii") as stream:
            stream.write(str(pid))


def _start(state: str) -> None:
    descriptor = os.open(os.path.join(state, "gate"), os.O_WRONLY | os.O_NONBLOCK)
    os.write(descriptor, b"x")
    os.close(descriptor)
    with open(os.path.join(state, "started"), "w", encoding="ascii"):
        pass


def _tell(state: str) -> None:
    known = _known(state)
    status = "stopped"
    if _lives(known):
        begun = os.path.exists(os.path.join(state, "started"))
        status = "running" if begun else "created"
    document = {
        "ociVersion": _VERSION,
        "id": os.path.basename(state),
        "status": status,
        "pid": known["pid"] if status != "stopped" else 0,
        "bundle": known["bundle"],
    }
    sys.stdout.write(json.dumps(document) + "\n")


def _kill(state: str, name: str) -> None:
    known = _known(state)
    number = int(name) if name.isdigit() else signal.Signals["SIG" + name.removeprefix("SIG")]
    if not _lives(known):
        raise _Failure("process not running")
    os.kill(known["pid"], number)


def _delete(state: str, *, force: bool) -> None:
    try:
        known = _known(state)
    except FileNotFoundError:
        if force:
            _remove(state)
            return
        raise _Failure("container does not exist") from None
    if _lives(known):
        if not force:
            raise _Failure("the container is not stopped")
        # The first process of its namespace: everything else ends with it.
        os.kill(known["pid"], signal.SIGKILL)
    _remove(state)


def _known(state: str) -> _Object:
    with open(os.path.join(state, "state.json"), encoding="utf-8") as stream:
        found: _Object = json.load(stream)
    return found


def _lives(known: _Object) -> bool:
    return bool(known["began"]) and _began(known["pid"]) == known["began"]


def _began(pid: int) -> str:
    """Give when a process began, empty when it has ended: numbers are used again (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _remove(state: str) -> None:
    for name in os.listdir(state) if os.path.isdir(state) else ():
        os.unlink(os.path.join(state, name))
    if os.path.isdir(state):
        os.rmdir(state)


# ---- inside


def _enter(config: _Object, bundle: str, gate: int, tell: int) -> NoReturn:
    """Enter the namespaces and become, in a process of its own, the container."""
    try:
        wanted = {entry["type"]: entry.get("path") for entry in config["linux"]["namespaces"]}
        if wanted.get("network"):
            descriptor = os.open(wanted["network"], os.O_RDONLY | os.O_CLOEXEC)
            _check(_C.setns(descriptor, _NEW["network"]), "joining the network")
        flags = _NEW["mount"] | _NEW["pid"]
        for kind in ("uts", "ipc", "network"):
            if kind in wanted and not wanted[kind]:
                flags |= _NEW[kind]
        _check(_C.unshare(flags), "making namespaces")
        if flags & _NEW["network"]:
            _loopback_up()
    except (_Failure, OSError) as failure:
        _say(tell, {"failure": str(failure)})
        os._exit(1)
    pid = os.fork()
    if pid == 0:
        _contain(config, bundle, gate, tell)
    # The container itself says what goes wrong from here on.
    os._exit(0)


def _loopback_up() -> None:
    """Start the only interface of a new network, as runc does (netdevice(7))."""
    # Here, because most steps are given a network.
    import socket  # noqa: PLC0415

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_INTERFACE_FLAGS, struct.pack("16sh22x", b"lo", _UP))


def _contain(config: _Object, bundle: str, gate: int, tell: int) -> NoReturn:
    process = config["process"]
    try:
        pid = int(os.readlink("/proc/self"))
        root = os.path.realpath(os.path.join(bundle, config["root"]["path"]))
        os.setsid()
        _change_root(config, root)
        if config.get("hostname"):
            name = os.fsencode(config["hostname"])
            _check(_C.sethostname(name, len(name)), "setting the host name")
        _limit(process)
        os.umask(process.get("user", {}).get("umask", _UMASK))
        os.makedirs(process["cwd"], exist_ok=True)
        os.chdir(process["cwd"])
        _become(process)
        environment = {
            os.fsencode(name): os.fsencode(value)
            for name, _, value in (entry.partition("=") for entry in process["env"])
        }
        environment.setdefault(b"HOME", _home(process.get("user", {}).get("uid", 0)))
        program = _find(process["args"][0], environment)
        _say(tell, {"pid": pid})
    except (_Failure, OSError) as failure:
        _say(tell, {"failure": str(failure)})
        os._exit(1)
    if os.read(gate, 1) != b"x":
        os._exit(1)
    os.close(gate)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores these.
        signal.signal(number, signal.SIG_DFL)
    try:
        words = [os.fsencode(word) for word in process["args"]]
        os.execve(program, words, environment)  # noqa: S606 - becoming the step is the point
    except OSError as failure:
        shown = os.fsdecode(program)
        sys.stderr.write(f"exec {shown}: {(failure.strerror or '').lower()}\n")
        sys.stderr.flush()
        os._exit(255)


def _say(tell: int, value: _Object) -> None:
    os.write(tell, json.dumps(value).encode())
    os.close(tell)


def _change_root(config: _Object, root: str) -> None:
    """Make `root` the root with the bundle's mounts; the old one is gone then."""
    _mount(None, "/", None, _PRIVATE | _RECURSIVE, None)
    _mount(root, root, None, _BIND | _RECURSIVE, None)
    sources = [_source(entry) for entry in config["mounts"]]
    devices = [(name, _tree(f"/dev/{name}")) for name in _DEVICES if os.path.exists(f"/dev/{name}")]
    hosts = {kind: _tree(path) for kind, path in (("proc", "/proc"), ("sysfs", "/sys"))}
    os.chdir(root)
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise _Failure(f"chroot isolation does not know {os.uname().machine}")
    _check(_C.syscall(number, b".", b"."), "changing the root")
    # "." is the old root now, over the new one, whose paths begin with "/".
    for entry, source in zip(config["mounts"], sources, strict=True):
        _mount_entry(entry, source, hosts)
        if entry["destination"] == "/dev":
            for name, tree in devices:
                _place(tree, f"/dev/{name}", directory=False)
            for target, name in _LINKS:
                os.symlink(target, f"/dev/{name}")
    _check(_C.umount2(b".", _DETACH), "leaving the old root")
    os.chdir("/")


def _source(entry: _Object) -> int | None:
    """Take hold of what an entry binds, before the old root is gone."""
    options = entry.get("options", [])
    if entry.get("type") == "bind" or "bind" in options or "rbind" in options:
        return _tree(entry["source"])
    return None


def _tree(path: str) -> int:
    flags = _CLONE_TREE | _AT_RECURSIVE | _CLOSE_ON_EXEC
    found = _C.syscall(_OPEN_TREE, _NO_CWD, os.fsencode(path), flags)
    return _check(found, f"binding {path}")


def _mount_entry(entry: _Object, source: int | None, hosts: dict[str, int]) -> None:
    destination, kind = entry["destination"], entry.get("type") or "none"
    flags, data = 0, []
    for option in entry.get("options", []):
        if option in _FLAGS:
            flags |= _FLAGS[option]
        elif option not in _IGNORED:
            data.append(option)
    if source is not None:
        _place(source, destination, directory=stat.S_ISDIR(os.fstat(source).st_mode))
        _restrict(destination, flags)
        return
    if kind == "cgroup":
        return
    os.makedirs(destination, exist_ok=True)
    try:
        _mount(entry.get("source") or kind, destination, kind, flags, ",".join(data))
    except _Failure:
        # Inside other containers the kernel gives neither; the machine's own show less or more.
        if kind == "mqueue":
            return
        if kind not in hosts:
            raise
        _place(hosts[kind], destination, directory=True)
        if kind == "sysfs":
            _restrict(destination, flags)


def _place(tree: int, destination: str, *, directory: bool) -> None:
    if directory:
        os.makedirs(destination, exist_ok=True)
    elif not os.path.exists(destination):
        os.makedirs(os.path.dirname(destination), exist_ok=True)
        os.close(os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    moved = _C.syscall(_MOVE_MOUNT, tree, b"", _NO_CWD, os.fsencode(destination), _EMPTY_PATH)
    _check(moved, f"mounting at {destination}")


def _restrict(destination: str, flags: int) -> None:
    """Make a bound tree read-only and the like; what it is restricted by already stays."""
    wanted = flags & ~(_BIND | _RECURSIVE)
    if not wanted:
        return
    # A mount that another user namespace made keeps its own restrictions (statvfs has the same).
    kept = os.statvfs(destination).f_flag & 0xF
    _mount(None, destination, None, _REMOUNT | _BIND | wanted | kept, None)


def _limit(process: _Object) -> None:
    for limit in process.get("rlimits") or ():
        number = getattr(resource, limit["type"])
        soft, hard = (min(limit[key], (1 << 63) - 1) for key in ("soft", "hard"))
        resource.setrlimit(number, (soft, hard))
    if process.get("noNewPrivileges"):
        _check(_C.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "giving up new privileges")


def _become(process: _Object) -> None:
    """Take the user and the capabilities of the bundle."""
    wanted = process.get("capabilities") or {}
    bounding = _bits(wanted.get("bounding"))
    for number in range(64):
        if not bounding >> number & 1:
            # Fails for numbers that the kernel does not know.
            _C.prctl(_DROP_BOUNDING, number, 0, 0, 0)
    user = process.get("user", {})
    os.setgroups(user.get("additionalGids") or [])
    os.setgid(user.get("gid", 0))
    _check(_C.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0), "keeping capabilities")
    os.setuid(user.get("uid", 0))
    sets = [_bits(wanted.get(kind)) for kind in ("effective", "permitted", "inheritable")]
    header = struct.pack("<Ii", _CAPABILITY_VERSION, 0)
    data = struct.pack("<6I", *(half >> shift & 0xFFFFFFFF for shift in (0, 32) for half in sets))
    _check(_C.capset(header, data), "setting capabilities")
    for number in range(64):
        if _bits(wanted.get("ambient")) >> number & 1:
            # Refused where it is not inheritable, too: runc goes on then.
            _C.prctl(_AMBIENT, 2, number, 0, 0)


def _bits(names: list[str] | None) -> int:
    known = {f"CAP_{name}": number for number, name in enumerate(_CAPABILITIES)}
    found = 0
    for name in names or ():
        found |= 1 << known[name] if name in known else 0
    return found


def _home(uid: int) -> bytes:
    """Give the home folder of a user as the image's own user database has it (passwd(5))."""
    try:
        with open("/etc/passwd", "rb") as stream:
            for line in stream:
                fields = line.rstrip(b"\n").split(b":")
                if len(fields) > 5 and fields[2] == b"%d" % uid:
                    return fields[5]
    except OSError:
        pass
    return b"/"


def _find(program: str, environment: dict[bytes, bytes]) -> bytes:
    """Find a program as runc does: a path as it is, a name on the step's PATH."""
    name = os.fsencode(program)
    if b"/" in name:
        places = [name]
    else:
        folders = environment.get(b"PATH", b"").split(b":")
        places = [os.path.join(folder or b".", name) for folder in folders]
    reason = errno.ENOENT
    for place in places:
        if os.path.isfile(place):
            if os.access(place, os.X_OK):
                return place
            reason = errno.EACCES
    if b"/" not in name and reason == errno.ENOENT:
        raise _Failure(f'exec: "{program}": executable file not found in $PATH')
    if os.path.isdir(places[0]):
        reason = errno.EISDIR
    raise _Failure(f'exec: "{program}": {os.strerror(reason).lower()}')


# ---- the kernel


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> None:
    texts = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    done = _C.mount(*texts, ctypes.c_ulong(flags), os.fsencode(data) if data else None)
    _check(done, f"mounting {kind or source} at {target}")


def _check(result: int, doing: str) -> int:
    if result < 0:
        raise _Failure(f"{doing}: {os.strerror(ctypes.get_errno()).lower()}")
    return result


if __name__ == "__main__":
    # Whatever the engine leaves open is nobody's business inside.
    for number in range(3, 64):
        try:
            fcntl.fcntl(number, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        except OSError:
            continue
    main(sys.argv[1:])
