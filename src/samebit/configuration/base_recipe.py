"""`[bases."name:tag"]`: how to make a base image that no registry serves."""

from __future__ import annotations

from samebit.debian.recipe import DEFAULT_VARIANT, VARIANTS, DebianBase, find_fault
from samebit.errors import SamebitError
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlTable, nearest


def parse_base(table: TomlTable) -> DebianBase:
    """Read one `[bases."name:tag"]` table; raises UsageError with the line of what is wrong.

    The recipe is for every platform: whoever makes the base says for which.
    """
    suite = table.string("suite")
    variant = table.string("variant", DEFAULT_VARIANT)
    include = table.strings("include")
    mirror = table.optional_string("mirror")
    components = table.strings("components")
    table.finish()
    fault = find_fault(
        suite=suite, variant=variant, include=include, mirror=mirror, components=components
    )
    if fault is not None:
        place = (fault.field,) if fault.position is None else (fault.field, fault.position)
        fix = nearest(variant, VARIANTS, "use") if fault.field == "variant" else fault.fix
        raise table.error(f"is wrong: {fault.what}", *place, fix=fix)
    return DebianBase(suite, variant, include, None, mirror, components)


def parse_base_name(table: TomlTable, name: str) -> Reference:
    """Read the key of a base recipe, the reference that FROM uses."""
    try:
        reference = Reference.parse(name)
    except SamebitError as error:
        raise table.error(f"is {error.what}", name, fix=error.fix) from None
    if reference.digest is not None:
        raise table.error(
            "names a digest, but what is made here has no digest yet",
            name,
            fix="use a name and a tag; the lock pins the digest",
        )
    return reference
