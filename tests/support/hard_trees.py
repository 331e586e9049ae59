"""The hard trees of tests/e2e/hard_trees: their base image, and how an image is compared."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

from step_builds import Item, busybox_items, directory, write_image

CONTEXT = Path(__file__).resolve().parents[1] / "e2e" / "hard_trees"
_CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 12, 0, 0, 0)
# The system's Python with what the scripts import: they need calls that no busybox makes.
_PYTHON = "/usr/bin/python3"
_IMPORTS = "import __future__, hashlib, json, os, re, socket, stat, struct, sys, warnings"
_GROUPS = (
    "link", "link-mode", "link-owner", "link-attribute", "link-new", "link-renamed", "link-remade",
    "link-joined", "link-touched", "link-kept", "three-names",
)  # fmt: skip
# Separated by the build without a change: the base's links stay.
_SEPARATED = ("base/link-remade-", "base/link-touched-")
_FILES = (
    "deep-refilled/sub/f", "emptied/f", "file-and-back", "directory-and-back/f", "cross/other",
    "directory-removed-and-back/f", "directory-to-link/f", "gone/a/b", "gone\udcff\n", "kept/file",
    "mode", "moved/deep/er/f", "moved/file", "owner", "real/f", "refilled/old", "refilled/same",
    "removed-and-back", "renamed-twice", "rewritten", "single", "swap-1", "swap-2",
    "to-be-capable", "to-directory", "to-file/a/b", "to-socket", "touched", "untouched/a/b",
    "upper", "volume/gone", "volume/kept",
)  # fmt: skip


def write_hard_base(layout: Path) -> Path:
    """Write the base image as an OCI layout."""
    files = {
        f"base/{name}": Item(content=f"{name}\n".encode("utf-8", "surrogateescape"))
        for name in _FILES
    }
    special = {
        "base/attribute": Item(content=b"a", xattrs={"user.note": b"before", "user.gone": b"g"}),
        "base/attribute-of-directory": directory(),
        "base/capable": Item(mode=0o755, xattrs={"security.capability": _CAPABILITY}),
        "base/capable-kept": Item(mode=0o755, xattrs={"security.capability": _CAPABILITY}),
        "base/capable-until-written": Item(xattrs={"security.capability": _CAPABILITY}),
        "base/kept/empty": directory(),
        "base/link-to-directory": Item("symlink", 0o777, link="real"),
        "base/link-to-file": Item("symlink", 0o777, link="real/f"),
        "base/loop": Item("symlink", 0o777, link="/nowhere"),
        "base/mode-of-directory": directory(),
        "base/node-to-file": Item("character device", 0o666),
        "base/owner-of-link": Item("symlink", 0o777, link="real"),
        "base/set-user-id": Item(mode=0o4755),
        "base/fifo": Item("fifo", 0o622),
    }
    groups = {}
    for name in _GROUPS:
        groups[f"base/{name}-1"] = Item(content=f"{name}-1\n".encode())
        for number in range(2, 4 if name == "three-names" else 3):
            groups[f"base/{name}-{number}"] = Item("hard link", link=f"base/{name}-1")
    items = {**_python(), **busybox_items(), **files, **special, **groups}
    folders = {parent for path in items for parent in _parents(path)}
    everything = {**{path: directory() for path in folders}, **items}
    ordered = sorted(everything, key=os.fsencode)
    # A link comes after what it names.
    ordered.sort(key=lambda path: everything[path].kind == "hard link")
    environment = {"Env": ["PATH=/bin:/usr/bin"]}
    return write_image(layout, {path: everything[path] for path in ordered}, environment)


def listing(root: Path) -> dict[str, dict[str, Any]]:
    """List a tree from outside, by the program that lists it from inside."""
    spec = importlib.util.spec_from_file_location("tree_list", CONTEXT / "list.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, dict[str, Any]] = module.listing(os.fsencode(root))
    return found


def assert_as_seen_inside(root: Path, unpacker: str) -> dict[str, dict[str, Any]]:
    """Compare an unpacked image with what its own last step saw; gives the latter.

    Sockets and empty attributes are nothing that an image can hold; all else has to be there, and
    nothing more.
    """
    inside = json.loads((root / "listing").read_text("ascii"))
    seen = {path: entry for path, entry in inside.items() if entry["kind"] != "socket"}
    expected = _comparable(seen, unpacker)
    found = _comparable(listing(root), unpacker)
    # The root directory is not in the layer: engines and unpackers make it as they like.
    del expected[""], found[""]
    different = {
        path: (expected.get(path), found.get(path))
        for path in expected.keys() | found.keys()
        if expected.get(path) != found.get(path)
    }
    assert not different, "\n".join(f"{path!r}: {two}" for path, two in sorted(different.items()))
    for mounted in ("ctx", "dev", "etc/hosts", "etc/resolv.conf", "proc", "sys"):
        assert not os.path.lexists(root / mounted), f"/{mounted} was left in the image"
    return dict(inside)


def _comparable(tree: dict[str, dict[str, Any]], unpacker: str) -> dict[str, dict[str, Any]]:
    """Leave out what an image cannot say (docs/canonical-form.md), or the unpacker cannot do."""
    return {
        path: {
            name: value
            for name, value in entry.items()
            if not (name.startswith("xattr ") and not value)
            and not (name == "links" and path.startswith(_SEPARATED))
            # Storage that copies trees keeps hard links of files only.
            and not (name == "links" and entry["kind"] != "file" and unpacker.endswith("-vfs"))
        }
        for path, entry in tree.items()
    }


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:number]) for number in range(1, len(parts) + 1)]


def _python() -> dict[str, Item]:
    program = (
        f"{_IMPORTS}\nimport encodings.ascii, encodings.latin_1\n"
        "for m in list(sys.modules.values()):\n"
        "  f = getattr(m, '__file__', None)\n  if f: print(f)\n"
    )
    modules = _output(_PYTHON, "-I", "-S", "-c", program).splitlines()
    # OpenSSL's hashes have a substitute.
    wanted = [path for path in modules if "_hashlib" not in path]
    libraries = re.findall(r"(/\S+) \(0x", _output("ldd", _PYTHON))
    items = {}
    for path in [*wanted, *libraries]:
        items[path.lstrip("/")] = Item(mode=0o755, content=Path(path).read_bytes())
    real = Path(_PYTHON).resolve()
    items[str(real).lstrip("/")] = Item(mode=0o755, content=real.read_bytes())
    items["usr/bin/python3"] = Item("symlink", 0o777, link=str(real))
    return items


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
