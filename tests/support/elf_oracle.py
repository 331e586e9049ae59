"""What readelf and objdump say of an ELF file, in the words of samebit's facts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from samebit.model.executable import Executable


def shown(*command: str | Path) -> str:
    """Give what a tool prints; its warnings do not matter here."""
    done = subprocess.run(
        [str(word) for word in command],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def told(path: Path) -> dict[str, object]:
    """Read a program or shared library with readelf and objdump."""
    head = shown("readelf", "--wide", "-h", "-l", "-d", path)
    sections = dict(re.findall(r"\] (\.\S+) +(\S+) ", shown("readelf", "--wide", "-S", path)))
    private = shown("objdump", "-p", path)

    def dynamic(name: str) -> list[str]:
        return re.findall(rf"^  {name} +(.*)$", private, re.MULTILINE)

    interpreter = re.search(r"Requesting program interpreter: (.*)\]", head)
    stack = re.search(r"^ +GNU_STACK .* ([R ][W ][E ]) ", head, re.MULTILINE)
    started = re.search(r"FLAGS_1.*\bPIE\b", head) or (interpreter and not dynamic("SONAME"))
    movable = re.search(r"Type: +DYN", head) is not None
    program = not movable or bool(started)
    bound = re.search(r"\(BIND_NOW\)|\(FLAGS\).*BIND_NOW|FLAGS_1\).*\bNOW\b", head)
    relro = "GNU_RELRO" in head
    loose = "There is no dynamic section" in head
    return {
        "needed": dynamic("NEEDED"),
        "soname": "".join(dynamic("SONAME")),
        "rpath": "".join(dynamic("RPATH")),
        "runpath": "".join(dynamic("RUNPATH")),
        "interpreter": interpreter[1] if interpreter else None,
        "stripped": ".symtab" not in sections,
        "debug": any(
            name.startswith((".debug_", ".zdebug_", ".stab")) and kind != "NOBITS"
            for name, kind in sections.items()
            if name != ".debug_gdb_scripts"
        ),
        "build IDs": re.findall(r"Build ID: ([0-9a-f]+)", shown("readelf", "-n", path)),
        "pie": ("yes" if movable else "no") if program else None,
        "relro": ("full" if bound or loose else "partial") if relro else "no",
        "nx": "no" if stack is None or "E" in stack[1] else "yes",
    }


def found(facts: Executable) -> dict[str, object]:
    """Say the same from samebit's facts."""
    linkage = facts.linkage
    assert linkage is not None
    hardening = dict(facts.hardening)

    def text(value: bytes) -> str:
        return value.decode("utf-8", "surrogateescape")

    return {
        "needed": [text(name) for name in linkage.needed],
        "soname": text(linkage.soname),
        "rpath": text(linkage.rpath),
        "runpath": text(linkage.runpath),
        "interpreter": text(linkage.interpreter) if linkage.interpreter is not None else None,
        "stripped": facts.stripped,
        "debug": facts.debug,
        "build IDs": [value for kind, value in facts.build_ids if kind == "gnu"],
        "pie": hardening.get("pie"),
        "relro": hardening["relro"],
        "nx": hardening["nx"],
    }
