"""SARIF 2.1.0 (OASIS), as far as our reports use it: one run of a tool, its rules and results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import samebit

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_TREE = "TREE"


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
    `excuse` says why it does not count. `fingerprint` is the same for the same finding of another
    run.
    """

    rule: str
    level: str
    message: str
    path: str
    offset: int | None = None
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
        if self.path:
            place: dict[str, object] = {
                "artifactLocation": {"uri": quote(self.path.lstrip("/")), "uriBaseId": _TREE}
            }
            if self.offset is not None:
                place["region"] = {"byteOffset": self.offset, "byteLength": 0}
            found["locations"] = [{"physicalLocation": place}]
        if self.excuse is not None:
            found["suppressions"] = [{"kind": "external", "justification": self.excuse}]
        if self.fingerprint:
            found["partialFingerprints"] = {"samebit/v1": self.fingerprint}
        if self.properties:
            found["properties"] = dict(self.properties)
        return found


def sarif_log(
    tool: str,
    tree: str,
    rules: Sequence[Rule],
    results: Sequence[Result],
    properties: Mapping[str, object],
) -> str:
    """Give the log of one run, without a final newline. `tree` says what paths are relative to."""
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": tool,
                "semanticVersion": samebit.__version__,
                "rules": [rule.document() for rule in rules],
            }
        },
        "originalUriBaseIds": {_TREE: {"description": {"text": tree}}},
        "properties": dict(properties),
        "results": [result.document(numbers[result.rule]) for result in results],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
