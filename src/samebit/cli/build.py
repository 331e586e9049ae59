"""`samebit build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from samebit.cli.options import engine_option, progress_options, recipe_options, style
from samebit.pipeline.session import open_session


@click.command("build", short_help="Build a Dockerfile's image and print its digest.")
@recipe_options
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name the image in the store."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="DEST",
    help="Also write it: oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:REF],"
    " type=oci,dest=PATH.",
)
@click.option("--push", is_flag=True, help="Push it to the registries that -t names.")
@click.option("--load", is_flag=True, help="Load it into docker or podman.")
@click.option(
    "--iidfile", type=click.Path(path_type=Path), metavar="FILE", help="Write the digest to FILE."
)
@click.option(
    "--metadata-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the build's result to FILE as JSON.",
)
@click.option("--locked", is_flag=True, help="Refuse to change the lock (exit 4).")
@click.option("--no-cache", is_flag=True, help="Build even when nothing changed.")
@click.option("--normalised", is_flag=True, help="List every file that was normalised.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@engine_option
@progress_options
def command(
    *,
    no_cache: bool,
    engine: str | None,
    progress: str,
    quiet: bool,
    **options: Any,  # noqa: ANN401 - the others, typed in run_build
) -> None:
    """Build the image of a Dockerfile; its digest is the only line on stdout.

    CONTEXT is the directory that COPY and ADD take files from. The first build records a lock
    beside the Dockerfile; commit it, and every later build anywhere gives the same digest.
    """
    session = open_session(engine)
    told = style(progress, quiet=quiet)
    with session.engine_ahead(use_memo=not no_cache) as start_engine:
        # While an engine starts that takes long.
        from samebit.cli.build_run import run_build  # noqa: PLC0415

        run_build(session, start_engine, use_memo=not no_cache, style=told, **options)
