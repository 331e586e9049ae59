"""`samebit build`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from samebit.cli.options import (
    build_request,
    engine_option,
    progress_options,
    recipe_options,
    style,
    tags_of,
)
from samebit.cli.standard_output import print_result
from samebit.pipeline.build import BuildResult, build_prepared, prepare
from samebit.pipeline.build_document import build_document
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.session import open_session
from samebit.report.normalised_text import account_lines
from samebit.report.progress import BuildProgress
from samebit.report.terminal import print_finding


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
    tags: tuple[str, ...],
    outputs: tuple[str, ...],
    push: bool,
    load: bool,
    iidfile: Path | None,
    metadata_file: Path | None,
    locked: bool,
    no_cache: bool,
    normalised: bool,
    as_json: bool,
    engine: str | None,
    progress: str,
    quiet: bool,
    **recipe: Any,  # noqa: ANN401 - the values of recipe_options, typed in BuildRequest
) -> None:
    """Build the image of a Dockerfile; its digest is the only line on stdout.

    CONTEXT is the directory that COPY and ADD take files from. The first build records a lock
    beside the Dockerfile; commit it, and every later build anywhere gives the same digest.
    """
    wanted = Outputs(
        tags=tags_of(recipe, tags),
        locations=parse_locations(outputs),
        push=push,
        load=load,
        iidfile=iidfile,
        metadata_file=metadata_file,
    )
    session = open_session(engine)
    request = build_request(
        recipe, excluded=(session.home, *wanted.paths()), locked=locked, use_memo=not no_cache
    )
    wanted.check(request.platforms)
    with BuildProgress(style(progress, quiet=quiet)) as told:
        prepared = prepare(request, session.store, told.say)
        # Without --platform it is the lock that says how many there are.
        wanted.check([part.platform for part in prepared.parts])
        result = build_prepared(prepared, request, session.store, session.start_engine, told)
    for finding in result.findings:
        print_finding(finding)
    deliver(wanted, result.image, session.store, told.say, result.sources())
    _tell(result, told, files=normalised)
    if as_json:
        print_result(json.dumps(build_document(result), sort_keys=True))
    else:
        print_result(str(result.image.digest))


def _tell(result: BuildResult, told: BuildProgress, *, files: bool) -> None:
    for line in account_lines(result.accounts, files=files):
        told.say(line)
    if result.reused:
        told.say("nothing changed since the last build of these inputs")
    if result.lock_written:
        told.say(f"wrote {result.lock_file}")
    if result.lock_file is None:
        told.say("a Dockerfile from standard input has no lock: its base images are not pinned")
    elif result.recorded:
        told.say("recorded, not replayed: build with --no-cache, or elsewhere, to prove the digest")
