"""What an audit found, for tools that collect findings: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import json
from urllib.parse import quote

import samebit
from samebit.model.audit import AuditedFile, AuditFinding, AuditReport, finding_kind

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def audit_sarif(report: AuditReport) -> str:
    """Give the log of one run, without a final newline.

    A violation is an error, another finding a note; what an exception allows is suppressed, with
    the reason. Locations are paths inside the audited tree.
    """
    codes = sorted({finding.code for file in report.files for finding in file.findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": finding_kind(code).meaning},
            "properties": {"policy": finding_kind(code).policy.value},
        }
        for code in codes
    ]
    results = [
        _result(file, finding, codes.index(finding.code))
        for file in report.files
        for finding in file.findings
    ]
    driver = {
        "name": "samebit audit",
        "semanticVersion": samebit.__version__,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"TREE": {"description": {"text": f"{report.kind} {report.target}"}}},
        "properties": {"policy": report.policy.value, "digest": report.digest},
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(file: AuditedFile, finding: AuditFinding, rule: int) -> dict[str, object]:
    place = f" ({finding.place})" if finding.place else ""
    message = f"{file.path}: {finding_kind(finding.code).meaning}: {finding.value}{place}"
    if finding.fix:
        message += f". {finding.fix}"
    artifact = {"uri": quote(file.path.lstrip("/")), "uriBaseId": "TREE"}
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": "error" if finding.violation else "note",
        "message": {"text": message},
        "locations": [{"physicalLocation": {"artifactLocation": artifact}}],
    }
    if finding.excused is not None:
        result["suppressions"] = [{"kind": "external", "justification": finding.excused}]
    return result
