"""What a lock pins, and what the recipe says now, as frozen values (DESIGN "Lock")."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from samebit.dockerfile.syntax import Instruction
from samebit.errors import InternalError
from samebit.lock.fetch import FetchKey, LockedFetch, fetch_order
from samebit.model.digest import Digest
from samebit.model.hardening import NO_HARDENING, Hardening
from samebit.model.normalising import NO_CHOICES, NormaliserChoices
from samebit.model.platform import Platform
from samebit.model.reference import Reference

LOCK_VERSION = 1
"""The newest lock file format that this samebit reads, and the one that it writes."""
CANONICAL_FORM = 1
"""The newest canonical form that this samebit knows; older ones stay available for ever."""
NORMALISER_SET = 1
"""The newest normaliser set that this samebit knows; 0 is the set that changes nothing."""
ENVIRONMENT_SET = 1
"""The newest environment set that this samebit knows."""

EPOCH_LIMIT = 1 << 33
"""Seconds from here on do not fit the eleven octal digits of a ustar header's mtime."""

_CHECKSUM_VERSION = 1
# Docker's predefined proxy arguments say how this machine reaches the network, not what is built,
# and may hold credentials.
_MACHINE_ARGUMENTS = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"})


@dataclass(frozen=True, slots=True)
class BaseReference:
    """A base image that the recipe uses on one platform.

    `name` is the reference as the Dockerfile spells it, expanded. `made_from` is the checksum of
    the base recipe in samebit.toml that makes this base, None for a base that is fetched.
    """

    name: str
    platform: Platform
    made_from: Digest | None = None


@dataclass(frozen=True, slots=True)
class LockedBase:
    """A base image pinned to the manifest of one platform.

    `diff_ids` is given instead of, or beside, `digest` when the base has no original blobs (it came
    from an archive or an engine's storage), because only uncompressed layers identify it then.
    """

    name: str
    platform: Platform
    digest: Digest | None = None
    diff_ids: tuple[Digest, ...] = ()
    made_from: Digest | None = None

    def __post_init__(self) -> None:
        if self.digest is None and not self.diff_ids:
            raise InternalError(f"base {self.name} is locked by neither digest nor diff IDs")

    @property
    def reference(self) -> BaseReference:
        """Give what the recipe must ask for to be given this base."""
        return BaseReference(self.name, self.platform, self.made_from)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The part of the declared parameters that makes a lock stale when it changes.

    `instructions` is a checksum over the Dockerfile's instructions; the other values are kept as
    they are, so that a stale lock can say what differs and so that anyone can see what was built.
    All of them are kept sorted and unique, whatever order they are given in.
    """

    instructions: Digest
    bases: tuple[BaseReference, ...]
    target: str | None
    platforms: tuple[Platform, ...]
    build_args: tuple[tuple[str, str], ...]
    normalising: NormaliserChoices = NO_CHOICES
    hardening: Hardening = NO_HARDENING

    def __post_init__(self) -> None:
        object.__setattr__(self, "bases", tuple(sorted(set(self.bases), key=_base_order)))
        object.__setattr__(self, "platforms", tuple(sorted(set(self.platforms))))
        object.__setattr__(self, "build_args", tuple(sorted(set(self.build_args))))

    @property
    def checksum(self) -> Digest:
        """Compute one checksum over all of it."""
        facts: list[object] = [
            str(self.instructions),
            [[base.name, str(base.platform), str(base.made_from or "")] for base in self.bases],
            self.target,
            [str(platform) for platform in self.platforms],
            [list(pair) for pair in self.build_args],
        ]
        if self.normalising:
            # Absent when nothing was chosen: locks from before there was a choice stay valid.
            rules = [[rule.path, rule.action, rule.reason] for rule in self.normalising.rules]
            facts.append([list(self.normalising.off), list(self.normalising.keep), rules])
        if self.hardening:
            # Absent when nothing was asked for, and told from the choices before it.
            wanted = [[v.language, v.name, v.mode, v.value] for v in self.hardening.variables]
            facts.append(["hardening", self.hardening.strip, wanted])
        return _checksum(facts)


def make_recipe(
    instructions: Iterable[Instruction],
    *,
    bases: Iterable[BaseReference],
    target: str | None,
    platforms: Iterable[Platform],
    build_args: Mapping[str, str],
    normalising: NormaliserChoices = NO_CHOICES,
    hardening: Hardening = NO_HARDENING,
) -> Recipe:
    """Describe a recipe for its lock.

    `build_args` are the used ones only; docker's predefined proxy arguments are left out.
    """
    return Recipe(
        instructions=instructions_checksum(instructions),
        bases=tuple(bases),
        target=target,
        platforms=tuple(platforms),
        build_args=tuple(
            (name, value)
            for name, value in build_args.items()
            if name.upper() not in _MACHINE_ARGUMENTS
        ),
        normalising=normalising,
        hardening=hardening,
    )


def recipe_checksum(
    instructions: Iterable[Instruction],
    target: str | None,
    platforms: Iterable[Platform],
    build_args: Mapping[str, str],
    bases: Iterable[BaseReference],
) -> Digest:
    """Compute the checksum of a recipe from its parts; comments do not enter it."""
    return make_recipe(
        instructions, bases=bases, target=target, platforms=platforms, build_args=build_args
    ).checksum


def instructions_checksum(instructions: Iterable[Instruction]) -> Digest:
    """Compute a checksum over what the instructions say: keyword, flags, arguments, heredocs."""
    return _checksum([_spoken(instruction) for instruction in instructions])


@dataclass(frozen=True, slots=True)
class Lock:
    """Every pinned input of a build. `epoch` is in seconds since 1970.

    The order in which `bases` and `fetches` are given does not matter; they are kept sorted. Raises
    InternalError unless the bases are exactly the ones that the recipe refers to, each locked once
    for a platform, and each request has one answer for a platform. `inputs` is the reference of the
    artifact that holds the fetched bytes, with its digest.
    """

    epoch: int
    recipe: Recipe
    bases: tuple[LockedBase, ...] = ()
    fetches: tuple[LockedFetch, ...] = ()
    inputs: Reference | None = None
    version: int = LOCK_VERSION
    canonical_form: int = CANONICAL_FORM
    normalisers: int = NORMALISER_SET
    environment: int = ENVIRONMENT_SET

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.bases, key=lambda base: _base_order(base.reference)))
        keys = {(base.name, base.platform) for base in ordered}
        if len(keys) != len(ordered):
            raise InternalError("a base is locked twice for one platform")
        if tuple(base.reference for base in ordered) != self.recipe.bases:
            raise InternalError("the locked bases are not the recipe's bases")
        object.__setattr__(self, "bases", ordered)
        object.__setattr__(self, "fetches", tuple(sorted(self.fetches, key=fetch_order)))
        fault = find_fetch_fault(self.fetches)
        if fault is not None:
            raise InternalError(f"{fault[0].key} {fault[1]}")
        if self.inputs is not None and self.inputs.digest is None:
            raise InternalError("the inputs artifact is named without a digest")

    def base(self, name: str, platform: Platform) -> LockedBase | None:
        """Look up the pinned base that the Dockerfile calls `name`."""
        return next((b for b in self.bases if (b.name, b.platform) == (name, platform)), None)


def find_fetch_fault(fetches: Iterable[LockedFetch]) -> tuple[LockedFetch, str] | None:
    """Give a fetch that cannot stand beside the others, and why.

    One request has one answer for a platform, and a list of equal requests has no gaps; in the
    making of each base, and in the steps.
    """
    lists: dict[tuple[str | None, FetchKey, Platform], dict[int, LockedFetch]] = {}
    for fetch in fetches:
        for platform in fetch.platforms:
            answers = lists.setdefault((fetch.base, fetch.key, platform), {})
            if fetch.occurrence in answers:
                return fetch, f"is locked twice for {platform}"
            answers[fetch.occurrence] = fetch
    for answers in lists.values():
        last = max(answers)
        if last != len(answers) - 1:
            return answers[last], f"is occurrence {last} of {len(answers)} that are locked"
    return None


def _base_order(base: BaseReference) -> tuple[bytes, Platform, str]:
    return base.name.encode("utf-8", "surrogateescape"), base.platform, str(base.made_from or "")


def _spoken(instruction: Instruction) -> list[object]:
    return [
        instruction.keyword,
        [[flag.name, flag.value] for flag in instruction.flags],
        instruction.arguments,
        [[heredoc.name, heredoc.content, heredoc.expand] for heredoc in instruction.heredocs],
        _spoken(instruction.trigger) if instruction.trigger else None,
    ]


def _checksum(value: object) -> Digest:
    # Arrays of strings only, in ASCII: every JSON writer agrees on these bytes.
    text = json.dumps([_CHECKSUM_VERSION, value], ensure_ascii=True, separators=(",", ":"))
    return Digest(hashlib.sha256(text.encode("ascii")).hexdigest())
