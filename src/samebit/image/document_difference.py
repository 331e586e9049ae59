"""Comparing JSON documents of images: manifests, indexes and configs, value by value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from samebit.canonical import json as canonical_json
from samebit.image.members import Document, object_of
from samebit.model.escaped import escaped
from samebit.model.image_difference import DocumentDifference, ValueChange

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_ABSENT = object()
_Reduce: TypeAlias = Callable[[Document], Document]
_Differences: TypeAlias = Callable[[Document, Document], Iterator[ValueChange]]

# What a container cannot see: when, by whom and how the image was made.
_NOT_EXECUTION = frozenset({"created", "author", "history", "rootfs"})


def compare_manifests(a: bytes, b: bytes) -> DocumentDifference:
    """Compare manifests without their layers and without the digest and size of the config.

    Those are compared as what they describe. Raises InputError for anything but JSON objects.
    """
    return _compare(a, b, "manifest", _reduced_manifest, _plain_differences)


def compare_indexes(a: bytes, b: bytes) -> DocumentDifference:
    """Compare indexes without the list of manifests. Raises InputError."""
    return _compare(a, b, "index", _reduced_index, _plain_differences)


def compare_configs(a: bytes, b: bytes) -> DocumentDifference:
    """Compare config documents without the diff IDs, which the layers explain.

    Environment variables are compared by name, the history line by line: lines that tell the same
    instruction at the start and the end are the same lines. Raises InputError.
    """
    return _compare(a, b, "config", _reduced_config, _config_differences)


def same_execution(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Say whether two config documents run containers in the same way, on the same platform."""
    return _text(_execution(a)) == _text(_execution(b))


def same_values(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Say whether two documents hold the same values, however they are written."""
    return _text(a) == _text(b)


def value_changes(a: object, b: object, where: str = "") -> Iterator[ValueChange]:
    """Give every place below `where` whose values differ: keys in order, lists by position."""
    # An object that only one side has is told member by member: labels and annotations by name.
    if a is _ABSENT and b and isinstance(b, dict):
        a = {}
    elif b is _ABSENT and a and isinstance(a, dict):
        b = {}
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from value_changes(a.get(key, _ABSENT), b.get(key, _ABSENT), _member(where, key))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for position, (left, right) in enumerate(zip(a, b, strict=True)):
            yield from value_changes(left, right, f"{where}[{position}]")
    elif (left_text := _text_or_none(a)) != (right_text := _text_or_none(b)):
        yield ValueChange(where, left_text, right_text)


def _compare(
    a: bytes,
    b: bytes,
    what: str,
    reduce: _Reduce,
    differences: _Differences,
) -> DocumentDifference:
    if a == b:
        return DocumentDifference()
    left = object_of(canonical_json.decode(a, what), what)
    right = object_of(canonical_json.decode(b, what), what)
    changes = tuple(differences(reduce(left), reduce(right)))
    return DocumentDifference(changes, encoding=same_values(left, right))


def _reduced_manifest(document: Document) -> Document:
    reduced = {key: value for key, value in document.items() if key != "layers"}
    config = reduced.get("config")
    if isinstance(config, dict):
        reduced["config"] = {k: v for k, v in config.items() if k not in ("digest", "size")}
    return reduced


def _reduced_index(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "manifests"}


def _reduced_config(document: Document) -> Document:
    reduced = dict(document)
    rootfs = reduced.get("rootfs")
    if isinstance(rootfs, dict):
        reduced["rootfs"] = {k: v for k, v in rootfs.items() if k != "diff_ids"}
    return reduced


def _plain_differences(a: Document, b: Document) -> Iterator[ValueChange]:
    return value_changes(a, b)


def _config_differences(a: Document, b: Document) -> Iterator[ValueChange]:
    for key in sorted(a.keys() | b.keys()):
        left, right = a.get(key, _ABSENT), b.get(key, _ABSENT)
        if key == "history" and isinstance(left, list) and isinstance(right, list):
            yield from _history_differences(left, right)
        elif key in ("config", "container_config") and isinstance(left, dict):
            yield from _execution_differences(left, right, key)
        else:
            yield from value_changes(left, right, _member("", key))


def _execution_differences(a: Document, b: object, where: str) -> Iterator[ValueChange]:
    if not isinstance(b, dict):
        yield from value_changes(a, b, where)
        return
    for key in sorted(a.keys() | b.keys()):
        left, right = a.get(key, _ABSENT), b.get(key, _ABSENT)
        place = _member(where, key)
        if key == "Env" and (names := _variables(left)) and (others := _variables(right)):
            yield from _variable_differences(names, others, place)
        else:
            yield from value_changes(left, right, place)


def _variable_differences(
    a: dict[str, str], b: dict[str, str], where: str
) -> Iterator[ValueChange]:
    yield from value_changes(a, b, where)
    common_a = [name for name in a if name in b]
    common_b = [name for name in b if name in a]
    if common_a != common_b:
        yield ValueChange(f"{where} (order)", _text(common_a), _text(common_b))


def _variables(value: object) -> dict[str, str] | None:
    """Give NAME=value lines by name; None when they are anything else, or a name comes twice."""
    if not isinstance(value, list):
        return None
    found: dict[str, str] = {}
    for line in value:
        name, equals, text = line.partition("=") if isinstance(line, str) else ("", "", "")
        if not equals or name in found:
            return None
        found[name] = text
    return found


def _history_differences(a: list[object], b: list[object]) -> Iterator[ValueChange]:
    shorter = min(len(a), len(b))
    if len(a) == len(b):
        yield from value_changes(a, b, "history")
        return
    start = 0
    while start < shorter and _instruction(a[start]) == _instruction(b[start]):
        start += 1
    end = 0
    while end < shorter - start and _instruction(a[-1 - end]) == _instruction(b[-1 - end]):
        end += 1
    for position in range(start):
        yield from value_changes(a[position], b[position], f"history[{position}]")
    for position in range(start, len(a) - end):
        yield ValueChange(f"history[{position}]", _text(a[position]), None)
    for position in range(start, len(b) - end):
        yield ValueChange(f"history[{position}]", None, _text(b[position]))
    for offset in range(end, 0, -1):
        yield from value_changes(a[-offset], b[-offset], f"history[{len(a) - offset}]")


def _instruction(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return value.get("created_by"), value.get("empty_layer") or False


def _execution(document: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if key not in _NOT_EXECUTION}


def _member(where: str, key: str) -> str:
    if _PLAIN.match(key):
        return f"{where}.{key}" if where else key
    return f"{where}[{escaped(_text(key))}]"


def _text_or_none(value: object) -> str | None:
    return None if value is _ABSENT else _text(value)


def _text(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if text.isprintable():
        return text
    # Inside a JSON document characters that do not print can only stand in strings.
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
