"""`[bases."name:tag"]`: how to make a base image that no registry serves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from samebit.errors import SamebitError
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlTable, nearest

VARIANTS = ("apt", "buildd", "essential", "important", "minbase", "required", "standard")
"""The package selections of mmdebstrap(1) that give a usable base."""

# Every one of these becomes an argument of another program: none may look like an option.
_SUITE = re.compile(r"[a-z0-9][a-z0-9.+-]*(?:/[a-z0-9][a-z0-9.+-]*)*")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(?:/[a-z0-9-]+)*")
_PACKAGE = re.compile(
    r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9][a-z0-9-]*)?(?:=[A-Za-z0-9][A-Za-z0-9.+:~-]*|/[a-z0-9.-]+)?"
)
_MIRROR = re.compile(r"(?:https?|file)://[^\s@'\",;\\]+")


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """A base image made from a distribution's packages.

    `include` is sorted and unique. `mirror`, `components` and `architecture` are None or empty for
    the tool's own choice (mmdebstrap's default mirror, `main`, the build's platform).
    """

    suite: str
    variant: str = "minbase"
    include: tuple[str, ...] = ()
    mirror: str | None = None
    components: tuple[str, ...] = ()
    architecture: str | None = None

    @property
    def checksum(self) -> Digest:
        """Compute what a lock remembers of the recipe, to notice that it changed.

        The mirror is not part of it: it says where the packages come from, not which they are.
        """
        value = [1, self.suite, self.variant, self.include, self.components, self.architecture]
        return Digest.of(json.dumps(value, separators=(",", ":")).encode("ascii"))


def parse_base(table: TomlTable) -> BaseRecipe:
    """Read one `[bases."name:tag"]` table; raises UsageError with the line of what is wrong."""
    suite = _checked(table, "suite", table.string("suite"), _SUITE, "is not a suite's name")
    variant = table.string("variant", "minbase")
    if variant not in VARIANTS:
        raise table.error(
            f"is {variant!r}, which is not a variant",
            "variant",
            fix=nearest(variant, VARIANTS, "use"),
        )
    include = _each(table, "include", _PACKAGE, "is not a package name")
    mirror = table.optional_string("mirror")
    if mirror is not None:
        _checked(table, "mirror", mirror, _MIRROR, "is not an http, https or file URL")
    components = _each(table, "components", _NAME, "is not a component")
    architecture = table.optional_string("architecture")
    if architecture is not None:
        _checked(table, "architecture", architecture, _NAME, "is not a Debian architecture")
    table.finish()
    return BaseRecipe(suite, variant, include, mirror, components, architecture)


def parse_base_name(table: TomlTable, name: str) -> Reference:
    """Read the key of a base recipe, the reference that FROM uses."""
    try:
        reference = Reference.parse(name)
    except SamebitError as error:
        raise table.error(f"is not an image reference: {error.what}", name) from None
    if reference.digest is not None:
        raise table.error(
            "names a digest, but what is made here has no digest yet",
            name,
            fix="use a name and a tag; the lock pins the digest",
        )
    return reference


def _each(table: TomlTable, name: str, form: re.Pattern[str], what: str) -> tuple[str, ...]:
    values = table.strings(name)
    for position, value in enumerate(values):
        if not form.fullmatch(value):
            raise table.error(f"{what}: {value!r}", name, position)
    return tuple(sorted(set(values)))


def _checked(table: TomlTable, name: str, value: str, form: re.Pattern[str], what: str) -> str:
    if not form.fullmatch(value):
        raise table.error(f"{what}: {value!r}", name)
    return value
