"""Finding the profiles: those that come with samebit, then those of a project's own folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from samebit.errors import Place, UsageError
from samebit.model.executable import RuleSet
from samebit.model.toml_source import nearest
from samebit.toolchains import profiles
from samebit.toolchains.profile import Check, Profile, parse_profile

ANY = "any"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Toolchains:
    """The profiles by language, `any` among them."""

    profiles: Mapping[str, Profile]

    def languages(self) -> tuple[str, ...]:
        """Give the languages that can be named, sorted."""
        return tuple(sorted(name for name in self.profiles if name != ANY))

    def profile(self, language: str) -> Profile:
        """Give a language's profile; raises UsageError naming the nearest."""
        if language not in self.profiles or language == ANY:
            raise UsageError(
                f"there is no toolchain profile {language!r}",
                fix=nearest(language, self.languages(), "use"),
            )
        return self.profiles[language]

    def rules(self) -> RuleSet:
        """Give every rule of every profile, in the order of their names."""
        return RuleSet.of(
            check.rule
            for _, profile in sorted(self.profiles.items())
            for check in profile.checks
            if check.rule is not None
        )

    def fix(self, language: str | None, finding: str) -> str | None:
        """Say what mends a finding in a language, None when no profile knows."""
        for name in (language, ANY):
            for check in self._checks(name):
                if check.finding == finding and check.fix:
                    return check.fix
        return None

    def _checks(self, name: str | None) -> tuple[Check, ...]:
        profile = self.profiles.get(name) if name is not None else None
        return profile.checks if profile is not None else ()


def load_toolchains(folders: Iterable[Path] = ()) -> Toolchains:
    """Load samebit's own profiles and those in `folders`; a later one replaces an earlier.

    Raises UsageError for a folder or profile that cannot be read or understood.
    """
    found = dict(_own().profiles)
    for folder in folders:
        for path, data in _in_folder(folder):
            profile = parse_profile(str(path), data)
            if profile.language != path.name.removesuffix(_SUFFIX):
                raise UsageError(
                    f"it is the profile of {profile.language!r}",
                    where=Place(str(path)),
                    fix=f"name the file {profile.language}{_SUFFIX}",
                )
            found[profile.language] = profile
    return Toolchains(MappingProxyType(found))


@cache
def _own() -> Toolchains:
    found = {}
    for entry in resources.files(profiles).iterdir():
        if entry.name.endswith(_SUFFIX):
            profile = parse_profile(entry.name, entry.read_bytes())
            found[profile.language] = profile
    return Toolchains(MappingProxyType(found))


def _in_folder(folder: Path) -> Iterator[tuple[Path, bytes]]:
    try:
        for path in sorted(folder.iterdir()):
            if path.name.endswith(_SUFFIX):
                yield path, path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read toolchain profiles: {error.strerror}",
            where=Place(str(error.filename or folder)),
            fix="correct the path, or take it out of samebit.toml",
        ) from error
