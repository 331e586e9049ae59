"""The runtime shim of a build that samebit verify makes: it lets steps find the machine changed.

Run in the place of shim, which it calls, as `python3 -I -S shim_varied.py PLAN ARGUMENTS…`. It
takes processors from a step that waits for its start, and when the last RUN of a stage that another
one uses has ended, it notes what the stage has changed.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from samebit.engines import shim

    _Object = dict[str, Any]
else:
    # Not for longer: names beside it are those of modules that the standard library needs.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import shim

    del sys.path[0]

# Programs that Go makes ask the kernel themselves, and most of them are static.
_GO = "go"
_GO_FOLDERS = ("/usr/local/go/bin", "/usr/lib/go/bin", "/usr/lib/go/src", "/usr/share/go/src")


def main(argv: list[str]) -> None:
    """Act on one call of the engine, as the shim does."""
    with open(argv[1], encoding="utf-8") as stream:
        plan = json.load(stream)
    arguments = argv[2:]
    if arguments[0] == shim.ENDED:
        _note_traced(plan, arguments[1])
        return
    if "delete" in arguments:
        _note_traced(plan, arguments[-1])
    elif "start" in arguments:
        _restrict(plan, arguments)
    elif "run" in arguments and plan["conditions"] is not None:
        shim.prepare(plan, arguments, _prepare)
        sys.exit(_run(plan, arguments))
    shim.main(argv, _prepare)


def _prepare(plan: _Object, step: str, config: _Object, root: str, container: str) -> None:
    if plan["conditions"] is not None:
        _vary(plan, step, config, root)
    stage = plan["traced"].get(step)
    if stage is not None:
        shim.leave(plan, shim.TRACED, container, json.dumps({"stage": stage, "root": root}))


def _vary(plan: _Object, step: str, config: _Object, root: str) -> None:
    """Let a step find the machine changed, as far as it is not done when it starts."""
    conditions = plan["conditions"]
    process = config["process"]
    given = {entry.partition("=")[0] for entry in process["env"]}
    added = dict(conditions["variables"])
    clock = conditions["clock"]
    if clock is not None:
        unreached = _unreached(clock, process, root)
        shim.note(plan, {"clock": step, "unreached": unreached})
        if unreached in ("", _GO):
            added.update(clock["variables"])
            config["mounts"].extend(clock["mounts"])
    process["env"].extend(f"{name}={value}" for name, value in added.items() if name not in given)
    if conditions["open_files"] is not None:
        for limit in process.get("rlimits") or []:
            if limit["type"] == "RLIMIT_NOFILE":
                limit["soft"] = limit["hard"] = min(limit["hard"], conditions["open_files"])
    if conditions["personality"]:
        import ctypes  # noqa: PLC0415 - not in ordinary builds

        # Handed down to the step; the runtime itself does not mind.
        ctypes.CDLL(None).personality(ctypes.c_ulong(conditions["personality"]))


def _unreached(clock: _Object, process: _Object, root: str) -> str:
    """Say why a moved clock would not reach the step's program, empty where it does."""
    program = _program(process, root)
    head = _head(program) if program else b""
    if head[:4] == b"\x7fELF" and not _interpreter(program):
        return "static"
    for folder in clock["folders"]:
        library = shim.resolve(root, folder + "/libc.so.6")[0]
        found = _head(library)
        if found[:4] != b"\x7fELF":
            continue
        if found[4:5] + found[18:20] != bytes.fromhex(clock["machine"]):
            return "machine"
        with open(library, "rb") as stream:
            if clock["version"].encode() + b"\0" not in stream.read():
                return "glibc"
        found_go = any(os.path.isdir(shim.resolve(root, one)[0]) for one in _GO_FOLDERS)
        return _GO if found_go else ""
    return "libc"


def _program(process: _Object, root: str) -> str:
    name = process["args"][0]
    if "/" in name:
        return shim.resolve(root, os.path.join(process["cwd"], name))[0]
    path = next((e[5:] for e in process["env"] if e.startswith("PATH=")), "")
    for folder in path.split(":"):
        found = shim.resolve(root, os.path.join(process["cwd"], folder, name))[0]
        if os.path.isfile(found):
            return found
    return ""


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(4096)
    except OSError:
        return b""


def _interpreter(path: str) -> bool:
    """Tell whether an ELF program of 64 bits asks for a dynamic loader (PT_INTERP, gABI)."""
    head = _head(path)
    offset = int.from_bytes(head[32:40], "little")
    size = int.from_bytes(head[54:56], "little")
    headers = range(offset, offset + size * int.from_bytes(head[56:58], "little"), size or 1)
    return any(int.from_bytes(head[at : at + 4], "little") == 3 for at in headers)


def _run(plan: _Object, arguments: list[str]) -> int:
    """Do what `run` does, with a step that waits for its start; gives its exit status."""
    import ctypes  # noqa: PLC0415 - not in ordinary builds
    import subprocess  # noqa: PLC0415

    # The step's process is handed to us when the runtime has made it (prctl(2)).
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
    place = arguments.index("run")
    before, after = arguments[:place], [a for a in arguments[place + 1 :] if a != "--keep"]
    runtime = plan["runtime"]
    status = subprocess.run([runtime, *before, "create", *after], check=False).returncode
    if status != 0:
        return status
    pid = _waiting(os.path.join(shim.option(arguments, "--root") or "", arguments[-1]))
    if not pid:
        sys.exit("samebit: the runtime does not say which process it has made")
    start = [*before, "start", arguments[-1]]
    _restrict(plan, start)
    status = subprocess.run([runtime, *start], check=False).returncode
    if status != 0:
        return status
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # As runtimes tell of a signal.
    return ended if ended >= 0 else 128 - ended


def _stop_after(seconds: int, pid: int) -> None:
    """End a step that takes so long, such as one that waits for what never comes now."""
    import select  # noqa: PLC0415 - not in ordinary builds
    import signal  # noqa: PLC0415

    try:
        step = os.pidfd_open(pid)
    except OSError:
        # Linux before 5.3 has none: there nothing is stopped.
        return
    if os.fork() > 0:
        os.close(step)
        return
    try:
        # The engine waits until nobody has its pipes any more.
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number, kept in enumerate((nowhere, nowhere, nowhere, step)):
            os.dup2(kept, number)
        step = 3
        os.closerange(step + 1, os.sysconf("SC_OPEN_MAX"))
        watched = select.poll()
        watched.register(step, select.POLLIN)
        if not watched.poll(seconds * 1000):
            with open(f"/proc/{pid}/fd/2", "w", encoding="ascii") as stream:
                stream.write(f"samebit: it has not ended after {seconds} s, so it was stopped\n")
            # The first process of its namespace: all others end with it.
            signal.pidfd_send_signal(step, signal.SIGKILL)
    finally:
        os._exit(0)


def _restrict(plan: _Object, arguments: list[str]) -> None:
    """Change a step that waits for its start; runtimes reset what is changed earlier."""
    conditions = plan["conditions"]
    pid = _waiting(os.path.join(shim.option(arguments, "--root") or "", arguments[-1]))
    if conditions is None or not pid:
        return
    if conditions["seconds"]:
        _stop_after(conditions["seconds"], pid)
    if conditions["processors"]:
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.sched_setaffinity(int(thread), conditions["processors"])
    if conditions["first_process"] is not None:
        _number_processes(pid, conditions["first_process"])


def _number_processes(pid: int, first: int) -> None:
    """Choose the next process ID of a process's namespace (pid_namespaces(7), ns_last_pid)."""
    # A process of its own, because an ordinary user has no way back out of that namespace.
    child = os.fork()
    if child == 0:
        try:
            _enter_processes(pid)
            # Only children are in there.
            inside = os.fork()
            if inside == 0:
                with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as stream:
                    stream.write(str(first - 1))
                os._exit(0)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(inside, 0)[1]))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit("samebit: the process IDs of the step cannot be chosen")


def _enter_processes(pid: int) -> None:
    import ctypes  # noqa: PLC0415 - not in ordinary builds

    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY), 0) != 0:
        sys.exit(f"samebit: setns: {os.strerror(ctypes.get_errno())}")


def _waiting(state: str) -> int:
    """Give the process that a runtime has made: runc's and crun's states name it."""
    for name, key in (("state.json", "init_process_pid"), ("status", "pid")):
        try:
            with open(os.path.join(state, name), encoding="utf-8") as stream:
                return int(json.load(stream)[key])
        except (OSError, KeyError, ValueError):
            continue
    return 0


def _note_traced(plan: _Object, container: str) -> None:
    path = shim.left(plan, shim.TRACED, container)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            known = json.load(stream)
    except FileNotFoundError:
        return
    _note_written(plan, known["stage"], known["root"])
    os.unlink(path)


def _note_written(plan: _Object, stage: int, root: str) -> None:
    """Note what a stage has changed so far, and when."""
    since = plan["since"]
    name = os.path.join(plan["state"], f"written-{stage}.jsonl")
    pending = [""]
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as stream:
        while pending:
            below = pending.pop()
            try:
                entries = list(os.scandir(os.path.join(root, below)))
            except OSError:
                continue
            for entry in entries:
                path = os.path.join(below, entry.name)
                changed = entry.stat(follow_symlinks=False).st_ctime_ns
                if changed > since:
                    stream.write(json.dumps([path, changed], ensure_ascii=False) + "\n")
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)


if __name__ == "__main__":
    main(sys.argv)
