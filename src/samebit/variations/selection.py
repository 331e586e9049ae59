"""`--vary`: which axes a verification varies."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.errors import UsageError
from samebit.model.toml_source import nearest

_ALL = "all"


def select_axes(texts: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """Give the axes that `texts` choose of all `names`.

    Each text is a list with commas. `-NAME` leaves an axis out and `+NAME` takes it in, beginning
    with all of them; `NAME` alone begins with none. `all` stands for every axis. Later items go
    before earlier ones. Raises UsageError for a name that is no axis.
    """
    known = frozenset(names)
    items = [item for text in texts for part in text.split(",") if (item := part.strip())]
    chosen = set() if any(item[0] not in "+-" for item in items) else set(known)
    for item in items:
        name = item.lstrip("+-")
        if name != _ALL and name not in known:
            raise UsageError(f"--vary: there is no axis {name!r}", fix=nearest(name, known, "use"))
        meant = known if name == _ALL else {name}
        chosen = chosen - meant if item[0] == "-" else chosen | meant
    return frozenset(chosen)
