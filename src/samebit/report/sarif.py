"""SARIF 2.1.0 (OASIS), as far as our reports use it: one run of a tool, its rules and results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import samebit
from samebit.errors import Place

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_TREE = "TREE"
_SOURCE = "SOURCE"
_SOURCE_IS = "the folder that the command was run in"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of result: reportingDescriptor (3.49). Empty texts are left out."""

    id: str
    meaning: str
    help: str = ""
    address: str = ""
    properties: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        """Give its JSON value."""
        found: dict[str, object] = {"id": self.id, "shortDescription": {"text": self.meaning}}
        if self.help:
            found["help"] = {"text": self.help}
        if self.address:
            found["helpUri"] = self.address
        if self.properties:
            found["properties"] = dict(self.properties)
        return found


@dataclass(frozen=True, slots=True)
class Result:
    """Something found (3.27). `level` is error, warning or note.

    `path` is that of a file in the tree, from the root on, or empty; `offset` a byte of the file.
    `source` is the line of a person's file that is to blame; then the path is a logical location.
    `excuse` says why it does not count. `fingerprint` is the same for the same finding of another
    run.
    """

    rule: str
    level: str
    message: str
    path: str
    offset: int | None = None
    source: Place | None = None
    excuse: str | None = None
    fingerprint: str = ""
    properties: Mapping[str, object] = field(default_factory=dict)

    def document(self, rule: int) -> dict[str, object]:
        """Give its JSON value; `rule` is the number of its rule."""
        found: dict[str, object] = {
            "ruleId": self.rule,
            "ruleIndex": rule,
            "level": self.level,
            "message": {"text": self.message},
        }
        location: dict[str, object] = {}
        if self.source is not None:
            location["physicalLocation"] = _line(self.source)
            if self.path:
                name = {"fullyQualifiedName": self.path, "kind": "resource"}
                location["logicalLocations"] = [name]
        elif self.path:
            place: dict[str, object] = {
                "artifactLocation": {"uri": quote(self.path.lstrip("/")), "uriBaseId": _TREE}
            }
            if self.offset is not None:
                place["region"] = {"byteOffset": self.offset, "byteLength": 0}
            location["physicalLocation"] = place
        if location:
            found["locations"] = [location]
        if self.excuse is not None:
            found["suppressions"] = [{"kind": "external", "justification": self.excuse}]
        if self.fingerprint:
            found["partialFingerprints"] = {"samebit/v1": self.fingerprint}
        if self.properties:
            found["properties"] = dict(self.properties)
        return found


def _line(source: Place) -> dict[str, object]:
    """Give the physicalLocation (3.29) of a line: a URI, relative where the path is (3.4.3)."""
    path = os.path.normpath(source.path)
    # A relative URI may not lead out of its base.
    if os.path.isabs(path) or path.split("/")[0] == "..":
        artifact = {"uri": f"file://{quote(os.path.abspath(path))}"}
    else:
        artifact = {"uri": quote(path), "uriBaseId": _SOURCE}
    place: dict[str, object] = {"artifactLocation": artifact}
    if source.line is not None:
        place["region"] = {"startLine": source.line}
    return place


def sarif_log(
    tool: str,
    tree: str,
    rules: Sequence[Rule],
    results: Sequence[Result],
    properties: Mapping[str, object],
) -> str:
    """Give the log of one run, without a final newline. `tree` says what paths are relative to."""
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    bases = {_TREE: {"description": {"text": tree}}}
    if any(result.source is not None for result in results):
        bases[_SOURCE] = {"description": {"text": _SOURCE_IS}}
    run = {
        "tool": {
            "driver": {
                "name": tool,
                "semanticVersion": samebit.__version__,
                "rules": [rule.document() for rule in rules],
            }
        },
        "originalUriBaseIds": bases,
        "properties": dict(properties),
        "results": [result.document(numbers[result.rule]) for result in results],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
