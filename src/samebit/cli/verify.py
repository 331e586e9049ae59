"""`samebit verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from samebit.cli.options import (
    engine_option,
    progress_options,
    recipe_options,
    report_options,
    style,
)
from samebit.cli.standard_output import print_result
from samebit.cli.values import build_request
from samebit.model.verification import Verification
from samebit.pipeline.diff import DEFAULT_LIMIT, diff_images
from samebit.pipeline.outputs import check_writable, write_whole
from samebit.pipeline.session import Session, open_session
from samebit.pipeline.verify import (
    DEFAULT_SEARCH,
    SECONDS_APART,
    STEP_SECONDS,
    VerifyOptions,
    verify,
)
from samebit.report.progress import BuildProgress
from samebit.report.verify_json import verify_json
from samebit.report.verify_sarif import verify_sarif
from samebit.report.verify_text import write_verification


@click.command("verify", short_help="Build again under variations and compare bit by bit.")
@recipe_options
@click.option(
    "--builds",
    type=click.IntRange(min=2),
    default=2,
    show_default=True,
    metavar="N",
    help="How many builds: the first is plain, the others are varied.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="LIST",
    help="What to vary: -AXIS,... leaves out, AXIS,... takes only these, +AXIS,... adds. Default:"
    " all. docs/verify.md lists the axes.",
)
@click.option("--expect", metavar="DIGEST", help="Also compare with this digest.")
@click.option("--against", metavar="IMAGE", help="Also compare with this image, as diff names one.")
@click.option(
    "--other-engine",
    metavar="ENGINE",
    help="What the axis engine builds with, named as by --engine (default: SAMEBIT_OTHER_ENGINE,"
    " or another buildah on PATH).",
)
@click.option("--no-bisect", is_flag=True, help="Do not search for the axis that is to blame.")
@click.option(
    "--bisect-builds",
    type=click.IntRange(min=1),
    default=DEFAULT_SEARCH,
    show_default=True,
    metavar="N",
    help="At most so many builds for that search.",
)
@click.option(
    "--apart",
    type=click.IntRange(min=0),
    default=SECONDS_APART,
    show_default=True,
    metavar="SECONDS",
    help="Start builds so far apart where the clock cannot be moved.",
)
@click.option(
    "--step-timeout",
    "patience",
    type=click.IntRange(min=1),
    default=STEP_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Stop a step of a varied build that takes longer, and longer than ten plain builds.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Tell at most N differences; 0 tells all.",
)
@report_options
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write what differs as one page for a browser.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write images that differ below DIR, as OCI layouts.",
)
@engine_option
@progress_options
@click.pass_context
def command(
    invocation: click.Context,
    /,
    *,
    builds: int,
    vary: tuple[str, ...],
    expect: str | None,
    against: str | None,
    other_engine: str | None,
    no_bisect: bool,
    bisect_builds: int,
    apart: int,
    patience: int,
    limit: int,
    form: str,
    page: Path | None,
    keep: Path | None,
    engine: str | None,
    progress: str,
    quiet: bool,
    **recipe: Any,  # noqa: ANN401 - the values of recipe_options, typed in BuildRequest
) -> None:
    """Build CONTEXT again, with all that must not matter changed, and compare every bit.

    The verdict says which axes were varied and which were not, and why. Where the builds differ, it
    names the path, the instruction that wrote it, the axis that alone makes it differ, and the
    cause. Without a lock one is recorded first.

    Exits with 0 when the images are identical, 1 when they are not.
    """
    written = [path.absolute() for path in (page, keep) if path is not None]
    session = open_session(engine)
    request = build_request(recipe, excluded=(session.home, *written), use_memo=False)
    options = VerifyOptions(
        builds=builds,
        vary=vary,
        expect=expect,
        against=against,
        search=0 if no_bisect else bisect_builds,
        apart=apart,
        patience=patience,
        other_engine=other_engine,
        keep=keep,
        limit=limit or None,
    )
    if page is not None:
        check_writable(page)
    with BuildProgress(style(progress, quiet=quiet)) as told:
        result = verify(request, options, session, told)
        if page is not None:
            _write_page(page, result, session, told)
    if form == "json":
        print_result(verify_json(result))
    elif form == "sarif":
        print_result(verify_sarif(result))
    else:
        write_verification(result, sys.stdout)
    invocation.exit(0 if result.identical else 1)


def _write_page(page: Path, result: Verification, session: Session, told: BuildProgress) -> None:
    # Most verifications need no templates.
    from samebit.report.diff_html import diff_html  # noqa: PLC0415

    report = result.report
    if report is None and result.identical:
        report = diff_images(result.digest, result.digest, store_root=session.store.root)
    if report is None:
        told.say(f"{page} is not written: the expected image is not here to compare with")
    else:
        write_whole(page, diff_html(report, result).encode("utf-8"))
