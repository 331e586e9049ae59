"""Finding every axis: nobody registers one."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from samebit.errors import InternalError
from samebit.variations import axes
from samebit.variations.protocol import Axis


@functools.cache
def all_axes() -> tuple[Axis, ...]:
    """Give every axis in the order in which they are applied: by order, then by name."""
    found: dict[str, Axis] = {}
    for module in pkgutil.iter_modules(axes.__path__, f"{axes.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            known = isinstance(value, Axis) and found.setdefault(value.name, value)
            if known and known is not value:
                raise InternalError(f"two axes are called {value.name}")
    return tuple(sorted(found.values(), key=lambda axis: (axis.order, axis.name)))
