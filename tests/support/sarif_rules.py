"""What SARIF 2.1.0 (OASIS, sections in brackets) asks of a log, as far as our reports go.

Strict: a property that is not named here is a fault, so that a misspelt one cannot pass.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

# A property: its check, and whether it must be there.
_Shape = dict[str, tuple[Any, bool]]


def faults(log: object) -> list[str]:
    """Say what of a log is not as the standard says."""
    return _object(log, _LOG, "$")


def _object(value: object, shape: _Shape, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    found = [
        f"{where}: lacks {name}" for name, (_, must) in shape.items() if must and name not in value
    ]
    for name, item in value.items():
        if name not in shape:
            found.append(f"{where}: unknown {name}")
        else:
            found += shape[name][0](item, f"{where}.{name}")
    return found


def _of(shape: _Shape) -> Any:
    return lambda value, where: _object(value, shape, where)


def _list_of(check: Any) -> Any:
    def items(value: object, where: str) -> list[str]:
        if not isinstance(value, list):
            return [f"{where}: no array"]
        return [one for n, item in enumerate(value) for one in check(item, f"{where}[{n}]")]

    return items


def _text(value: object, where: str) -> list[str]:
    return [] if isinstance(value, str) and value else [f"{where}: no text: {value!r}"]


def _number(value: object, where: str) -> list[str]:
    good = type(value) is int and value >= 0
    return [] if good else [f"{where}: no number from 0 on: {value!r}"]


def _from_one(value: object, where: str) -> list[str]:
    good = type(value) is int and value >= 1
    return [] if good else [f"{where}: no number from 1 on: {value!r}"]


def _one_of(*values: str) -> Any:
    return lambda value, where: [] if value in values else [f"{where}: {value!r}"]


def _absolute(value: object, where: str) -> list[str]:
    good = isinstance(value, str) and urlsplit(value).scheme and not re.search(r"\s", value)
    return [] if good else [f"{where}: no absolute URI: {value!r}"]


def _relative(value: object, where: str) -> list[str]:
    # 3.4.3: an RFC 3986 relative reference below a uriBaseId; never a "..".
    good = (
        isinstance(value, str)
        and re.fullmatch(r"(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+", value, re.ASCII)
        and not value.startswith("/")
        and ".." not in value.split("/")
    )
    return [] if good else [f"{where}: no relative reference: {value!r}"]


def _version(value: object, where: str) -> list[str]:
    good = isinstance(value, str) and re.fullmatch(r"\d+\.\d+\.\d+(?:[-+][\w.+-]+)?", value)
    return [] if good else [f"{where}: no semantic version: {value!r}"]


def _bag(value: object, where: str) -> list[str]:
    return [] if isinstance(value, dict) else [f"{where}: no property bag"]


def _fingerprints(value: object, where: str) -> list[str]:
    # 3.27.17: values are strings; keys say their version.
    good = isinstance(value, dict) and all(
        isinstance(text, str) and re.search(r"/v\d+\Z", key) for key, text in value.items()
    )
    return [] if good else [f"{where}: {value!r}"]


def _bases(value: object, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    return [one for key, item in value.items() for one in _object(item, _BASE, f"{where}.{key}")]


def _run(value: object, where: str) -> list[str]:
    found = _object(value, _RUN, where)
    if found:
        return found
    assert isinstance(value, dict)
    rules = value["tool"]["driver"]["rules"]
    names = [rule["id"] for rule in rules]
    # 3.49.3: a rule's id is unique in its tool.
    found += [f"{where}: rule {name} twice" for name in names if names.count(name) > 1]
    for number, result in enumerate(value["results"]):
        at = f"{where}.results[{number}]"
        index = result["ruleIndex"]
        # 3.27.6: ruleIndex points at the rule that ruleId names.
        if index >= len(names) or names[index] != result["ruleId"]:
            found.append(f"{at}: ruleIndex is not that of {result['ruleId']}")
        for location in result.get("locations", ()):
            base = location["physicalLocation"]["artifactLocation"].get("uriBaseId")
            # 3.4.4: it should be among originalUriBaseIds.
            if base is not None and base not in value["originalUriBaseIds"]:
                found.append(f"{at}: unknown base {base}")
    return found


_MESSAGE = {"text": (_text, True)}
_BASE = {"description": (_of(_MESSAGE), True)}
_ARTIFACT = {"uri": (_relative, True), "uriBaseId": (_text, True)}
_ABSOLUTE_ARTIFACT = {"uri": (_absolute, True)}


def _artifact(value: object, where: str) -> list[str]:
    # 3.4.4: without a uriBaseId a URI stands for itself.
    relative = isinstance(value, dict) and "uriBaseId" in value
    return _object(value, _ARTIFACT if relative else _ABSOLUTE_ARTIFACT, where)


# 3.30.6: a region of bytes has an offset, and a length of 0 is an insertion point.
_BYTES = {"byteOffset": (_number, True), "byteLength": (_number, True)}
_LINES = {"startLine": (_from_one, True)}


def _region(value: object, where: str) -> list[str]:
    lines = isinstance(value, dict) and "startLine" in value
    return _object(value, _LINES if lines else _BYTES, where)


_PHYSICAL = {"artifactLocation": (_artifact, True), "region": (_region, False)}
# 3.33.7: a resource is one of the kinds that the standard names.
_LOGICAL = {"fullyQualifiedName": (_text, True), "kind": (_one_of("resource"), True)}
_LOCATION = {
    "physicalLocation": (_of(_PHYSICAL), True),
    "logicalLocations": (_list_of(_of(_LOGICAL)), False),
}
_SUPPRESSION = {"kind": (_one_of("inSource", "external"), True), "justification": (_text, False)}
_RESULT = {
    "ruleId": (_text, True),
    "ruleIndex": (_number, True),
    "level": (_one_of("none", "note", "warning", "error"), True),
    "message": (_of(_MESSAGE), True),
    "locations": (_list_of(_of(_LOCATION)), False),
    "suppressions": (_list_of(_of(_SUPPRESSION)), False),
    "partialFingerprints": (_fingerprints, False),
    "properties": (_bag, False),
}
_RULE = {
    "id": (_text, True),
    "shortDescription": (_of(_MESSAGE), True),
    "help": (_of(_MESSAGE), False),
    "helpUri": (_absolute, False),
    "properties": (_bag, False),
}
_DRIVER = {
    "name": (_text, True),
    "semanticVersion": (_version, True),
    "rules": (_list_of(_of(_RULE)), True),
}
_RUN = {
    "tool": (_of({"driver": (_of(_DRIVER), True)}), True),
    "originalUriBaseIds": (_bases, True),
    "properties": (_bag, False),
    "results": (_list_of(_of(_RESULT)), True),
}
_LOG = {
    "$schema": (_absolute, True),
    "version": (_one_of("2.1.0"), True),
    "runs": (_list_of(_run), True),
}
