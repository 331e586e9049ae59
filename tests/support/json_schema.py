"""Checking JSON against the schemas in docs/json, without another package."""

from __future__ import annotations

import re
from typing import Any


def faults(value: Any, schema: dict[str, Any]) -> list[str]:
    """Say what of a JSON value is not as a schema says: the parts of JSON Schema that ours use."""
    return _faults(value, schema, schema.get("$defs", {}), "$")


def _faults(
    value: Any, schema: dict[str, Any], definitions: dict[str, Any], where: str
) -> list[str]:
    if "$ref" in schema:
        return _faults(value, definitions[schema["$ref"].rpartition("/")[2]], definitions, where)
    if "anyOf" in schema:
        found = [_faults(value, option, definitions, where) for option in schema["anyOf"]]
        return [] if [] in found else found[0]
    if "const" in schema:
        return [] if value == schema["const"] else [f"{where}: {value!r}"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where}: {value!r}"]
    types = {"string": str, "integer": int, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        properties = schema.get("properties", {})
        found = [f"{where}: lacks {key}" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            below = properties.get(key, schema.get("additionalProperties", {}))
            if below is False:
                found.append(f"{where}: unknown {key}")
            else:
                found += _faults(item, below, definitions, f"{where}.{key}")
        return found
    if kind == "array":
        if not isinstance(value, list):
            return [f"{where}: no array"]
        return [
            fault
            for n, item in enumerate(value)
            for fault in _faults(item, schema["items"], definitions, f"{where}[{n}]")
        ]
    if kind in types and type(value) is not types[kind]:
        return [f"{where}: {value!r} is not of type {kind}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r}"]
    return []
