"""Finding every normaliser and detector: nobody registers one."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable
from typing import TypeVar

from samebit.errors import InternalError
from samebit.normalisers.protocol import Detector, Normaliser

_T = TypeVar("_T", Normaliser, Detector)


@functools.cache
def all_normalisers() -> tuple[Normaliser, ...]:
    """Give every normaliser of every set, sorted by name and `since`."""
    found = _values(Normaliser)
    keys = [(normaliser.name, normaliser.since) for normaliser in found]
    if len(set(keys)) != len(keys):
        raise InternalError("two normalisers have one name")
    return tuple(sorted(found, key=lambda normaliser: (normaliser.name, normaliser.since)))


@functools.cache
def all_detectors() -> tuple[Detector, ...]:
    """Give every detector, sorted by name."""
    found = _values(Detector)
    if len({detector.name for detector in found}) != len(found):
        raise InternalError("two detectors have one name")
    return tuple(sorted(found, key=lambda detector: detector.name))


def normaliser_set(number: int) -> tuple[Normaliser, ...]:
    """Give the normalisers of a numbered set, sorted by name; set 0 is empty."""
    return tuple(
        normaliser
        for normaliser in all_normalisers()
        if normaliser.since <= number and (normaliser.until is None or number < normaliser.until)
    )


def _values(kind: type[_T]) -> list[_T]:
    found: dict[int, _T] = {}
    for name in _modules():
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, kind):
                found[id(value)] = value
    return list(found.values())


@functools.cache
def _modules() -> Iterable[str]:
    package = importlib.import_module("samebit.normalisers")
    return tuple(
        module.name
        for module in pkgutil.walk_packages(package.__path__, "samebit.normalisers.")
        if module.name.count(".") > 2
    )
