"""The faults of tests/zoo: each built twice where what it reads differs, and then compared."""

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
command = {prefix!r} + [{runtime!r}] + arguments
os.execvp(command[0], command)
"""
# By axis: a statement about the configuration, and what the runtime itself runs under.
_EDITS = {
    "umask": 'config["process"]["user"]["umask"] = 0o027',
    "host-name": 'config["hostname"] = "another-machine"',
    "environment": 'config["process"]["env"].append("CI_RUNNER=7")',
    "locale": 'config["process"]["env"].append("LANG=de_DE.UTF-8")',
    "time-zone": 'config["process"]["env"].append("TZ=NZST-12")',
    "user": 'config["process"]["env"].append("USER=bob")',
    "machine": 'config["mounts"].append({"destination": "/proc/cpuinfo", "type": "bind",'
    ' "source": os.path.join(os.path.dirname(sys.argv[0]), "cpuinfo"), "options": ["bind", "ro"]})',
}
_PREFIXES = {"kernel": ["setarch", "--uname-2.6"], "processors": ["taskset", "--cpu-list", "0"]}
_CPUINFO = "processor\t: 0\nmodel name\t: Another Processor\ncpu MHz\t\t: 1234.567\n"


@dataclass(frozen=True)
class Fault:
    """A folder of the zoo.

    `causes` are the names of which one must be said first of `path` (or of a path that starts so),
    `line` is the Dockerfile's line that plants it, `axis` what has to differ for it to show, empty
    when nothing has to. `off` are normalisers that would mend it.
    """

    name: str
    folder: Path
    path: str
    causes: tuple[str, ...]
    line: int
    axis: str
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
    """What the comparison said: the causes of the fault's path with their confidence."""

    identical: bool
    causes: tuple[tuple[str, str], ...]
    evidence: tuple[dict[str, Any], ...]


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
    """Builds faults with two commands, whose state folders lie on different file systems."""

    first: Samebit
    second: Samebit
    base: Path

    def seen(self, fault: Fault, work: Path) -> Seen:
        """Build twice, compare, and give what is said of the fault's path."""
        contexts = work / "checkout", work / "elsewhere" / "of another person"
        layouts = work / "one", work / "two"
        self._build(self.first, fault, contexts[0], layouts[0])
        shutil.copytree(contexts[0], contexts[1])
        if fault.needs_debian:
            self._share_bases()
        search_path = _other_runtime(fault.axis, work / "bin")
        self._build(self.second, fault, contexts[1], layouts[1], PATH=search_path)
        done = self.first.run(
            "diff", "--json", "--limit", "0", f"oci:{layouts[0]}", f"oci:{layouts[1]}"
        )
        assert done.returncode in (0, 1), done.stderr
        return _seen(json.loads(done.stdout), fault.path)

    def _share_bases(self) -> None:
        """Give the second command what the first one's store holds: making bases takes minutes."""
        done = self.second.home / "bases-shared"
        if not done.exists():
            known = self.second.home / "store"
            shutil.copytree(self.first.home / "store", known, dirs_exist_ok=True)
            done.touch()

    def _build(
        self, samebit: Samebit, fault: Fault, context: Path, layout: Path, **environment: str
    ) -> None:
        if not context.exists():
            shutil.copytree(fault.folder, context, ignore=_LEFT_OUT)
            text = _DEBIAN if fault.needs_debian else ""
            if fault.off:
                text += f"[normalise]\noff = {json.dumps(list(fault.off))}\n"
            (context / "samebit.toml").write_text(text)
        named = () if fault.needs_debian else ("--build-context", f"base=oci-layout://{self.base}")
        samebit.build("--no-cache", *named, "-o", f"oci:{layout}", context, **environment)


def _other_runtime(axis: str, folder: Path) -> str:
    """Give a PATH whose OCI runtime changes the axis."""
    runtime = shutil.which("runc")
    assert runtime, "runc is not installed: make setup"
    folder.mkdir()
    (folder / "cpuinfo").write_text(_CPUINFO)
    script = folder / "runc"
    edit, prefix = _EDITS.get(axis, "pass"), _PREFIXES.get(axis, [])
    script.write_text(_RUNTIME.format(edit=edit, prefix=prefix, runtime=runtime))
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
        tuple(one for cause in causes for one in cause["evidence"]),
    )


def _explanations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    for image in document["images"]:
        for layer in image["layers"]:
            entries = layer["entries"] or {"changed": [], "renamed": []}
            for change in entries["changed"]:
                yield change["path"], change["explanation"]
            for renamed in entries["renamed"]:
                yield renamed["path_a"], renamed["explanation"]
