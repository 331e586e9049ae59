"""What a compiled executable, a library or a script says about itself and how it was made."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Linking(enum.Enum):
    """How a program gets its libraries; the value is its name in reports."""

    STATIC = "static"
    STATIC_PIE = "static-pie"
    DYNAMIC = "dynamic"


class Scope(enum.Enum):
    """Which texts of a file a rule looks at; the value is its name in toolchain profiles.

    PATHS are absolute paths in read-only data, STRINGS the data itself, SETTINGS `name=value` of a
    build's recorded settings, MANIFEST `name: value` of a jar's manifest.
    """

    PATHS = "paths"
    STRINGS = "strings"
    SETTINGS = "settings"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class TextRule:
    """What betrays the machine, the time or the checkout: a pattern, and what finding it is.

    `needle` is a literal that every match contains, which makes looking for it cheap; it is needed
    in the scope STRINGS only. A rule with `constant` says the contrary: what it matches comes from
    the toolchain and is the same everywhere; `toolchain` says which one, with what the pattern's
    groups matched in the place of `{1}`, `{2}` …, and `language` is what that compiles.
    """

    scope: Scope
    pattern: re.Pattern[bytes]
    finding: str = ""
    needle: bytes = b""
    constant: bool = False
    language: str = ""
    toolchain: str = ""

    def named(self, match: re.Match[bytes]) -> str:
        """Give the toolchain's name and version that a match tells."""
        groups = (group.decode("ascii", "replace") for group in match.groups(b""))
        return self.toolchain.format(match[0].decode("ascii", "replace"), *groups)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules sorted once by what they look at, for tens of thousands of files."""

    constants: tuple[TextRule, ...] = ()
    paths: tuple[TextRule, ...] = ()
    strings: tuple[TextRule, ...] = ()
    settings: tuple[TextRule, ...] = ()
    manifest: tuple[TextRule, ...] = ()

    @classmethod
    def of(cls, rules: Iterable[TextRule]) -> RuleSet:
        """Sort rules; each keeps its place among those of its kind."""
        known = tuple(rules)

        def of_scope(scope: Scope) -> tuple[TextRule, ...]:
            return tuple(rule for rule in known if rule.scope is scope and not rule.constant)

        return cls(
            tuple(rule for rule in known if rule.constant),
            of_scope(Scope.PATHS),
            of_scope(Scope.STRINGS),
            of_scope(Scope.SETTINGS),
            of_scope(Scope.MANIFEST),
        )


class Trace(NamedTuple):
    """Something that another build could have left differently, or that need not be there.

    `finding` is the stable code, `value` what is there (printable), `place` where in the file. A
    tuple, because libraries of thousands of objects are asked for each whether it is known already.
    """

    finding: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class Linkage:
    """What the dynamic loader reads (System V ABI, "Dynamic Linking"); bytes as they stand.

    `machine` tells which files belong together: class, byte order and e_machine.
    """

    machine: tuple[int, int, int]
    interpreter: bytes | None = None
    needed: tuple[bytes, ...] = ()
    soname: bytes = b""
    rpath: bytes = b""
    runpath: bytes = b""


@dataclass(frozen=True, slots=True)
class Executable:
    """The facts of one file. Texts are printable; empty or None means that it says nothing.

    `format` and `kind` name what it is, `language` the toolchain profile that knows it,
    `toolchain` every version line found. `stripped` is None where a format has no symbols.
    `debug` says that it holds debug information. `build_ids`, `hardening` and `details` are pairs
    of a name and a value. `commands` are the interpreters of a script, as its first line asks for
    them: a path, or a bare name to be found on PATH.
    """

    format: str
    kind: str
    architecture: str = ""
    language: str | None = None
    toolchain: tuple[str, ...] = ()
    linking: Linking | None = None
    linkage: Linkage | None = None
    stripped: bool | None = None
    debug: bool = False
    build_ids: tuple[tuple[str, str], ...] = ()
    hardening: tuple[tuple[str, str], ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    commands: tuple[bytes, ...] = ()
    traces: tuple[Trace, ...] = field(default=())
