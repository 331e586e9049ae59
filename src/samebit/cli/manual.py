"""Manual pages from the definitions of the commands: man(7) macros, one page a command."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

import samebit

_HEADER = '.\\" Made by tools/man-pages from the command definitions; do not edit.\n'
_ENVIRONMENT = (
    ("SAMEBIT_HOME", "Where samebit keeps its store and the engine's storage (an absolute path)."),
    ("SAMEBIT_ENGINE", "What --engine is without the option."),
    ("SAMEBIT_STORAGE_DRIVER", "The engine's storage driver: overlay or vfs."),
    ("SOURCE_DATE_EPOCH", "The epoch of a new lock, in seconds since 1970."),
    ("TMPDIR", "Where temporary files are made."),
)
_FILES = (
    ("Dockerfile.lock", "Every input of a build, beside the Dockerfile; commit it."),
    ("samebit.toml", "Base images from packages, builds under a name, policies; optional."),
)


def manual_pages(root: click.Group, name: str = "samebit") -> dict[str, str]:
    """Give every page by its file name: `samebit.1`, `samebit-build.1` and so on."""
    context = click.Context(root, info_name=name, **root.context_settings)
    return {f"{page}.1": text for page, text in _pages(root, context)}


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path.replace(" ", "-"), _page(command, context)
    if isinstance(command, click.Group):
        for name, below in _commands(command, context):
            yield from _pages(below, click.Context(below, info_name=name, parent=context))


def _page(command: click.Command, context: click.Context) -> str:
    path = context.command_path
    title = path.replace(" ", "-")
    short = command.get_short_help_str(limit=200).rstrip(".")
    lines = [
        _HEADER + f'.TH {_escaped(title.upper())} 1 "" "samebit {samebit.__version__}"',
        ".SH NAME",
        f"{_escaped(title)} \\- {_escaped(short)}",
        ".SH SYNOPSIS",
        f".B {_escaped(path)}",
        _escaped(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION",
        *_paragraphs(inspect.cleandoc(command.help or "")),
    ]
    options = [param.get_help_record(context) for param in command.params]
    known = [record for record in options if record is not None]
    # Not click's own: it keeps the one that a command was first shown with.
    lines += _section("OPTIONS", [*known, ("-h, --help", "Show a summary and exit.")])
    if isinstance(command, click.Group):
        commands = [
            (f"{path} {name}", below.get_short_help_str(limit=200))
            for name, below in _commands(command, context)
        ]
        lines += _section("COMMANDS", commands)
        if commands:
            lines += [".PP", "Each has a manual page of its own."]
    if context.parent is None:
        lines += _section("ENVIRONMENT", _ENVIRONMENT)
        lines += _section("FILES", _FILES)
        lines += [".SH EXIT STATUS", *_paragraphs(command.epilog or "")]
    else:
        parent = context.parent.command_path.replace(" ", "-")
        lines += [".SH SEE ALSO", f".BR {_escaped(parent)} (1)"]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def _section(title: str, records: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> list[str]:
    lines = [f".SH {title}"] if records else []
    for term, text in records:
        lines += [".TP", f".B {_escaped(term)}", _escaped(" ".join(text.split()))]
    return lines


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        # click's mark for lines that must stay as they are.
        if paragraph.startswith("\b\n"):
            yield ".nf"
            yield from map(_escaped, paragraph.splitlines()[1:])
            yield ".fi"
        else:
            yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """Take nothing of a text for a request or an escape, and hyphens for what users type."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    plain = plain.replace('"', "\\(dq").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{plain}" if plain.startswith(".") else plain
