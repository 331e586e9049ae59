"""Whether a lock still belongs to its recipe (DESIGN "Lock": stale)."""

from __future__ import annotations

from samebit.lock.model import BaseReference, Lock, Recipe
from samebit.model.hardening import Hardening
from samebit.model.platform import Platform


def staleness(lock: Lock, recipe: Recipe) -> tuple[str, ...]:
    """Say in words what differs between the locked recipe and `recipe`; empty when nothing does.

    A changed build context is no reason: what it newly asks for is a miss, found while building.
    """
    locked = lock.recipe
    reasons = []
    if locked.instructions != recipe.instructions:
        reasons.append("the Dockerfile's instructions changed")
    reasons += _bases(locked.bases, recipe.bases)
    if locked.target != recipe.target:
        reasons.append(f"the target is {_target(recipe.target)}, locked {_target(locked.target)}")
    reasons += _platforms(locked.platforms, recipe.platforms)
    reasons += _build_args(dict(locked.build_args), dict(recipe.build_args))
    if locked.normalising != recipe.normalising:
        reasons.append("samebit.toml chooses other normalisers")
    reasons += _hardening(locked.hardening, recipe.hardening)
    return tuple(reasons)


def _bases(locked: tuple[BaseReference, ...], now: tuple[BaseReference, ...]) -> list[str]:
    before = {(base.name, base.platform): base.made_from for base in locked}
    after = {(base.name, base.platform): base.made_from for base in now}
    reasons = []
    for key in sorted(before.keys() | after.keys()):
        base = f"base {key[0]} ({key[1]})"
        if key not in before:
            reasons.append(f"{base} is not in the lock")
        elif key not in after:
            reasons.append(f"{base} is in the lock but not used any more")
        elif before[key] != after[key]:
            reasons.append(f"{base} has another recipe in samebit.toml")
    return reasons


def _platforms(locked: tuple[Platform, ...], now: tuple[Platform, ...]) -> list[str]:
    if set(locked) == set(now):
        return []
    return [f"the platforms are {_listed(now)}, locked {_listed(locked)}"]


def _build_args(locked: dict[str, str], now: dict[str, str]) -> list[str]:
    reasons = []
    for name in sorted(locked.keys() | now.keys()):
        if name not in locked:
            reasons.append(f"build arg {name} is not in the lock")
        elif name not in now:
            reasons.append(f"build arg {name} is in the lock but not used any more")
        elif locked[name] != now[name]:
            reasons.append(f"build arg {name} is {now[name]!r}, locked {locked[name]!r}")
    return reasons


def _hardening(locked: Hardening, now: Hardening) -> list[str]:
    reasons = []
    if locked.strip != now.strip:
        reasons.append(f"--strip is {'given' if now.strip else 'not given'}, locked otherwise")
    for language in sorted({v.language for v in (*locked.variables, *now.variables)}):
        before = [v for v in locked.variables if v.language == language]
        after = [v for v in now.variables if v.language == language]
        if not before:
            reasons.append(f"--harden {language} is not in the lock")
        elif not after:
            reasons.append(f"--harden {language} is in the lock but not given any more")
        elif before != after:
            reasons.append(f"--harden {language} sets other variables than the lock says")
    return reasons


def _listed(platforms: tuple[Platform, ...]) -> str:
    return ", ".join(str(platform) for platform in sorted(platforms)) or "none"


def _target(target: str | None) -> str:
    return repr(target) if target is not None else "the last stage"
