"""What an image's bytes are for, for people."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.model.lightness import Lightness, Needs, Source
from samebit.report.styled_lines import Line

_HEADING, _NOTE = "bold", "dim"
_MOST = 10
_MAX_TEXT = 120
_MOST_SOURCES = 3
_INDENT = " " * 16


def lightness_lines(light: Lightness, *, every: bool) -> Iterator[Line]:
    """Give the report line by line: the largest of each kind, or with `every` all."""
    most = None if every else _MOST
    yield Line(f"weight: {_size(light.size)} in {light.files} files", _HEADING)
    yield from _sources(light, most)
    yield from _packages(light, most)
    if light.dispensable or light.duplicates or light.overwritten:
        yield Line(f"  could go: {_size(light.could_go)}")
    for kind in light.dispensable:
        yield Line(f"    {_size(kind.size):>10}  {kind.meaning} [{kind.kind}]")
        yield Line(f"{_INDENT}such as {', '.join(kind.examples)}", _NOTE)
        yield from _brought(light, kind.sources)
    for copies in light.duplicates[:most]:
        spare = copies.size * (len(copies.paths) - 1)
        yield Line(f"    {_size(spare):>10}  the same: {', '.join(copies.paths[:4])}")
        yield from _brought(light, copies.sources)
    for item in light.overwritten[:most]:
        fate = "removed later" if item.by is None else "replaced later"
        yield Line(f"    {_size(item.size):>10}  {item.path}, {fate}")
        yield from _brought(light, (item.source,))
        if item.by is not None:
            yield Line(
                f"{_INDENT}replaced by: {source_words(light.sources[item.by].source)}", _NOTE
            )
    if light.needs is not None:
        yield from _needs(light.needs, light)


def _packages(light: Lightness, most: int | None) -> Iterator[Line]:
    if not light.packages:
        return
    yield Line("  by package:")
    for package in light.packages[:most]:
        name = f"{package.name} {package.version}".rstrip()
        yield Line(f"    {_size(package.size):>10}  {name} ({package.manager})")
        if most is None:
            yield from _brought(light, package.sources)
    if most is not None and len(light.packages) > most:
        yield Line(f"{_INDENT}and {len(light.packages) - most} more (--all shows them)", _NOTE)
    rest = light.unpackaged
    yield Line(f"    {_size(rest.size):>10}  in {rest.files} files of no package")


def _sources(light: Lightness, most: int | None) -> Iterator[Line]:
    shares = [share for share in light.sources if share.files]
    if not shares:
        return
    yield Line("  by instruction:" if light.by_instruction else "  by layer and instruction:")
    for share in sorted(shares, key=lambda share: -share.size)[:most]:
        yield Line(f"    {_size(share.size):>10}  {source_words(share.source)}")
        if share.visible < share.size:
            yield Line(f"{_INDENT}{_size(share.size - share.visible)} of it hidden later", _NOTE)
    if most is not None and len(shares) > most:
        yield Line(f"{_INDENT}and {len(shares) - most} more (--all shows them)", _NOTE)


def source_words(source: Source) -> str:
    """Say what brought files, on one line."""
    text = source.created_by
    if len(text) > _MAX_TEXT:
        text = text[:_MAX_TEXT] + "..."
    if source.where:
        return f"{source.where}  {text}"
    layer = f"layer {source.layer + 1}"
    if not text:
        return f"{layer}: by which instruction is not known"
    if source.instructions > 1:
        return (
            f"{layer}: one of {source.instructions} instructions, which one is not known;"
            f" the last is {text}"
        )
    return f"{layer}: {text}"


def _brought(light: Lightness, sources: tuple[int, ...]) -> Iterator[Line]:
    for number in sources[:_MOST_SOURCES]:
        yield Line(f"{_INDENT}from: {source_words(light.sources[number].source)}", _NOTE)
    if len(sources) > _MOST_SOURCES:
        yield Line(f"{_INDENT}and from {len(sources) - _MOST_SOURCES} more (--json has all)", _NOTE)


def _needs(needs: Needs, light: Lightness) -> Iterator[Line]:
    if not needs.command:
        yield Line("  on scratch: the image says nothing to start")
        return
    yield Line(
        f"  on scratch: {needs.command} needs {len(needs.files)} files of {_size(needs.size)};"
        f" {_size(light.size - needs.size)} are not among them"
    )
    for path in needs.files[:_MOST]:
        yield Line(f"{_INDENT}{path}", _NOTE)
    if len(needs.files) > _MOST:
        yield Line(f"{_INDENT}and {len(needs.files) - _MOST} more (--json has all)", _NOTE)
    for name in needs.missing:
        yield Line(f"{_INDENT}{name} is not there")
    if needs.interpreted:
        yield Line(f"{_INDENT}and what the interpreter loads, which nobody can tell", _NOTE)
    for path, size in needs.data:
        yield Line(f"{_INDENT}{path} ({_size(size)}) if it is read", _NOTE)


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    number, unit = (size / 1e3, "kB") if size < 1_000_000 else (size / 1e6, "MB")
    return f"{number:.1f} {unit}"
