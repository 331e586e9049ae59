"""What an audit found, for people: every executable with what it is, then what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TextIO

from samebit.model.audit import AuditedFile, AuditFinding, AuditReport, Policy, finding_kind
from samebit.report.lightness_text import lightness_lines, source_words
from samebit.report.styled_lines import Line, print_lines

_HEADING, _REFUSED, _NOTED, _NOTE = "bold", "red", "yellow", "dim"
_MAX_VALUES = 4


def write_audit(report: AuditReport, out: TextIO, *, every: bool) -> None:
    """Print the report; with `every` also the executables in which nothing was found."""
    print_lines(audit_lines(report, every=every), out)


def audit_lines(report: AuditReport, *, every: bool) -> Iterator[Line]:
    """Give the report line by line."""
    digest = f"  {report.digest}" if report.digest else ""
    platform = f"  {report.platform}" if report.platform else ""
    yield Line(f"{report.kind} {report.target}{digest}{platform}", _HEADING)
    quiet = 0
    for file in report.files:
        if file.findings or every:
            yield from _file(file, report.policy)
        else:
            quiet += 1
    if report.lightness is not None:
        yield Line("")
        yield from lightness_lines(report.lightness, every=every)
    yield Line("")
    yield from _summary(report, quiet)


def _file(file: AuditedFile, policy: Policy) -> Iterator[Line]:
    yield Line(f"{file.path}: {_what(file)}", _HEADING)
    if file.links:
        yield Line(f"  also: {', '.join(file.links)}")
    for words in _facts(file):
        yield Line(f"  {words}")
    if file.source is not None and file.findings:
        yield Line(f"  from: {source_words(file.source)}", _NOTE)
    for _, group in groupby(file.findings, lambda finding: (finding.code, finding.excused)):
        yield from _findings(list(group), policy)


def _what(file: AuditedFile) -> str:
    facts = file.facts
    parts = [facts.format.upper() if facts.format in ("elf", "pe") else facts.format, facts.kind]
    if facts.architecture:
        parts.append(facts.architecture)
    if facts.linking is not None:
        parts.append(facts.linking.value)
    if facts.stripped is not None:
        parts.append("stripped" if facts.stripped else "not stripped")
    return ", ".join(parts)


def _facts(file: AuditedFile) -> Iterator[str]:
    facts = file.facts
    if facts.toolchain:
        yield f"toolchain: {'; '.join(facts.toolchain)}"
    if facts.hardening:
        yield "hardening: " + ", ".join(f"{name} {value}" for name, value in facts.hardening)
    for name, place in file.libraries:
        yield f"library: {name} -> {place or 'not found'}"
    if facts.linkage is not None and facts.linkage.interpreter is not None:
        yield f"interpreter: {facts.linkage.interpreter.decode('utf-8', 'backslashreplace')}"
    for name, pairs in groupby(facts.details, lambda pair: pair[0]):
        yield f"{name}: {'; '.join(value for _, value in pairs)}"
    for name, value in facts.build_ids:
        yield f"build ID ({name}): {value}"


def _findings(findings: list[AuditFinding], policy: Policy) -> Iterator[Line]:
    first = findings[0]
    refused = first.violation
    style = _REFUSED if refused else _NOTE if first.excused else _NOTED
    word = "refused" if refused else "excused" if first.excused else "found"
    yield Line(f"  {word}: {finding_kind(first.code).meaning} [{first.code}]", style)
    for finding in findings[:_MAX_VALUES]:
        place = f"  ({finding.place})" if finding.place else ""
        yield Line(f"    {finding.value}{place}")
    if len(findings) > _MAX_VALUES:
        yield Line(f"    and {len(findings) - _MAX_VALUES} more (--json has all)", _NOTE)
    if first.excused:
        yield Line(f"    reason: {first.excused}", _NOTE)
    elif first.fix and (refused or policy is Policy.REPORT):
        yield Line(f"    help: {first.fix}")


def _summary(report: AuditReport, quiet: int) -> Iterator[Line]:
    counts = Counter(f.code for file in report.files for f in file.findings)
    refused = Counter(f.code for file in report.files for f in file.findings if f.violation)
    excused = sum(f.excused is not None for file in report.files for f in file.findings)
    yield Line(
        f"{report.entries} entries, {len(report.files)} executables"
        + (f", {quiet} of them with nothing to tell (--all shows them)" if quiet else "")
    )
    for code, count in sorted(counts.items()):
        verdict = f", {refused[code]} refused" if refused[code] else ""
        yield Line(f"  {code}: {count}{verdict}", _REFUSED if refused[code] else "")
    if excused:
        yield Line(f"  excused by samebit.toml: {excused}", _NOTE)
    for item in report.unused:
        yield Line(f"  {item.where}: this exception matches nothing", _NOTED)
    if report.policy is Policy.REPORT:
        return
    if report.violations:
        yield Line(f"not {report.policy.value}: {report.violations} refused", _REFUSED)
    else:
        yield Line(f"{report.policy.value}", _HEADING)
