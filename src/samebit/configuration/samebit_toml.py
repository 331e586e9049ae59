"""The optional file samebit.toml as a whole (DESIGN "Command line")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from samebit.configuration.audit import AuditSettings, parse_audit
from samebit.configuration.base_recipe import parse_base, parse_base_name
from samebit.configuration.named_image import NamedImage, parse_image
from samebit.configuration.normalise_table import parse_normalise
from samebit.debian.recipe import DebianBase
from samebit.errors import Place, UsageError
from samebit.model.normalising import NO_CHOICES, NormaliserChoices
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlSource, nearest

FILE_NAME = "samebit.toml"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything samebit.toml says. `path` is None when there is no such file.

    `inputs_origins` are the origins whose bytes may be published.
    """

    path: Path | None = None
    bases: Mapping[Reference, DebianBase] = field(default_factory=lambda: MappingProxyType({}))
    images: Mapping[str, NamedImage] = field(default_factory=lambda: MappingProxyType({}))
    normalising: NormaliserChoices = NO_CHOICES
    audit: AuditSettings = field(default_factory=AuditSettings)
    inputs_origins: tuple[str, ...] = ()

    def base(self, reference: Reference) -> DebianBase | None:
        """Look up the recipe of the base that FROM names, None when it is to be fetched."""
        return self.bases.get(reference)

    def image(self, name: str) -> NamedImage:
        """Look up a named image; raises UsageError naming the nearest one."""
        try:
            return self.images[name]
        except KeyError:
            where = Place(str(self.path)) if self.path else None
            raise UsageError(
                f"there is no image named {name!r}",
                where=where,
                fix=nearest(name, self.images, "use") or f"declare it: [images.{name}]",
            ) from None


def find_configuration(folders: Iterable[Path]) -> Path | None:
    """Find samebit.toml in the first of `folders` that has one: the Dockerfile's, the context."""
    return next((f / FILE_NAME for f in folders if (f / FILE_NAME).is_file()), None)


def read_configuration(path: Path | None) -> Configuration:
    """Read samebit.toml, or give the empty configuration for None.

    Raises UsageError with the line of whatever cannot be understood, unknown tables included.
    """
    if path is None:
        return Configuration()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read it: {error.strerror}", where=Place(str(path)), fix="check the file"
        ) from error
    return parse_configuration(data, path)


def parse_configuration(data: bytes, path: Path) -> Configuration:
    """Read the bytes of a samebit.toml; raises UsageError as `read_configuration` does."""
    try:
        return _parse(data, path)
    except UsageError as error:
        error.fix = error.fix or "correct it, or take it out"
        raise


def _parse(data: bytes, path: Path) -> Configuration:
    root = TomlSource.parse(str(path), data).root()
    bases: dict[Reference, DebianBase] = {}
    table = root.table("bases")
    for name in table.names():
        reference = parse_base_name(table, name)
        if reference in bases:
            raise table.error(f"is declared twice: both names mean {reference}", name)
        bases[reference] = parse_base(table.table(name))
    table = root.table("images")
    images = {name: parse_image(name, table.table(name)) for name in table.names()}
    normalising = parse_normalise(root.table("normalise"))
    audit = parse_audit(root.table("audit"), path.absolute().parent)
    table = root.table("inputs")
    origins = table.strings("origins")
    table.finish()
    root.finish()
    return Configuration(
        path=path,
        bases=MappingProxyType(bases),
        images=MappingProxyType(images),
        normalising=normalising,
        audit=audit,
        inputs_origins=origins,
    )
