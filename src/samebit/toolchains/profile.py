"""A toolchain profile as values, read strictly from TOML."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TypeVar

from samebit.model.executable import Scope, TextRule
from samebit.model.toml_source import TomlSource, TomlTable

_Enum = TypeVar("_Enum", bound=enum.Enum)
_LANGUAGE = re.compile(r"[a-z][a-z0-9+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FINDING = re.compile(r"[a-z]+(?:-[a-z]+)*")


class Mode(enum.Enum):
    """What may be done with a variable of RUN's environment; the value is its name in profiles.

    NEVER is for those that people set elsewhere and that must not be set here: the reason says why.
    """

    SET_IF_ABSENT = "set-if-absent"
    APPEND = "append"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that `--harden` sets, appends `value` to after a blank, or leaves alone."""

    name: str
    mode: Mode
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """What betrays a build in this language (`rule`), what mends a finding (`fix`), or both."""

    finding: str
    rule: TextRule | None
    fix: str


@dataclass(frozen=True, slots=True)
class Hazard:
    """A known cause of differences: a stable name, a pattern of a command line, what to do."""

    name: str
    pattern: re.Pattern[str]
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything known of one language; `any` holds what is true of all."""

    language: str
    environment: tuple[Variable, ...] = ()
    checks: tuple[Check, ...] = ()
    hazards: tuple[Hazard, ...] = ()


def parse_profile(path: str, data: bytes) -> Profile:
    """Read a profile; `path` names it in errors. Raises UsageError with the line of any fault."""
    root = TomlSource.parse(path, data).root()
    language = root.string("language")
    if not _LANGUAGE.fullmatch(language):
        raise root.error("is not a name: use lower-case letters, digits, plus and dash", "language")
    environment = root.table("environment")
    variables = tuple(_variable(environment, name) for name in environment.names())
    checks = tuple(_check(table, language) for table in root.tables("check"))
    hazards = tuple(_hazard(table) for table in root.tables("hazard"))
    root.finish()
    return Profile(language, variables, checks, hazards)


def _variable(tables: TomlTable, name: str) -> Variable:
    if not _VARIABLE.fullmatch(name):
        raise tables.error("is not a variable's name", name)
    table = tables.table(name)
    mode = _choice(table, "mode", Mode)
    reason = _reason(table, "reason")
    value = table.optional_string("value")
    if (value is None) != (mode is Mode.NEVER):
        raise table.error(
            "is missing" if value is None else "has no meaning where the mode is never", "value"
        )
    if value is not None and any(ord(character) < 32 for character in value):
        raise table.error("holds a control character", "value")
    table.finish()
    return Variable(name, mode, value or "", reason)


def _check(table: TomlTable, language: str) -> Check:
    constant = table.boolean("constant", default=False)
    finding = table.string("finding", "" if constant else None)
    if finding and not _FINDING.fullmatch(finding):
        raise table.error("is not a finding: use lower-case words joined by dashes", "finding")
    fix = table.string("fix", "")
    rule = None
    if "pattern" in table:
        scope = _choice(table, "in", Scope)
        needle = table.string("needle", "").encode()
        if scope is Scope.STRINGS and len(needle) < 2 and not constant:
            raise table.error("is missing: a literal that every match contains", "needle")
        pattern = re.compile(_pattern(table).pattern.encode())
        toolchain = _toolchain(table, pattern) if constant else ""
        rule = TextRule(scope, pattern, finding, needle, constant, language, toolchain)
    elif constant or not fix:
        raise table.error("needs a pattern, a fix, or both")
    table.finish()
    return Check(finding, rule, fix)


def _toolchain(table: TomlTable, pattern: re.Pattern[bytes]) -> str:
    toolchain = table.string("toolchain", "")
    try:
        toolchain.format(*[""] * (pattern.groups + 1))
    except (LookupError, ValueError, AttributeError):
        raise table.error(
            f"names what the pattern has not: it has {pattern.groups} groups",
            "toolchain",
            fix="write {1} for the first group, {2} for the second, {{ for a brace",
        ) from None
    return toolchain


def _hazard(table: TomlTable) -> Hazard:
    name = table.string("name")
    if not _FINDING.fullmatch(name):
        raise table.error("is not a name: use lower-case words joined by dashes", "name")
    hazard = Hazard(name, _pattern(table), _reason(table, "what"), _reason(table, "fix"))
    table.finish()
    return hazard


def _pattern(table: TomlTable) -> re.Pattern[str]:
    try:
        return re.compile(table.string("pattern"), re.ASCII)
    except re.error as error:
        raise table.error(f"is not a regular expression: {error}", "pattern") from None


def _reason(table: TomlTable, name: str) -> str:
    text = table.string(name)
    if not text.strip():
        raise table.error("is empty", name)
    return text


def _choice(table: TomlTable, name: str, kind: type[_Enum]) -> _Enum:
    text = table.string(name)
    for member in kind:
        if member.value == text:
            return member
    choices = ", ".join(str(member.value) for member in kind)
    raise table.error(f"is {text!r}", name, fix=f"write one of: {choices}")
