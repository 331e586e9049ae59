"""The difference of two locks, for `samebit lock --diff` and for review."""

from __future__ import annotations

from dataclasses import dataclass

from samebit.lock.model import Lock


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that differs; `old` is None for an added one, `new` for a removed one."""

    subject: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"+ {self.subject}: {self.new}"
        if self.new is None:
            return f"- {self.subject}: {self.old}"
        return f"~ {self.subject}: {self.old} -> {self.new}"

    def json(self) -> dict[str, str | None]:
        """Give the change as a JSON value."""
        return {"subject": self.subject, "old": self.old, "new": self.new}


def diff_locks(old: Lock, new: Lock) -> tuple[Change, ...]:
    """List the facts that differ: those of the whole lock first, then the bases by name."""
    before = _facts(old)
    after = _facts(new)
    subjects = list(after) + [subject for subject in before if subject not in after]
    # A removed base belongs beside its neighbours, not at the end.
    heads = [subject for subject in subjects if not subject.startswith("base ")]
    bases = sorted(subject for subject in subjects if subject.startswith("base "))
    return tuple(
        Change(subject, before.get(subject), after.get(subject))
        for subject in heads + bases
        if before.get(subject) != after.get(subject)
    )


def _facts(lock: Lock) -> dict[str, str]:
    recipe = lock.recipe
    facts = {
        "version": str(lock.version),
        "canonical form": str(lock.canonical_form),
        "normalisers": str(lock.normalisers),
        "environment": str(lock.environment),
        "epoch": str(lock.epoch),
        "instructions": str(recipe.instructions),
        "platforms": ", ".join(str(platform) for platform in recipe.platforms),
    }
    if recipe.target is not None:
        facts["target"] = recipe.target
    facts |= {f"normaliser {name}": "off" for name in recipe.normalising.off}
    facts |= {f"normalising of {path}": "off" for path in recipe.normalising.keep}
    facts |= {
        f"rule for {rule.path}": f"{rule.action}: {rule.reason}"
        for rule in recipe.normalising.rules
    }
    facts |= {
        f"hardening {variable.language}, {variable.name}": f"{variable.mode} {variable.value!r}"
        for variable in recipe.hardening.variables
    }
    if recipe.hardening.strip:
        facts["strip"] = "yes"
    facts |= {f"build arg {name}": repr(value) for name, value in recipe.build_args}
    for base in lock.bases:
        identity = [str(base.digest)] if base.digest else []
        identity += [f"diff ID {diff_id}" for diff_id in base.diff_ids]
        if base.made_from:
            identity.append(f"made from {base.made_from}")
        facts[f"base {base.name} ({base.platform})"] = ", ".join(identity)
    return facts
