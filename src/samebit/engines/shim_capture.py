"""What the runtime shim does for the step that shows a tree: samebit gets descriptors of it."""

from __future__ import annotations

import os
import sys

# Spelled as in shim, for the same reason.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _Object = dict[str, Any]

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# mount(2): MS_RDONLY, MNT_DETACH.
_READ_ONLY, _DETACH = 1, 2


def open_trees(plan: _Object, root: str, bases: list[str]) -> tuple[str, list[int]]:
    """Open `root`, and what it stands on: `bases`, or the lowest of its layers.

    Gives the kind of file system that `root` lies on, and the descriptors.
    """
    filesystem, options = _filesystem(root)
    descriptors = [os.open(path, _FLAGS) for path in (root, *bases)]
    if plan["base_layers"]:
        descriptors.append(lowest(plan, options))
    return filesystem, descriptors


def show(plan: _Object, message: bytes, descriptors: list[int]) -> None:
    """Give samebit the message and the descriptors; returns when it has read the trees, or died."""
    # Here, because it costs every other call of the shim some milliseconds.
    import socket  # noqa: PLC0415

    # A relative name, because socket addresses hold 107 bytes and state directories may be deeper.
    os.chdir(os.path.dirname(plan["socket"]))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.path.basename(plan["socket"]))
        socket.send_fds(connection, [message], descriptors)
        connection.recv(1)


def _filesystem(root: str) -> tuple[str, str]:
    """Give the kind of file system that `root` lies on, and the options of its mount."""
    found = "", ""
    longest = -1
    root = os.path.realpath(root)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
        for line in stream:
            left, _, right = line.rstrip("\n").partition(" - ")
            point = _unescaped(left.split(" ")[4])
            if (root == point or root.startswith(point.rstrip("/") + "/")) and (
                len(point) >= longest
            ):
                longest = len(point)
                kind, _, options = right.split(" ", 2)
                found = kind, options
    return found


def _unescaped(text: str) -> str:
    """Read a word of mountinfo (proc(5))."""
    first, *more = os.fsencode(text).split(b"\\")
    return os.fsdecode(b"".join([first, *(bytes([int(part[:3], 8)]) + part[3:] for part in more)]))


def lowest(plan: _Object, options: str) -> int:
    """Open the tree of an overlay's lowest layers, those of the base; `options` are its mount's.

    One layer is a directory already; several become an overlay, which goes when it is closed.
    """
    found: dict[str, list[str]] = {}
    for option in options.split(","):
        name, _, value = option.partition("=")
        found.setdefault(name, []).append(_unescaped(value))
    # Each its own option, of the newer way to mount, or all in one.
    layers = found.get("lowerdir+") or found["lowerdir"][0].split(":")
    # Where there are many, they are named as seen from the directory of all layers.
    start = os.path.dirname(os.path.dirname(found["upperdir"][0]))
    layers = [os.path.relpath(os.path.join(start, each), start) for each in layers]
    layers = layers[-plan["base_layers"] :]
    if len(layers) < plan["base_layers"]:
        sys.exit("samebit: the engine's tree has fewer layers than its base")
    if len(layers) == 1:
        return os.open(os.path.join(start, layers[0]), _FLAGS)
    import ctypes  # noqa: PLC0415 - as above

    place = os.path.join(plan["state"], "base")
    os.mkdir(place)
    os.chdir(start)
    what = os.fsencode("lowerdir=" + ":".join(layers))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"overlay", os.fsencode(place), b"overlay", _READ_ONLY, what) != 0:
        sys.exit(f"samebit: cannot show the base: {os.strerror(ctypes.get_errno())}")
    descriptor = os.open(place, _FLAGS)
    libc.umount2(os.fsencode(place), _DETACH)
    return descriptor
