"""Another locale of the host: what the engine finds in LANG and LC_ALL."""

from __future__ import annotations

from samebit.variations.changes import with_variable
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_LOCALES = ("tr_TR.UTF-8", "ja_JP.UTF-8", "de_CH.ISO-8859-1")


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    name = _LOCALES[machine.number % len(_LOCALES)]
    changed = with_variable(with_variable(conditions, "LANG", name), "LC_ALL", name)
    return Varied(changed, f"the host's is {name}")


AXIS = Axis("locale", "the host has another locale", _apply)
