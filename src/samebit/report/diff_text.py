"""How two images differ, for people: the verdict first, then what matters most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TextIO

from samebit.model.escaped import escaped
from samebit.model.explanation import Evidence, Explanation
from samebit.model.image_difference import (
    ByteDifference,
    DiffReport,
    DocumentDifference,
    EntriesDifference,
    EntryChange,
    ImageDifference,
    IndexDifference,
    LayerDifference,
    LayerSide,
    LayerVerdict,
    Side,
    ValueChange,
)
from samebit.report.diff_words import GRADES, compression, count, hexdump, layer_words, summary
from samebit.report.styled_lines import Line, print_lines

_A, _B, _HEADING, _VERDICT, _NOTE = "red", "green", "bold", "bold", "dim"
_MAX_VALUE = 100
_MAX_EVIDENCE = 2
_MAX_DEEP = 60


def write_diff(report: DiffReport, out: TextIO, limit: int | None) -> None:
    """Print the report, at most `limit` lines of each kind of value (None: all).

    Only a terminal gets colour; elsewhere nothing is wrapped. What `out` cannot encode is escaped.
    """
    print_lines(diff_lines(report, limit), out)


def diff_lines(report: DiffReport, limit: int | None) -> Iterator[Line]:
    """Give the report line by line."""
    yield from _side("A", report.a, _A)
    yield from _side("B", report.b, _B)
    yield Line(GRADES[report.grade], _VERDICT)
    if report.index is not None:
        yield from _index(report.index, limit)
    for image in report.images:
        if report.index is not None:
            yield Line("")
            yield Line(f"{image.platform}: {GRADES[image.grade]}", _HEADING)
        yield from _image(image, limit)


def _side(letter: str, side: Side, style: str) -> Iterator[Line]:
    yield Line(f"{letter}  {escaped(side.name)}  {side.digest}", style)
    if side.canonicalised:
        yield Line("   its place keeps no manifest: digest and compression are samebit's", _NOTE)


def _index(index: IndexDifference, limit: int | None) -> Iterator[Line]:
    for words, names in (
        ("only in A", index.only_a),
        ("only in B", index.only_b),
        ("different", index.different),
        ("same", index.same),
        ("not compared, the other side is one image", index.unread),
    ):
        if names:
            yield Line(f"platforms {words}: {', '.join(map(escaped, names))}")
    yield from _document("index", index.document, limit)


def _image(image: ImageDifference, limit: int | None) -> Iterator[Line]:
    yield from _document("config", image.config, limit)
    for verdict, group in groupby(image.layers, lambda layer: layer.verdict):
        layers = list(group)
        if verdict is LayerVerdict.SAME and not any(layer.descriptor for layer in layers):
            yield Line(f"{_positions(layers)}: same")
            continue
        for layer in layers:
            yield from _layer(layer, limit)
    if image.tree is not None:
        yield from _tree(image.tree, paired=image.paired)
    yield from _document("manifest", image.manifest, limit)


def _document(name: str, document: DocumentDifference, limit: int | None) -> Iterator[Line]:
    if document.encoding:
        yield Line(f"{name}: the same values, written in other bytes", _HEADING)
    if document.changes:
        yield Line(f"{name}: {count(len(document.changes), 'difference')}", _HEADING)
        yield from _values(document.changes, limit)


def _values(changes: tuple[ValueChange, ...], limit: int | None) -> Iterator[Line]:
    for change in changes[:limit]:
        yield Line(f"  {change.path}: {_change(change.a, change.b)}")
    yield from _more(len(changes), len(changes[:limit]))


def _positions(layers: list[LayerDifference]) -> str:
    sides = [layer.a for layer in layers if layer.a is not None]
    first, last = sides[0].position + 1, sides[-1].position + 1
    return f"layer {first}" if first == last else f"layers {first} to {last}"


def _layer(layer: LayerDifference, limit: int | None) -> Iterator[Line]:
    a, b = layer.a, layer.b
    if layer.verdict in {LayerVerdict.ONLY_A, LayerVerdict.ONLY_B}:
        side = a or b
        assert side is not None
        letter, style = ("A", _A) if a else ("B", _B)
        yield Line(f"layer {side.position + 1} of {letter}: {layer_words(layer)}", _HEADING)
        yield _blob(letter, side, style)
        return
    assert a is not None
    assert b is not None
    where = f"layer {a.position + 1}"
    if a.position != b.position:
        where += f" of A, {b.position + 1} of B"
    yield Line(f"{where}: {layer_words(layer)}", _HEADING)
    if layer.verdict is not LayerVerdict.SAME:
        yield _blob("A", a, _A)
        yield _blob("B", b, _B)
    yield from _values(layer.descriptor, limit)
    if layer.compression is not None:
        for letter, style, facts in zip("AB", (_A, _B), layer.compression, strict=True):
            yield Line(f"  {letter} {compression(facts)}", style)
    if layer.entries is not None:
        yield from _entries(layer.entries)
    if layer.archive is not None:
        yield Line(f"  no entry differs, the archive itself does: {_bytes(layer.archive)}")
        yield from _windows(layer.archive)


def _blob(letter: str, side: LayerSide, style: str) -> Line:
    return Line(
        f"  {letter} {side.digest}, {count(side.size, 'byte')}, diff ID {side.diff_id}", style
    )


def _tree(tree: EntriesDifference, *, paired: bool) -> Iterator[Line]:
    if not tree.differs:
        yield Line("files of all layers together: same", _HEADING)
        return
    yield Line(f"files of all layers together: {summary(tree)}", _HEADING)
    # Layers that pair up have told it already.
    if not paired:
        yield from _entries(tree)


def _entries(entries: EntriesDifference) -> Iterator[Line]:
    for change in entries.changed:
        yield from _entry(change)
    yield from _more(entries.changed_count, len(entries.changed), "changed")
    for letter, style, all_of_them, paths in (
        ("A", _A, entries.only_a_count, entries.only_a),
        ("B", _B, entries.only_b_count, entries.only_b),
    ):
        for path in paths:
            yield Line(f"  only in {letter}: {path}", style)
        yield from _more(all_of_them, len(paths), f"only in {letter}")
    for renamed in entries.renamed:
        yield Line(f"  {renamed.path_a} of A is {renamed.path_b} of B")
        yield from _why(renamed.explanation)
    if entries.order is not None:
        order = entries.order
        yield Line(
            f"  order: common entry {order.position + 1} is {order.path_a} in A,"
            f" {order.path_b} in B"
        )


def _entry(change: EntryChange) -> Iterator[Line]:
    again = f" (occurrence {change.occurrence + 1})" if change.occurrence else ""
    parts = [
        f"{field.field} {_change(field.a, field.b)}"
        for field in change.fields
        # Said with the content.
        if field.field != "size" or change.content is None
    ]
    if change.content is not None:
        parts.insert(0, f"content: {_bytes(change.content)}")
    yield Line(f"  {change.path}{again}: {'; '.join(parts) or 'content differs'}")
    confidential = change.explanation is not None and change.explanation.confidential
    if change.content is not None and not confidential:
        yield from _windows(change.content)
    if change.explanation is not None:
        yield from _why(change.explanation)


def _why(explanation: Explanation) -> Iterator[Line]:
    for cause in explanation.causes:
        places = f", {count(cause.places, 'place')}" if cause.places > 1 else ""
        yield Line(f"    cause: {cause.what} [{cause.name}, {cause.confidence.value}{places}]")
        for evidence in cause.evidence[:_MAX_EVIDENCE]:
            yield Line(f"      {_evidence(evidence)}", _NOTE)
        yield Line(f"      fix: {cause.fix}")
    if explanation.causes and explanation.unexplained:
        yield Line(
            f"    and {count(explanation.unexplained, 'place')} without a known cause", _NOTE
        )
    for number, line in enumerate(explanation.deep[:_MAX_DEEP]):
        yield Line(f"    {'' if number else 'diffoscope: '}{line}", _NOTE)
    if len(explanation.deep) > _MAX_DEEP:
        more = count(len(explanation.deep) - _MAX_DEEP, "line")
        yield Line(f"    and {more} more (--html and --json have them)", _NOTE)


def _evidence(evidence: Evidence) -> str:
    where = f"{evidence.member}: " if evidence.member else ""
    if evidence.offset_a is not None:
        where += f"at byte {evidence.offset_a}: "
    sides = (
        f"{text} is {meaning}" if meaning else text
        for text, meaning in (
            (evidence.a, evidence.meaning_a),
            (evidence.b, evidence.meaning_b),
        )
    )
    return where + " -> ".join(sides)


def _bytes(found: ByteDifference) -> str:
    sizes = f"of {count(found.size_a, 'byte')}"
    if found.size_a != found.size_b:
        sizes = f"of {found.size_a} and {found.size_b} bytes"
    if not found.count:
        return f"one goes on after byte {found.first} {sizes}"
    return f"first at byte {found.first} {sizes}, {found.count} differing"


def _windows(found: ByteDifference) -> Iterator[Line]:
    for letter, style, data in (("A", _A, found.window_a), ("B", _B, found.window_b)):
        if not data:
            yield Line(f"    {letter} {found.start:08x}  (ends before)", style)
        for line in hexdump(found.start, data):
            yield Line(f"    {letter} {line}", style)


def _change(a: str | None, b: str | None) -> str:
    if a is None or b is None:
        letter, value = ("A", a) if b is None else ("B", b)
        return f"{_cut(value or '', 0)} only in {letter}"
    if max(len(a), len(b)) <= _MAX_VALUE:
        return f"{a or '(empty)'} -> {b or '(empty)'}"
    pairs = enumerate(zip(a, b, strict=False))
    first = next((index for index, (one, other) in pairs if one != other), min(len(a), len(b)))
    start = max(0, first - _MAX_VALUE // 4)
    return f"{_cut(a, start)} -> {_cut(b, start)}"


def _cut(text: str, start: int) -> str:
    end = start + _MAX_VALUE
    return "..." * (start > 0) + text[start:end] + "..." * (end < len(text))


def _more(count: int, shown: int, kind: str = "") -> Iterable[Line]:
    if count > shown:
        yield Line(f"  and {count - shown} more {kind}".rstrip() + " (--limit 0 shows all)", _NOTE)
