"""containers-registries.conf(5), version 2: short names, rewriting, mirrors, blocked registries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from samebit.errors import InputError, Place, SamebitError, UsageError
from samebit.model.reference import Reference
from samebit.model.toml_source import TomlSource, TomlTable
from samebit.registry.endpoint import Endpoint

_PULLS = ("all", "digest-only", "tag-only")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A place to try before the primary one; `pulls` is all, digest-only or tag-only."""

    location: str
    insecure: bool = False
    pulls: str = "all"


@dataclass(frozen=True, slots=True)
class RegistryRule:
    """One `[[registry]]` table; `location` is empty where a wildcard prefix rewrites nothing."""

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()
    where: Place | None = None

    def matched(self, name: str) -> int:
        """Give the length of the start of `name` that the prefix covers, 0 when it does not."""
        if self.prefix.startswith("*."):
            host = name.partition("/")[0]
            bare = host.partition(":")[0]
            return len(host) if bare.endswith(self.prefix[1:]) else 0
        rest = name[len(self.prefix) :]
        # After a host alone, a colon would start a port: another registry.
        ends = "/:@" if "/" in self.prefix else "/"
        covered = name.startswith(self.prefix) and (not rest or rest[0] in ends)
        return len(self.prefix) if covered else 0


@dataclass(frozen=True, slots=True)
class RegistriesConf:
    """What all files together say. `aliases` maps short names to full ones."""

    search: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    rules: tuple[RegistryRule, ...] = ()

    def candidates(self, text: str) -> tuple[Reference, ...]:
        """Give the references that `text` may mean, to be tried in order.

        A name without a registry goes through the aliases, then the search registries; where none
        are configured it means docker.io, as with docker. Raises UsageError for malformed text.
        """
        reference = Reference.parse(text)
        name = text.partition("@")[0]
        first, slash, _ = name.partition("/")
        if slash and (
            "." in first or ":" in first or first == "localhost" or first != first.lower()
        ):
            return (reference,)
        slash_at = name.rfind("/")
        colon = name.find(":", slash_at + 1)
        short = name if colon < 0 else name[:colon]
        if short in self.aliases:
            return (Reference.parse(self.aliases[short] + text[len(short) :]),)
        if self.search:
            return tuple(Reference.parse(f"{registry}/{text}") for registry in self.search)
        return (reference,)

    def pull_endpoints(self, reference: Reference) -> tuple[Endpoint, ...]:
        """Give the places to pull from, mirrors first. Raises InputError when it is blocked."""
        rule = self._rule(reference)
        if rule is None:
            return (Endpoint(reference.registry, reference.repository),)
        self._refuse_blocked(rule, reference)
        kind = "tag-only" if reference.digest is None else "digest-only"
        places = [
            (mirror.location, mirror.insecure)
            for mirror in rule.mirrors
            if mirror.pulls in ("all", kind)
        ]
        places.append((rule.location, rule.insecure))
        return tuple(
            _rewritten(rule, reference, location, insecure) for location, insecure in places
        )

    def push_endpoint(self, reference: Reference) -> Endpoint:
        """Give the place to push to: never rewritten. Raises InputError when it is blocked."""
        rule = self._rule(reference)
        if rule is None:
            return Endpoint(reference.registry, reference.repository)
        self._refuse_blocked(rule, reference)
        return Endpoint(reference.registry, reference.repository, rule.insecure)

    def _rule(self, reference: Reference) -> RegistryRule | None:
        name = str(reference)
        fitting = [
            (rule.matched(name), not rule.prefix.startswith("*."), position)
            for position, rule in enumerate(self.rules)
            if rule.matched(name)
        ]
        return self.rules[max(fitting)[2]] if fitting else None

    @staticmethod
    def _refuse_blocked(rule: RegistryRule, reference: Reference) -> None:
        if rule.blocked:
            raise InputError(
                f"registry {rule.prefix} is blocked, so {reference} cannot be used",
                where=rule.where,
                fix="use another image, or lift the block in registries.conf",
            )


def load_registries_conf(
    environment: Mapping[str, str], *, system: Path = Path("/etc/containers")
) -> RegistriesConf:
    """Read the configuration that applies to this user.

    The main file is the one CONTAINERS_REGISTRIES_CONF names, else the user's, else the system's;
    then the drop-ins of the system and of the user in the order of their names, then the aliases
    that other tools recorded. Raises UsageError with the line of what cannot be understood.
    """
    home = Path(environment.get("HOME") or "/")
    user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers"
    merged = _Merged()
    explicit = environment.get("CONTAINERS_REGISTRIES_CONF")
    main = [Path(explicit)] if explicit else [user / "registries.conf", system / "registries.conf"]
    for path in main:
        if explicit or path.exists():
            merged.add(path)
            break
    for folder in (system / "registries.conf.d", user / "registries.conf.d"):
        if folder.is_dir():
            for path in sorted(folder.glob("*.conf"), key=os.fsencode):
                merged.add(path)
    cache = Path("/var/cache") if os.geteuid() == 0 else home / ".cache"
    recorded = cache / "containers" / "short-name-aliases.conf"
    if system == Path("/etc/containers") and recorded.exists():
        merged.add(recorded)
    return merged.freeze()


class _Merged:
    """The files read so far; a later file wins by prefix, by alias, and for the search list."""

    def __init__(self) -> None:
        self._search: tuple[str, ...] = ()
        self._aliases: dict[str, str] = {}
        self._rules: dict[str, RegistryRule] = {}

    def add(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(
                f"cannot read it: {error.strerror}", where=Place(str(path)), fix="check the file"
            ) from error
        root = TomlSource.parse(str(path), data).root()
        if "registries" in root:
            raise root.error(
                "is the old format (version 1)",
                "registries",
                fix="write unqualified-search-registries and [[registry]] tables instead",
            )
        if "unqualified-search-registries" in root:
            self._search = root.strings("unqualified-search-registries")
        aliases = root.table("aliases")
        for name in aliases.names():
            target = aliases.string(name)
            if target:
                self._aliases[name] = _checked_alias(aliases, name, target)
            else:
                self._aliases.pop(name, None)
        for table in root.tables("registry"):
            rule = _parse_rule(table)
            self._rules[rule.prefix] = rule

    def freeze(self) -> RegistriesConf:
        return RegistriesConf(
            self._search, MappingProxyType(dict(self._aliases)), tuple(self._rules.values())
        )


def _parse_rule(table: TomlTable) -> RegistryRule:
    location = _location(table)
    prefix = table.string("prefix", "").rstrip("/") or location
    wildcard = prefix.startswith("*.")
    if not prefix:
        raise table.error("has neither prefix nor location")
    if "*" in (prefix[1:] if wildcard else prefix) or (wildcard and ("/" in prefix)):
        raise table.error("may only have a wildcard as in *.example.org", "prefix")
    if not location and not wildcard:
        location = prefix
    by_digest = table.boolean("mirror-by-digest-only", default=False)
    mirrors = tuple(_parse_mirror(item, by_digest=by_digest) for item in table.tables("mirror"))
    return RegistryRule(
        prefix=prefix,
        location=location,
        insecure=table.boolean("insecure", default=False),
        blocked=table.boolean("blocked", default=False),
        mirrors=mirrors,
        where=table.place(),
    )


def _parse_mirror(table: TomlTable, *, by_digest: bool) -> Mirror:
    location = _location(table)
    if not location:
        raise table.error("has no location")
    pulls = table.string("pull-from-mirror", "") or ("digest-only" if by_digest else "all")
    if pulls not in _PULLS:
        raise table.error(f"must be one of {', '.join(_PULLS)}", "pull-from-mirror")
    return Mirror(location, table.boolean("insecure", default=False), pulls)


def _location(table: TomlTable) -> str:
    location = table.string("location", "").rstrip("/")
    if "://" in location or location.startswith("/"):
        raise table.error("must be host[:port][/namespace], without a scheme", "location")
    return location


def _checked_alias(table: TomlTable, name: str, target: str) -> str:
    try:
        reference = Reference.parse(target)
    except SamebitError as error:
        raise table.error(f"is not an image's name: {error.what}", name) from None
    if target not in (reference.name, reference.name.replace("/library/", "/")):
        raise table.error("must be a full name without tag and digest", name)
    return target


def _rewritten(rule: RegistryRule, reference: Reference, location: str, insecure: bool) -> Endpoint:
    if not location:
        return Endpoint(reference.registry, reference.repository, insecure)
    name = location + str(reference)[rule.matched(str(reference)) :]
    try:
        moved = Reference.parse(name)
        # A host without dot and port would be taken for a part of the repository.
        if location.partition("/")[0] not in (moved.registry, f"index.{moved.registry}"):
            raise UsageError("a location starts with host.domain, host:port or localhost")
    except SamebitError as error:
        raise UsageError(
            f"registry {rule.prefix} is rewritten to {name[:300]!r}: {error.what}",
            where=rule.where,
            fix="correct location in registries.conf",
        ) from None
    return Endpoint(moved.registry, moved.repository, insecure)
