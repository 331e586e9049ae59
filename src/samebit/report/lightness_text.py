"""What an image's bytes are for, for people."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.model.lightness import LayerShare, Lightness, Needs
from samebit.report.styled_lines import Line

_HEADING, _NOTE = "bold", "dim"
_MOST = 10
_MAX_TEXT = 120
_INDENT = " " * 16


def lightness_lines(light: Lightness, *, every: bool) -> Iterator[Line]:
    """Give the report line by line: the largest of each kind, or with `every` all."""
    most = None if every else _MOST
    yield Line(f"weight: {_size(light.size)} in {light.files} files", _HEADING)
    yield from _layers(light)
    yield from _packages(light, most)
    if light.dispensable or light.duplicates or light.overwritten:
        yield Line(f"  could go: {_size(light.could_go)}")
    for kind in light.dispensable:
        where = _positions(kind.layers)
        yield Line(f"    {_size(kind.size):>10}  {kind.meaning}{where} [{kind.kind}]")
        yield Line(f"{_INDENT}such as {', '.join(kind.examples)}", _NOTE)
    for copies in light.duplicates[:most]:
        spare = copies.size * (len(copies.paths) - 1)
        yield Line(f"    {_size(spare):>10}  the same: {', '.join(copies.paths[:4])}")
    for item in light.overwritten[:most]:
        where = f"of layer {item.layer + 1}, later replaced or removed"
        yield Line(f"    {_size(item.size):>10}  {item.path} {where}")
    if light.needs is not None:
        yield from _needs(light.needs, light)


def _packages(light: Lightness, most: int | None) -> Iterator[Line]:
    if not light.packages:
        return
    yield Line("  by package:")
    for package in light.packages[:most]:
        name = f"{package.name} {package.version}".rstrip()
        yield Line(f"    {_size(package.size):>10}  {name} ({package.manager})")
    if most is not None and len(light.packages) > most:
        yield Line(f"{_INDENT}and {len(light.packages) - most} more (--all shows them)", _NOTE)
    rest = light.unpackaged
    yield Line(f"    {_size(rest.size):>10}  in {rest.files} files of no package")


def _layers(light: Lightness) -> Iterator[Line]:
    if not light.layers:
        return
    yield Line("  by instruction:" if light.by_instruction else "  by layer:")
    for layer in light.layers:
        yield Line(f"    {_size(layer.size):>10}  {_words(layer)}")
        if layer.visible < layer.size:
            yield Line(f"{_INDENT}{_size(layer.size - layer.visible)} of it hidden later", _NOTE)
    if not light.by_instruction:
        yield Line(f"{_INDENT}a layer of several instructions does not tell them apart", _NOTE)


def _words(layer: LayerShare) -> str:
    text = layer.created_by or f"layer {layer.position + 1}"
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."


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


def _positions(layers: tuple[int, ...]) -> str:
    if not layers:
        return ""
    word = "layer" if len(layers) == 1 else "layers"
    return f", from {word} {', '.join(str(number + 1) for number in layers)}"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    number, unit = (size / 1e3, "kB") if size < 1_000_000 else (size / 1e6, "MB")
    return f"{number:.1f} {unit}"
