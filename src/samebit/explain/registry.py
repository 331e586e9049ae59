"""Finding every cause: nobody registers one."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from samebit.errors import InternalError
from samebit.explain import causes
from samebit.explain.protocol import Detector


@functools.cache
def all_detectors() -> tuple[Detector, ...]:
    """Give every detector in the order in which they are asked: by rank, then by name."""
    found: dict[str, Detector] = {}
    for module in pkgutil.iter_modules(causes.__path__, f"{causes.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            known = isinstance(value, Detector) and found.setdefault(value.name, value)
            if known and known is not value:
                raise InternalError(f"two causes are called {value.name}")
    return tuple(sorted(found.values(), key=lambda detector: (detector.rank, detector.name)))
