"""`[images.NAME]`: a named image, the options of `samebit build` written down."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samebit.errors import SamebitError
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlTable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class NamedImage:
    """What to build under a name.

    `context` and `file` are paths as written, relative to the folder of samebit.toml; `file` None
    means the Dockerfile in the context. `platforms` empty means the machine's own. `build_args` is
    sorted by name; `tags` are references in the order given.
    """

    name: str
    context: str = "."
    file: str | None = None
    target: str | None = None
    platforms: tuple[Platform, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    tags: tuple[Reference, ...] = ()


def parse_image(name: str, table: TomlTable) -> NamedImage:
    """Read one `[images.NAME]` table; raises UsageError with the line of what is wrong."""
    if not _NAME.fullmatch(name):
        raise table.error("is not a name: use letters, digits, dot, dash and underscore")
    image = NamedImage(
        name=name,
        context=_path(table, "context") or ".",
        file=_path(table, "file"),
        target=table.optional_string("target"),
        platforms=_platforms(table),
        build_args=_build_args(table.table("build-args")),
        tags=_tags(table),
    )
    table.finish()
    return image


def _path(table: TomlTable, name: str) -> str | None:
    path = table.optional_string(name)
    if path is not None and (not path or "\0" in path):
        raise table.error("is not a path", name)
    return path


def _platforms(table: TomlTable) -> tuple[Platform, ...]:
    if "platform" not in table:
        return ()
    texts = table.strings_or_string("platform")
    platforms = []
    for text in texts:
        try:
            platforms.append(Platform.parse(text))
        except SamebitError as error:
            raise table.error(f"is {error.what}", "platform", fix=error.fix) from None
    return tuple(sorted(set(platforms)))


def _build_args(table: TomlTable) -> tuple[tuple[str, str], ...]:
    pairs = []
    for name in sorted(table.names()):
        if not _VARIABLE.fullmatch(name):
            raise table.error("is not a variable's name", name)
        pairs.append((name, table.string(name)))
    return tuple(pairs)


def _tags(table: TomlTable) -> tuple[Reference, ...]:
    tags = []
    for position, text in enumerate(table.strings("tags")):
        try:
            reference = Reference.parse(text)
        except SamebitError as error:
            raise table.error(
                f"is not an image reference: {error.what}", "tags", position
            ) from None
        if reference.digest is not None:
            raise table.error(
                "names a digest; a tag is a name for what comes out", "tags", position
            )
        tags.append(reference)
    return tuple(tags)
