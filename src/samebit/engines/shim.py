"""The OCI runtime shim: stands between the engine and runc or crun.

Run as `python3 -I -S shim.py PLAN RUNTIME-ARGUMENTS…` in the place of the runtime (runtime command
line as in the OCI "runtime command line interface": create --bundle, start, state, kill, delete).
It imports nothing but the standard library and the shim's other files, because it runs wherever the
engine runs. On `create` it reads the marker SAMEBIT_STEP from the bundle, gives the step exactly
the command, directory, environment, host name and mounts of the plan, and hands over to the real
runtime; for the marker CAPTURE it runs nothing and gives the root file system's descriptor to
samebit instead, with that of the base where the step has it mounted (shim_capture). Both see the
root file system without the empty mount points that newer engines make in it beforehand; those that
the runtime makes are removed by runtime_wrapper. It notes when each step began and ended. What
samebit verify needs besides is in shim_varied, because this file is loaded for each RUN.
"""

from __future__ import annotations

import os
import stat
import sys
import time

# Spelled so that running it does not import typing: it is started for each RUN.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from samebit.engines import shim_capture, shim_json

    _Object = dict[str, Any]
    _Vary = Callable[[_Object, str, _Object, str, str], None]
elif __package__:
    from samebit.engines import shim_capture, shim_json
else:
    # Not for longer: names beside it are those of modules that the standard library needs.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import shim_capture
    import shim_json

    del sys.path[0]

_MARKER = "SAMEBIT_STEP="
# The step that shows a tree, and where it has what that tree stands on, if that is a mount.
CAPTURE = "capture"
BASE_AT = "/.samebit-base"
# What a container is made of. All else that an engine mounts tells of the host (subscriptions,
# /run/.containerenv), or is not there under docker build (/etc/hostname: the image's own file).
_SYSTEM_MOUNTS = ("/dev", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys")
# BuildKit's own socket for traces.
_DROPPED_MOUNTS = ("/dev/otel-grpc.sock",)
# What a step wrote there would be lost, or seen by the steps after it.
_READ_ONLY_MOUNTS = ("/etc/hosts", "/etc/resolv.conf")
_LINK_LIMIT = 40
# What buildah from 1.41 on makes in the root file system beside what it takes note of.
_UNNOTED = ("dev", "proc", "sys")
# How the names of what it leaves for the end of the step begin.
STUBS = "stubs-"
TRACED = "traced-"
# The wrapper makes of the first the second when the step has ended well, for those that wait.
AWAITED, DONE = "awaited-", "done-"
# There is nothing to wait for any more: that step has failed, or samebit gives up. BuildKit does
# not end what has no container yet.
STOPPED = "stopped"
IN_VAIN = "samebit: a step before this one has failed"
_WAIT_SECONDS = 0.005
# The wrapper's call for a step that has ended, with its container, where no `delete` tells of it.
ENDED = "samebit-ended"


def main(argv: list[str], vary: _Vary | None = None) -> None:
    """Act on one call of the engine: `argv` is the plan's path and the runtime's arguments.

    `vary` may change the configuration of a step further: it gets the plan, the step, the
    configuration, the root file system and the container's name.
    """
    with open(argv[1], encoding="utf-8") as stream:
        plan = shim_json.loads(stream.read())
    arguments = argv[2:]
    prepare(plan, arguments, vary)
    runtime = plan["runtime"]
    os.execv(runtime, [runtime, *arguments])  # noqa: S606 - becoming the runtime is the point


def prepare(plan: _Object, arguments: list[str], vary: _Vary | None = None) -> None:
    """Change the bundle of a container that is about to be made."""
    if "create" in arguments or "run" in arguments:
        bundle = option(arguments, "--bundle", "-b") or os.getcwd()
        _create(plan, bundle, arguments[-1], vary)


def option(arguments: list[str], *names: str) -> str | None:
    """Give the value of an option of the runtime's command line."""
    for position, argument in enumerate(arguments):
        for name in names:
            if argument == name:
                return arguments[position + 1]
            if argument.startswith(name + "="):
                return argument[len(name) + 1 :]
    return None


def _create(plan: _Object, bundle: str, container: str, vary: _Vary | None) -> None:
    path = os.path.join(bundle, "config.json")
    with open(path, encoding="utf-8") as stream:
        config = shim_json.loads(stream.read())
    process = config["process"]
    step = next((e[len(_MARKER) :] for e in process["env"] if e.startswith(_MARKER)), None)
    root = os.path.join(bundle, config["root"]["path"])
    if step == CAPTURE or step in plan["steps"]:
        _clear_mount_points(plan, bundle, root)
    if step == CAPTURE:
        bases = [m["source"] for m in config["mounts"] if m["destination"] == BASE_AT]
        filesystem, descriptors = shim_capture.open_trees(plan, root, bases)
        note(plan, _times(plan))
        message = shim_json.dumps({"filesystem": filesystem}, ascii_only=True).encode()
        shim_capture.show(plan, message, descriptors)
        sys.exit(1)
    if step is None or step not in plan["steps"]:
        sys.exit(f"samebit: the engine runs a step that is not in the plan: {process['args']!r}")
    wanted = plan["steps"][step]
    if wanted["after"]:
        _wait(plan, wanted["after"])
    if any(other["after"] == step for other in plan["steps"].values()):
        leave(plan, AWAITED, container, left(plan, DONE, _file_name(step)) + "\n")
    note(plan, {"step": step, "args": process["args"], **_times(plan)})
    if plan["marker"] is not None:
        # Over the old one in one write: whoever reads at the same time finds one of them.
        with open(plan["marker"], "r+", encoding="ascii") as stream:
            stream.write(step.ljust(32))
    _edit(plan, wanted, config, root)
    if wanted["user"] is not None:
        process["user"] = _user(root, wanted["user"])
    if vary is not None:
        vary(plan, step, config, root, container)
    leave(plan, STUBS, container, _stub_removal(os.path.realpath(root), config["mounts"]))
    temporary = path + ".samebit"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(shim_json.dumps(config))
    os.replace(temporary, path)


def _wait(plan: _Object, step: str) -> None:
    """Wait for the end of another stage's step: BuildKit runs stages at the same time."""
    ended = left(plan, DONE, _file_name(step))
    caller = os.getppid()
    while not os.path.exists(ended):
        # The engine kills the wrapper when it dies, and nobody ends what the wrapper has started.
        if os.path.exists(os.path.join(plan["state"], STOPPED)) or os.getppid() != caller:
            sys.exit(IN_VAIN)
        time.sleep(_WAIT_SECONDS)


def _file_name(step: str) -> str:
    return step.replace("/", "-")


def _clear_mount_points(plan: _Object, bundle: str, root: str) -> None:
    """Remove what the engine made for this step in the root file system, as long as it is empty."""
    begin = _beginning(bundle)
    made = [path for path in _UNNOTED if _is_made_since(os.path.join(root, path), begin)]
    made.extend(_noted_mount_points(plan, root, begin))
    _remove_empty([resolve(root, path)[0] for path in made])


def _beginning(bundle: str) -> int:
    """Give a time after the step before and before the engine makes mount points, in ns.

    The engine writes files of the bundle first: /etc/hosts and the like.
    """
    return min(entry.stat(follow_symlinks=False).st_mtime_ns for entry in os.scandir(bundle))


def _is_made_since(path: str, begin: int) -> bool:
    """Tell whether a directory looks as the engine makes it. COPY and ADD set older times."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and stat.S_IMODE(status.st_mode) == 0o755
        and (status.st_uid, status.st_gid) == (0, 0)
        and begin < status.st_mtime_ns <= time.time_ns()
    )


def _noted_mount_points(plan: _Object, root: str, begin: int) -> list[str]:
    """Read and delete the engine's own notes of what it made in this step.

    They are for its commit, which then has nothing to leave out any more.
    """
    found: list[str] = []
    container = _container(plan, root)
    if container is None:
        return found
    notes = os.path.join(plan["containers"], container, "userdata", "commit-excludes")
    for name in sorted(os.listdir(notes)) if os.path.isdir(notes) else []:
        path = os.path.join(notes, name)
        # The engine's temporary files are there until the step ends.
        if name.endswith(".tmp"):
            continue
        if os.stat(path).st_mtime_ns > begin:
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                found.extend(entry["Path"] for entry in shim_json.loads(stream.read()))
        os.unlink(path)
    return found


def _container(plan: _Object, root: str) -> str | None:
    """Give the id that the engine's storage knows the container of `root` by."""
    wanted = os.stat(root)
    for name in ("containers.json", "volatile-containers.json"):
        try:
            with open(os.path.join(plan["containers"], name), encoding="utf-8") as stream:
                known = shim_json.loads(stream.read())
        except FileNotFoundError:
            continue
        for container in known:
            try:
                found = os.stat(os.path.join(plan["layers"], container["layer"], plan["mount"]))
            except OSError:
                continue
            if os.path.samestat(found, wanted):
                return str(container["id"])
    return None


def _edit(plan: _Object, wanted: _Object, config: _Object, root: str) -> None:
    process = config["process"]
    environment = dict(wanted["env"])
    # Only the runtime's own default for HOME (from the user database) is left to it.
    given = dict(e.partition("=")[::2] for e in process["env"])
    if "HOME" in given and "HOME" not in environment:
        environment["HOME"] = given["HOME"]
    for name, value in plan["set_if_absent"].items():
        environment.setdefault(name, value)
    process["env"] = [f"{name}={value}" for name, value in environment.items()]
    # The engine has looked the program up in a PATH of its own; the runtime takes the step's.
    process["args"] = wanted["args"]
    process["cwd"] = wanted["cwd"]
    config["hostname"] = plan["hostname"]
    moved = wanted["moved"]
    found = {m["destination"] for m in config["mounts"]}
    for place, target in moved.items():
        if place not in found:
            # The engine leaves out, with a warning, what it cannot find.
            sys.exit(f"samebit: the source of the mount at {target} does not exist")
    mounts = [m for m in config["mounts"] if m["destination"] in moved or _is_system(m)]
    for mount in mounts:
        destination = mount["destination"]
        if destination in moved:
            mount["destination"] = moved[destination]
            continue
        if destination in plan["replaced"]:
            mount["source"] = plan["replaced"][destination]
        if destination in _READ_ONLY_MOUNTS:
            mount["options"] = ["rbind", "ro", "nosuid", "nodev", "noexec"]
    bound = [*sorted(plan["bound"].items()), *_companions(plan, root)]
    mounts.extend(
        {
            "destination": destination,
            "type": "bind",
            "source": source,
            "options": ["rbind", "ro", "nosuid", "nodev"],
        }
        for destination, source in bound
    )
    mounts.extend(wanted["mounts"])
    # A mount must come after those above it, whoever asked for it.
    config["mounts"] = sorted(mounts, key=lambda m: len(_parts(m["destination"])))
    namespaces = config["linux"]["namespaces"]
    namespaces[:] = [n for n in namespaces if n["type"] != "network"]
    if wanted["network"] == "none" or plan["namespace"] is None:
        namespaces.append({"type": "network"})
    else:
        # RUN --network=host has it, too: what it could reach beyond would not be recorded.
        namespaces.append({"type": "network", "path": plan["namespace"]})


def _user(root: str, number: int) -> _Object:
    """Give a user with its groups as the image's own files have them (passwd(5), group(5))."""
    name = None
    gid = 0
    for fields in _fields(root, "/etc/passwd", 4):
        if fields[2] == str(number):
            name, gid = fields[0], int(fields[3])
            break
    more = [int(f[2]) for f in _fields(root, "/etc/group", 4) if name in f[3].split(",")]
    # As engines do: a group of its own that a file withholds from it counts all the same.
    return {"uid": number, "gid": gid, "additionalGids": list(dict.fromkeys([gid, *more]))}


def _fields(root: str, path: str, least: int) -> list[list[str]]:
    try:
        with open(resolve(root, path)[0], encoding="utf-8", errors="surrogateescape") as stream:
            lines = [line.rstrip("\n").split(":") for line in stream]
    except OSError:
        return []
    return [line for line in lines if len(line) >= least and line[2].isdigit()]


def _companions(plan: _Object, root: str) -> list[tuple[str, str]]:
    """Give the places inside, and the files, of those whose program `root` has."""
    found = []
    for program, path, source in plan["companions"]:
        folder, _, rest = program.partition("*")
        folder, _, beginning = folder.rpartition("/")
        try:
            names = sorted(os.listdir(resolve(root, folder)[0]))
        except OSError:
            continue
        for name in names:
            place = f"{folder}/{name}{rest}"
            if name.startswith(beginning) and os.path.isdir(resolve(root, place)[0]):
                found.append((f"{os.path.dirname(place)}/{path}", source))
    return found


def _is_system(mount: _Object) -> bool:
    destination = mount["destination"]
    return _is_among(destination, _SYSTEM_MOUNTS) and not _is_among(destination, _DROPPED_MOUNTS)


def _is_among(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def _times(plan: _Object) -> _Object:
    """Note when a step begins and when the one before it ended, in ns of change times."""
    # A file's own change time: no other clock goes exactly with those of the step's files.
    began = os.path.join(plan["state"], "began")
    with open(began, "w", encoding="ascii"):
        pass
    try:
        ended = os.stat(os.path.join(plan["state"], "ended")).st_ctime_ns
    except FileNotFoundError:
        ended = None
    return {"began": os.stat(began).st_ctime_ns, "before": ended}


def note(plan: _Object, value: object) -> None:
    """Tell samebit something."""
    line = shim_json.dumps(value, ascii_only=True) + "\n"
    with open(plan["log"], "a", encoding="utf-8") as stream:
        stream.write(line)


def _stub_removal(root: str, mounts: list[_Object]) -> str:
    """Give the wrapper's command that removes what the runtime will have to make in `root`."""
    missing: dict[str, None] = {}
    covered: list[str] = []
    for mount in mounts:
        place, made = resolve(root, mount["destination"])
        # Below a mount before it, it is made in there.
        if not any(place.startswith(above + "/") for above in covered):
            covered.append(place)
            missing |= dict.fromkeys(made)
    deepest_first = sorted(missing, key=len, reverse=True)
    return " ".join(["clear", *map(quoted, deepest_first)]) + "\n" if missing else ""


def leave(plan: _Object, kind: str, container: str, text: str) -> None:
    """Leave something for the end of the step; nothing saves its runtime a detour."""
    if text:
        path = left(plan, kind, container)
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)


def left(plan: _Object, kind: str, container: str) -> str:
    """Name what `leave` leaves."""
    return f"{plan['state']}/{kind}{os.path.basename(container)}"


def quoted(text: str) -> str:
    """Quote a word for the shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def resolve(root: str, destination: str) -> tuple[str, list[str]]:
    """Follow a path with its links inside `root`; give the place, and what of it is not there."""
    todo = _parts(destination)
    done: list[str] = []
    missing: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            del done[-1:]
            continue
        path = os.path.join(root, *done, part)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            missing.append(path)
            done.append(part)
            continue
        except OSError:
            break
        if not stat.S_ISLNK(mode):
            done.append(part)
            continue
        links += 1
        if links > _LINK_LIMIT:
            break
        target = os.readlink(path)
        if target.startswith("/"):
            done.clear()
        todo.extend(_parts(target))
    return os.path.join(root, *done), missing


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")][::-1]


def _remove_empty(paths: list[str]) -> None:
    for path in sorted(paths, key=len, reverse=True):
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(path)
            elif stat.S_ISREG(status.st_mode) and status.st_size == 0:
                os.unlink(path)
        except OSError:
            # It holds something, or is gone: not a stub any more.
            continue


if __name__ == "__main__":
    main(sys.argv)
