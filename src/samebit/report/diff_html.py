"""How two images differ, for a browser: one file that needs nothing else, offline as well."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from samebit.model.explanation import Cause, Explanation
from samebit.model.image_difference import DiffReport, EntriesDifference
from samebit.model.verification import PathDifference, Verification
from samebit.report.diff_words import GRADES, compression, count, hexdump, layer_words
from samebit.report.verify_text import as_built, blame, verdict


def diff_html(report: DiffReport, verification: Verification | None = None) -> str:
    """Give the page. Everything from the images is escaped; the page can load nothing.

    `verification` is what compared them, where it was more than the comparison alone.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("samebit.report").joinpath("templates", "diff.html").read_text("utf-8")
    index = report.index
    return environment.from_string(source).render(
        report=report,
        verdict=_sentence(verdict(verification) if verification else GRADES[report.grade]),
        verification=verification,
        written=_written(verification),
        build_of=lambda digest: _build_of(digest, verification),
        side_of=lambda digest: _side_of(digest, report),
        as_built=as_built,
        blame=blame,
        grades=GRADES,
        causes=_causes(report),
        platforms=()
        if index is None
        else (
            ("only in A", index.only_a),
            ("only in B", index.only_b),
            ("different", index.different),
            ("same", index.same),
            ("not compared, the other side is one image", index.unread),
        ),
        compression=compression,
        count=count,
        hexdump=hexdump,
        layer_words=layer_words,
        cause_names=_names,
        sentence=_sentence,
    )


def _written(verification: Verification | None) -> dict[str, list[PathDifference]]:
    """Give by path what is known besides its bytes; several where platforms have it."""
    found: dict[str, list[PathDifference]] = {}
    for difference in verification.differences if verification is not None else ():
        found.setdefault(difference.path, []).append(difference)
    return found


def _build_of(digest: str, verification: Verification | None) -> str:
    """Name the first build that gave an image, empty when none did."""
    for number, build in enumerate(verification.builds if verification is not None else (), 1):
        if build.digest == digest:
            return f"build {number}"
    return ""


def _side_of(digest: str, report: DiffReport) -> str:
    """Give the side that an image is shown on, empty for none, or for both."""
    if report.a.digest == report.b.digest:
        return ""
    return {report.a.digest: "a", report.b.digest: "b"}.get(digest, "")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _causes(report: DiffReport) -> list[tuple[Cause, int]]:
    """Give each cause once, with the number of files that it explains, the most common first."""
    causes: dict[str, Cause] = {}
    files_of: dict[str, set[str]] = {}
    for path, explanation in _explanations(report):
        for cause in explanation.causes:
            causes.setdefault(cause.name, cause)
            files_of.setdefault(cause.name, set()).add(path)
    return sorted(
        ((cause, len(files_of[name])) for name, cause in causes.items()),
        key=lambda item: (-item[1], item[0].name),
    )


def _explanations(report: DiffReport) -> Iterator[tuple[str, Explanation]]:
    for image in report.images:
        told: list[EntriesDifference | None] = [layer.entries for layer in image.layers]
        # Layers that pair up have told it already.
        if not image.paired:
            told.append(image.tree)
        for entries in told:
            for change in entries.changed if entries else ():
                if change.explanation is not None:
                    yield change.path, change.explanation
            for renamed in entries.renamed if entries else ():
                yield renamed.path_a, renamed.explanation


def _names(explanation: Explanation | None) -> list[str]:
    return [cause.name for cause in explanation.causes] if explanation else []
