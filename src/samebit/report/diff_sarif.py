"""How two images differ, for tools that collect findings: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.model.escaped import escaped
from samebit.model.explanation import Cause, Confidence, Evidence
from samebit.model.image_difference import (
    DiffReport,
    EntriesDifference,
    EntryChange,
    ImageDifference,
)
from samebit.report.diff_words import GRADES
from samebit.report.sarif import Result, Rule, sarif_log

_LEVELS = {
    Confidence.CERTAIN: "error",
    Confidence.LIKELY: "warning",
    Confidence.POSSIBLE: "note",
}
UNEXPLAINED = Rule("difference/unexplained", "it differs, and no cause is known")
_ONLY = Rule("difference/only-one", "only one of the images has it")
DOCUMENT = Rule("difference/settings", "a value of the image's config or manifest differs")


def diff_sarif(report: DiffReport) -> str:
    """Give the log of one run, without a final newline.

    A result is one cause at one path: an error when it is certain, a warning when it is likely, a
    note when it is possible. Locations are paths inside the images; two images that are identical
    have no results.
    """
    causes: dict[str, Cause] = {}
    results: list[Result] = []
    for image in report.images:
        results += documents(image)
        for entries in _told(image):
            for change in entries.changed:
                results += _changed(change, causes)
            results += _renamed(entries, causes)
    rules = [rule_of(cause) for _, cause in sorted(causes.items())]
    used = {result.rule for result in results}
    rules += [rule for rule in (UNEXPLAINED, _ONLY, DOCUMENT) if rule.id in used]
    return sarif_log(
        "samebit diff",
        f"images {escaped(report.a.name)} and {escaped(report.b.name)}",
        rules,
        results,
        {
            "grade": report.grade.value,
            "verdict": GRADES[report.grade],
            "digestA": report.a.digest,
            "digestB": report.b.digest,
        },
    )


def _told(image: ImageDifference) -> Iterator[EntriesDifference]:
    for layer in image.layers:
        if layer.entries is not None:
            yield layer.entries
    # Layers that pair up have told it already.
    if image.tree is not None and not image.paired:
        yield image.tree


def rule_of(cause: Cause) -> Rule:
    """Give the rule that all results of a cause refer to."""
    properties = {"axis": cause.axis} if cause.axis else {}
    return Rule(cause.name, cause.what, cause.fix, cause.reference, properties)


def _changed(change: EntryChange, causes: dict[str, Cause]) -> Iterator[Result]:
    explanation = change.explanation
    for cause in explanation.causes if explanation else ():
        causes.setdefault(cause.name, cause)
        yield of_cause(cause, change.path)
    if explanation is None or not explanation.causes:
        fields = ", ".join(field.field for field in change.fields)
        what = f"{change.path}: it differs ({fields or 'content'}), and no cause is known"
        offset = change.content.first if change.content else None
        yield Result(
            UNEXPLAINED.id, "warning", what, change.path, offset, fingerprint=f"?:{change.path}"
        )


def of_cause(cause: Cause, path: str) -> Result:
    """Give the result of a cause at a path."""
    shown = cause.evidence[0] if cause.evidence else None
    message = f"{path}: {cause.what}{f': {_evidence(shown)}' if shown else ''}. Fix: {cause.fix}"
    return Result(
        cause.name,
        _LEVELS[cause.confidence],
        message,
        path,
        # Offsets in members of archives are none of the file's.
        shown.offset_a if shown and not shown.member else None,
        fingerprint=f"{cause.name}:{path}",
        properties={"confidence": cause.confidence.value, "places": cause.places},
    )


def _evidence(evidence: Evidence) -> str:
    where = f"{evidence.member}: " if evidence.member else ""
    sides = (
        f"{text} ({meaning})" if meaning else text
        for text, meaning in ((evidence.a, evidence.meaning_a), (evidence.b, evidence.meaning_b))
    )
    return where + " -> ".join(sides)


def _renamed(entries: EntriesDifference, causes: dict[str, Cause]) -> Iterator[Result]:
    explained = set()
    for renamed in entries.renamed:
        if renamed.explanation.causes:
            explained |= {renamed.path_a, renamed.path_b}
        for cause in renamed.explanation.causes:
            causes.setdefault(cause.name, cause)
            yield of_cause(cause, renamed.path_a)
    for letter, paths in (("A", entries.only_a), ("B", entries.only_b)):
        for path in paths:
            if path not in explained:
                message = f"{path}: only in {letter}"
                yield Result(
                    _ONLY.id, "warning", message, path, fingerprint=f"only-{letter}:{path}"
                )


def documents(image: ImageDifference) -> Iterator[Result]:
    """Give a result for each value of the config and the manifest that differs."""
    for name, document in (("config", image.config), ("manifest", image.manifest)):
        for change in document.changes:
            a, b = ("absent" if value is None else value for value in (change.a, change.b))
            message = f"{name} {change.path}: {a} -> {b}"
            yield Result(DOCUMENT.id, "warning", message, "", fingerprint=f"{name}:{change.path}")
