"""What an audit found, for programs: one JSON document (docs/json/audit.md)."""

from __future__ import annotations

import json
from dataclasses import asdict

from samebit.model.audit import AuditedFile, AuditFinding, AuditReport
from samebit.model.escaped import escaped
from samebit.model.executable import Executable, Linkage
from samebit.model.lightness import Lightness, Needs, Source

VERSION = 1


def audit_json(report: AuditReport) -> str:
    """Give the document, indented and in ASCII, without a final newline."""
    document: dict[str, object] = {
        "document": "samebit-audit",
        "version": VERSION,
        "target": escaped(report.target),
        "kind": report.kind,
        "digest": report.digest,
        "platform": report.platform,
        "policy": report.policy.value,
        "passed": report.violations == 0,
        "violations": report.violations,
        "entries": report.entries,
        "executables": [_file(file) for file in report.files],
        "lightness": _lightness(report.lightness) if report.lightness is not None else None,
        "unused_exceptions": [
            {"path": item.path, "finding": item.finding, "where": item.where}
            for item in report.unused
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _file(file: AuditedFile) -> dict[str, object]:
    return {
        "path": file.path,
        "links": list(file.links),
        "size": file.size,
        **_source(file.source),
        **_facts(file.facts),
        "libraries": [{"name": name, "path": path or None} for name, path in file.libraries],
        "findings": [_finding(finding) for finding in file.findings],
    }


def _source(source: Source | None) -> dict[str, object]:
    found = source or Source(0)
    return {
        "layer": source.layer if source is not None else None,
        "created_by": found.created_by,
        "where": found.where or None,
        "instructions": found.instructions,
    }


def _lightness(light: Lightness) -> dict[str, object]:
    return {
        **asdict(light),
        "sources": [
            {
                **_source(share.source),
                "files": share.files,
                "size": share.size,
                "visible": share.visible,
            }
            for share in light.sources
        ],
        "unpackaged": {
            "files": light.unpackaged.files,
            "size": light.unpackaged.size,
            "sources": light.unpackaged.sources,
        },
        "needs": None if light.needs is None else _needs(light.needs),
    }


def _needs(needs: Needs) -> dict[str, object]:
    data = [{"path": path, "size": size} for path, size in needs.data]
    return {**asdict(needs), "data": data}


def _facts(facts: Executable) -> dict[str, object]:
    linkage = facts.linkage or Linkage((0, 0, 0))
    return {
        "format": facts.format,
        "type": facts.kind,
        "architecture": facts.architecture,
        "language": facts.language,
        "toolchain": list(facts.toolchain),
        "linking": facts.linking.value if facts.linking is not None else None,
        "interpreter": _text(linkage.interpreter),
        "commands": [escaped(command) for command in facts.commands],
        "needed": [escaped(name) for name in linkage.needed],
        "soname": _text(linkage.soname),
        "rpath": _text(linkage.rpath),
        "runpath": _text(linkage.runpath),
        "stripped": facts.stripped,
        "debug_information": facts.debug,
        "build_ids": [{"kind": kind, "value": value} for kind, value in facts.build_ids],
        "hardening": dict(facts.hardening),
        "details": [{"name": name, "value": value} for name, value in facts.details],
    }


def _finding(finding: AuditFinding) -> dict[str, object]:
    return {
        "finding": finding.code,
        "value": finding.value,
        "place": finding.place,
        "fix": finding.fix,
        "excused": finding.excused,
        "violation": finding.violation,
    }


def _text(value: bytes | None) -> str | None:
    return escaped(value) if value else None
