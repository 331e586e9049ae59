"""`samebit lock`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from samebit.cli.options import engine_option, progress_options, recipe_options, style
from samebit.cli.standard_output import print_result
from samebit.cli.values import build_request
from samebit.model.lock_difference import LockDifference
from samebit.pipeline.check_lock import check
from samebit.pipeline.lock import difference, record
from samebit.pipeline.request import EVERYTHING
from samebit.pipeline.session import open_session
from samebit.pipeline.workspace import has_dockerfile
from samebit.report.lock_diff_json import lock_diff_json
from samebit.report.lock_diff_text import lock_diff_lines, lock_diff_markdown
from samebit.report.progress import BuildProgress
from samebit.report.terminal import print_finding


@click.command("lock", short_help="Pin every input of a build in its lock.")
@recipe_options
@click.option(
    "--update",
    is_flag=False,
    flag_value=EVERYTHING,
    metavar="[PATTERN]",
    help="Look inputs up anew: all, or the base images and whole origins whose name matches.",
)
@click.option("--check", "only_check", is_flag=True, help="Only check it (exit 4 when stale).")
@click.option(
    "--diff",
    "compared",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="OLD NEW",
    help="Compare two lock files (exit 1 when they differ).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "markdown", "json")),
    default="text",
    show_default=True,
    help="How to print changes: lines, Markdown for a pull request, one JSON document.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@engine_option
@progress_options
@click.pass_context
def command(
    invocation: click.Context,
    /,
    *,
    update: str | None,
    only_check: bool,
    compared: tuple[Path, Path] | None,
    form: str,
    as_json: bool,
    engine: str | None,
    progress: str,
    quiet: bool,
    **recipe: Any,  # noqa: ANN401 - the values of recipe_options, typed in BuildRequest
) -> None:
    """Pin every input of a build in the lock beside its Dockerfile.

    What is pinned stays; only what the recipe newly asks for is looked up. To see what its steps
    ask for, they are run. Commit the lock.
    """
    form = "json" if as_json else form
    if compared is not None:
        found = difference(*compared)
        _print(found, form)
        invocation.exit(0 if found.identical else 1)
    if _is_context(invocation, update, recipe):
        recipe["context"], update = update, EVERYTHING
    session = open_session(engine)
    request = build_request(recipe, excluded=(session.home,), update=update)
    told = BuildProgress(style(progress, quiet=quiet))
    if only_check:
        path = check(request, session.store)
        told.say(f"{path} is up to date")
        return
    with told:
        result = record(request, session.store, session.start_engine, told)
    for finding in result.findings:
        print_finding(finding)
    told.say(f"wrote {result.path}" if result.written else f"{result.path} was up to date")
    if result.written or form == "json":
        _print(result.difference, form)


def _is_context(invocation: click.Context, update: str | None, recipe: dict[str, Any]) -> bool:
    """Tell whether `--update .` was written: to click a pattern, to its writer the context."""
    if update is None or invocation.get_parameter_source("context") != ParameterSource.DEFAULT:
        return False
    folder = Path(update)
    return folder.is_dir() and (bool(recipe["file"] or recipe["image"]) or has_dockerfile(folder))


def _print(difference: LockDifference, form: str) -> None:
    if form == "json":
        print_result(lock_diff_json(difference))
        return
    lines = lock_diff_markdown(difference) if form == "markdown" else lock_diff_lines(difference)
    for line in lines:
        print_result(line)
