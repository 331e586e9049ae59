"""What a tree holds, entry by entry, by means of the standard library: run inside and outside."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys

# What the engine mounts while a step runs, and what the caller makes of this program's output.
_LEFT_OUT = (b"ctx", b"dev", b"etc/hosts", b"etc/resolv.conf", b"listing", b"proc", b"sys")
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def listing(root: bytes) -> dict[str, dict[str, object]]:
    """Give each path's attributes; `links` are all names of a file that has several."""
    found: dict[str, dict[str, object]] = {}
    inodes: dict[tuple[int, int], list[str]] = {}
    pending = [b""]
    while pending:
        path = pending.pop()
        full = root + b"/" + path if path else root
        status = os.lstat(full)
        name = path.decode("utf-8", "surrogateescape")
        found[name] = _entry(full, status)
        if stat.S_ISDIR(status.st_mode):
            children = [path + b"/" + child if path else child for child in os.listdir(full)]
            pending.extend(child for child in children if child not in _LEFT_OUT)
        elif status.st_nlink > 1:
            inodes.setdefault((status.st_dev, status.st_ino), []).append(name)
    for names in inodes.values():
        if len(names) > 1:
            for name in names:
                found[name]["links"] = sorted(names)
    return found


def _entry(full: bytes, status: os.stat_result) -> dict[str, object]:
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    entry: dict[str, object] = {
        "kind": kind,
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": [status.st_uid, status.st_gid],
    }
    if kind == "file":
        entry["size"] = status.st_size
        entry["content"] = _digest(full)
    elif kind == "symlink":
        entry["target"] = os.readlink(full).hex()
    elif kind.endswith("device"):
        entry["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
    names = os.listxattr(full, follow_symlinks=False)
    for name in sorted(name for name in names if name.startswith(("user.", "security.cap"))):
        if not name.startswith("user.overlay."):
            entry[f"xattr {name}"] = os.getxattr(full, name, follow_symlinks=False).hex()
    return entry


def _digest(full: bytes) -> str:
    digest = hashlib.sha256()
    with open(full, "rb", buffering=0) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    json.dump(listing(os.fsencode(sys.argv[1])), sys.stdout, sort_keys=True)
