"""`samebit strip`: remove what only debuggers read, the same bytes on every machine."""

from __future__ import annotations

from pathlib import Path

import click

from samebit.cli.standard_output import print_result
from samebit.pipeline.strip import strip_file


@click.command("strip", short_help="Remove symbols, debug information and build IDs.")
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
def command(*, files: tuple[Path, ...]) -> None:
    """Strip ELF programs, libraries and objects, and static libraries, where they lie.

    Symbols (of programs and libraries), debug information, build IDs and the compiler's version
    lines go; times and owners in static libraries become 0. What is loaded when a program runs
    stays as it is, and the result depends on nothing but the file.
    """
    for path in files:
        done = strip_file(path)
        print_result(f"{done.path}: {done.before} -> {done.after} bytes")
