"""A base whose programs link glibc dynamically: this machine's own, with their libraries."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from step_builds import Item, directory, write_image

_PROGRAMS = ("dash", "date", "mkdir", "cat", "ls", "env", "perl", "touch")
_LIBRARY = re.compile(r"(/\S+) \(0x")


def glibc_base(layout: Path, extra: Sequence[str] = ()) -> Path:
    """Write it as an OCI layout; /bin/sh is dash. `extra` names more programs, by path or name."""
    return write_image(layout, glibc_items(extra), {"Env": ["PATH=/bin"]})


def glibc_items(extra: Sequence[str] = ()) -> dict[str, Item]:
    """Give what is in it, by path."""
    items: dict[str, Item] = {"tmp": directory(0o1777)}
    for name in (*_PROGRAMS, *extra):
        found = shutil.which(name)
        assert found, f"{name} is not installed"
        _add(items, name.lstrip("/") if "/" in name else f"bin/{name}", Path(found))
        for library in _libraries(found):
            _add(items, library.lstrip("/"), Path(library))
    items["bin/sh"] = Item("symlink", 0o777, link="dash")
    return dict(sorted(items.items()))


def _add(items: dict[str, Item], path: str, source: Path) -> None:
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        items.setdefault("/".join(parts[:count]), directory())
    items[path] = Item(mode=0o755, content=source.resolve().read_bytes())


def _libraries(program: str) -> list[str]:
    done = subprocess.run(["ldd", program], capture_output=True, check=True, encoding="utf-8")
    return _LIBRARY.findall(done.stdout)
