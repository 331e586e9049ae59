"""The faults of tests/zoo: verified, or built twice where what samebit holds still differs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samebit_command import Samebit
from step_builds import busybox_items, write_image

ZOO = Path(__file__).resolve().parents[1] / "zoo"
_LEFT_OUT = shutil.ignore_patterns("fault.toml")
# What the faults that need compilers and interpreters stand on; made once for each store.
_DEBIAN = """\
[bases."debian.local/zoo:1"]
suite = "bookworm"
include = ["gcc", "libc6-dev", "make", "openssh-client", "python3", "xz-utils", "zip"]
"""
# Stands in for the OCI runtime: changes in a container what a fault reads of the machine.
_RUNTIME = """\
#!/usr/bin/python3 -IS
import json
import os
import sys

arguments = sys.argv[1:]
if "create" in arguments:
    bundle = arguments[arguments.index("--bundle") + 1]
    path = os.path.join(bundle, "config.json")
    with open(path, encoding="utf-8") as stream:
        config = json.load(stream)
    {edit}
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(config, stream)
os.execv({runtime!r}, [{runtime!r}, *arguments])
"""
# By axis: a statement about the configuration.
_EDITS = {
    "umask": 'config["process"]["user"]["umask"] = 0o027',
    "environment": 'config["process"]["env"].append("CI_RUNNER=7")',
    "locale": 'config["process"]["env"].append("LANG=de_DE.UTF-8")',
    "time-zone": 'config["process"]["env"].append("TZ=NZST-12")',
    "user": 'config["process"]["env"].append("USER=bob")',
    "machine": 'config["mounts"].append({"destination": "/proc/cpuinfo", "type": "bind",'
    ' "source": os.path.join(os.path.dirname(sys.argv[0]), "cpuinfo"), "options": ["bind", "ro"]})',
}
_CPUINFO = "processor\t: 0\nmodel name\t: Another Processor\ncpu MHz\t\t: 1234.567\n"


@dataclass(frozen=True)
class Fault:
    """A folder of the zoo.

    `causes` are the names of which one must be said first of `path` (or of a path that starts so),
    `line` is the Dockerfile's line that plants it, `axis` what has to differ for it to show, empty
    when nothing has to. `held`: samebit holds still what it reads, so only another runtime shows
    it. `off` are normalisers that would mend it.
    """

    name: str
    folder: Path
    path: str
    causes: tuple[str, ...]
    line: int
    axis: str
    held: bool
    off: tuple[str, ...]

    @property
    def text(self) -> str:
        return (self.folder / "Dockerfile").read_text("utf-8")

    @property
    def needs_debian(self) -> bool:
        return "\nFROM debian.local/" in self.text

    @property
    def what(self) -> str:
        """What is wrong, in one sentence."""
        return self.text.splitlines()[0].removeprefix("# ")


@dataclass(frozen=True)
class Seen:
    """What was said: the causes of the fault's path with their confidence, the line, the axes.

    `unvaried` says that it differs without any variation. Lines and axes are unknown for faults
    that are held.
    """

    identical: bool
    causes: tuple[tuple[str, str], ...] = ()
    line: int | None = None
    axes: tuple[str, ...] = ()
    unvaried: bool = False
    evidence: tuple[dict[str, Any], ...] = ()

    def faults(self, fault: Fault) -> list[str]:
        """Say what of it is wrong."""
        found = []
        if self.identical:
            found.append("called identical")
        elif not self.causes:
            found.append("nothing is said of the path")
        elif self.causes[0][0] not in fault.causes:
            found.append(f"the cause is {self.causes[0][0]}")
        if not fault.held and self.line != fault.line:
            found.append(f"the line is {self.line}")
        if not fault.held and not self._is_blamed(fault.axis):
            found.append(f"blamed are {', '.join(self.axes) or 'no axes'}")
        return found

    def _is_blamed(self, axis: str) -> bool:
        # Time passes without being varied.
        return axis in self.axes or (self.unvaried and axis in ("", "clock", "processors"))


def faults() -> list[Fault]:
    """Read the zoo, sorted by name."""
    found = []
    for file in sorted(ZOO.glob("*/fault.toml")):
        table = tomllib.loads(file.read_text("utf-8"))
        found.append(
            Fault(
                file.parent.name,
                file.parent,
                table["path"],
                tuple(table["causes"]),
                table["line"],
                table["axis"],
                table.get("held", False),
                tuple(table.get("off", ())),
            )
        )
    return found


def make_base(folder: Path) -> Path:
    """Make the image that most faults stand on: a static busybox with all of its commands."""
    listed = subprocess.run(["busybox", "--list"], capture_output=True, check=True, text=True)
    applets = [name for name in listed.stdout.split() if name != "busybox"]
    return write_image(folder, busybox_items(applets=applets), {"Env": ["PATH=/bin"]})


@dataclass(frozen=True)
class Zoo:
    """Verifies faults with one command; `other` has its state folder on another file system."""

    samebit: Samebit
    other: Samebit
    base: Path

    def seen(self, fault: Fault, work: Path) -> Seen:
        """Give what is said of the fault's path; contexts are copied below `work`."""
        return self._compared(fault, work) if fault.held else self._verified(fault, work)

    def _verified(self, fault: Fault, work: Path) -> Seen:
        context = self._checkout(fault, work / "checkout")
        done = self.samebit.run(
            *("verify", "--json", "--quiet", "--limit", "0", "--apart", "2"),
            *("--bisect-builds", "5", *self._named(fault), *_vary(fault), context),
        )
        assert done.returncode in (0, 1), done.stderr
        document = json.loads(done.stdout)
        found = [one for one in document["differences"] if one["path"].startswith(fault.path)]
        if not found:
            return Seen(document["identical"])
        # A name that is made anew is another path in each build, and blamed in one of them.
        first = min(found, key=lambda one: not (one["axes"] or one["unvaried"]))
        writer = first["origin"] or first["instruction"] or {"line": None}
        return Seen(
            document["identical"],
            tuple((cause["name"], cause["confidence"]) for cause in first["causes"]),
            writer["line"],
            tuple(first["axes"]),
            first["unvaried"],
            _seen(document["diff"], fault.path).evidence,
        )

    def _compared(self, fault: Fault, work: Path) -> Seen:
        contexts = self._checkout(fault, work / "checkout"), work / "elsewhere"
        layouts = work / "one", work / "two"
        options = ("--no-cache", *self._named(fault), "-o")
        self.samebit.build(*options, f"oci:{layouts[0]}", contexts[0])
        shutil.copytree(*contexts)
        search_path = _other_runtime(fault.axis, work / "bin")
        self.other.build(*options, f"oci:{layouts[1]}", contexts[1], PATH=search_path)
        done = self.samebit.run(
            "diff", "--json", "--limit", "0", f"oci:{layouts[0]}", f"oci:{layouts[1]}"
        )
        assert done.returncode in (0, 1), done.stderr
        return _seen(json.loads(done.stdout), fault.path)

    def _checkout(self, fault: Fault, context: Path) -> Path:
        shutil.copytree(fault.folder, context, ignore=_LEFT_OUT)
        text = _DEBIAN if fault.needs_debian else ""
        if fault.off:
            text += f"[normalise]\noff = {json.dumps(list(fault.off))}\n"
        (context / "samebit.toml").write_text(text)
        return context

    def _named(self, fault: Fault) -> tuple[str, ...]:
        if fault.needs_debian:
            return ()
        return "--build-context", f"base=oci-layout://{self.base}"


def _vary(fault: Fault) -> tuple[str, ...]:
    # A storage of its own gets all of the base anew, which takes longer than everything else.
    storages = ("directory-order", "engine", "path", "storage", "user")
    left_out = [axis for axis in storages if axis != fault.axis]
    return (f"--vary=-{',-'.join(left_out)}",) if fault.needs_debian else ()


def _other_runtime(axis: str, folder: Path) -> str:
    """Give a PATH whose OCI runtime changes the axis."""
    runtime = shutil.which("runc")
    assert runtime, "runc is not installed: make setup"
    folder.mkdir()
    (folder / "cpuinfo").write_text(_CPUINFO)
    script = folder / "runc"
    script.write_text(_RUNTIME.format(edit=_EDITS[axis], runtime=runtime))
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def _seen(document: dict[str, Any], path: str) -> Seen:
    explanations = [
        explanation
        for found, explanation in _explanations(document)
        if found.startswith(path) and explanation is not None
    ]
    causes = [cause for explanation in explanations for cause in explanation["causes"]]
    return Seen(
        document["identical"],
        tuple((cause["name"], cause["confidence"]) for cause in causes),
        evidence=tuple(one for cause in causes for one in cause["evidence"]),
    )


def _explanations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for image in document["images"]:
        for layer in image["layers"]:
            entries = layer["entries"] or {"changed": [], "renamed": []}
            for change in entries["changed"]:
                yield change["path"], change["explanation"]
            for renamed in entries["renamed"]:
                yield renamed["path_a"], renamed["explanation"]
