"""What an audit found, for tools that collect findings: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

from samebit.model.audit import AuditedFile, AuditFinding, AuditReport, finding_kind
from samebit.report.sarif import Result, Rule, sarif_log


def audit_sarif(report: AuditReport) -> str:
    """Give the log of one run, without a final newline.

    A violation is an error, another finding a note; what an exception allows is suppressed, with
    the reason. Locations are paths inside the audited tree.
    """
    codes = sorted({finding.code for file in report.files for finding in file.findings})
    return sarif_log(
        "samebit audit",
        f"{report.kind} {report.target}",
        [_rule(code) for code in codes],
        [_result(file, finding) for file in report.files for finding in file.findings],
        {"policy": report.policy.value, "digest": report.digest},
    )


def _rule(code: str) -> Rule:
    kind = finding_kind(code)
    return Rule(code, kind.meaning, properties={"policy": kind.policy.value})


def _result(file: AuditedFile, finding: AuditFinding) -> Result:
    place = f" ({finding.place})" if finding.place else ""
    message = f"{file.path}: {finding_kind(finding.code).meaning}: {finding.value}{place}"
    if file.source is not None and file.source.where:
        message += f". It came by {file.source.where}"
    if finding.fix:
        message += f". {finding.fix}"
    level = "error" if finding.violation else "note"
    return Result(finding.code, level, message, file.path, excuse=finding.excused)
