"""How two images differ, for programs: one JSON document (docs/json/diff.md)."""

from __future__ import annotations

import enum
import json
from dataclasses import fields, is_dataclass

from samebit.model.image_difference import (
    Compression,
    DiffReport,
    EntriesDifference,
    FieldChange,
    ValueChange,
)

VERSION = 1


def diff_json(report: DiffReport) -> str:
    """Give the document, indented and in ASCII, without a final newline."""
    document = {"document": "samebit-diff", "version": VERSION, "identical": report.identical}
    converted = _value(report)
    assert isinstance(converted, dict)
    return json.dumps(document | converted, indent=2, allow_nan=False)


def _value(value: object) -> object:
    match value:
        case ValueChange():
            sides = {"a": value.a, "b": value.b}
            found = {name: json.loads(text) for name, text in sides.items() if text is not None}
            return {"path": value.path, **found}
        case FieldChange():
            sides = {"a": value.a, "b": value.b}
            found = {name: text for name, text in sides.items() if text is not None}
            return {"field": value.field, **found}
        case EntriesDifference():
            return _members(value) | {"fields": dict(value.fields)}
        case Compression():
            return _members(value) | {"header": dict(value.header)}
        case enum.Enum():
            return value.value
        case bytes():
            return value.hex()
        case tuple():
            return [_value(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            return _members(value)


def _members(value: object) -> dict[str, object]:
    assert is_dataclass(value)
    return {field.name: _value(getattr(value, field.name)) for field in fields(value)}
