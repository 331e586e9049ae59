"""Checking documents against our own JSON schemas."""

from __future__ import annotations

import re
from typing import Any


def faults(value: Any, schema: dict[str, Any], root: Any = None, where: str = "$") -> list[str]:
    """Where `value` breaks `schema`; knows the parts of JSON Schema that ours uses."""
    root = root or schema
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, where)
    if "anyOf" in schema:
        found = [faults(value, option, root, where) for option in schema["anyOf"]]
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
                found += faults(item, below, root, f"{where}.{key}")
        return found
    if kind == "array":
        if not isinstance(value, list):
            return [f"{where}: no array"]
        return [
            fault
            for n, item in enumerate(value)
            for fault in faults(item, schema["items"], root, f"{where}[{n}]")
        ]
    if kind in types and type(value) is not types[kind]:
        return [f"{where}: {value!r} is not of type {kind}"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r}"]
    return []
