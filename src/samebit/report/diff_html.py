"""How two images differ, for a browser: one file that needs nothing else, offline as well."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from samebit.model.explanation import Cause
from samebit.model.image_difference import DiffReport, EntriesDifference, EntryChange
from samebit.report.diff_words import GRADES, compression, count, hexdump, layer_words


def diff_html(report: DiffReport, headline: str = "") -> str:
    """Give the page. Everything from the images is escaped; the page can load nothing.

    `headline` is the verdict of whoever compared them, by default that of the comparison alone.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("samebit.report").joinpath("templates", "diff.html").read_text("utf-8")
    index = report.index
    return environment.from_string(source).render(
        report=report,
        verdict=_sentence(headline) or _verdict(report),
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
        names_of=_names,
        sentence=_sentence,
    )


def _verdict(report: DiffReport) -> str:
    return _sentence(GRADES[report.grade])


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _causes(report: DiffReport) -> list[tuple[Cause, int]]:
    """Give each cause once, with the number of files that it explains, the most common first."""
    causes: dict[str, Cause] = {}
    files_of: dict[str, set[str]] = {}
    for change in _changes(report):
        for cause in change.explanation.causes if change.explanation else ():
            causes.setdefault(cause.name, cause)
            files_of.setdefault(cause.name, set()).add(change.path)
    return sorted(
        ((cause, len(files_of[name])) for name, cause in causes.items()),
        key=lambda item: (-item[1], item[0].name),
    )


def _changes(report: DiffReport) -> Iterator[EntryChange]:
    for image in report.images:
        told: list[EntriesDifference | None] = [layer.entries for layer in image.layers]
        # Layers that pair up have told it already.
        if not image.paired:
            told.append(image.tree)
        for entries in told:
            if entries is not None:
                yield from entries.changed


def _names(change: EntryChange) -> list[str]:
    return [cause.name for cause in change.explanation.causes] if change.explanation else []
