"""`samebit diff`: explain the difference of two images."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from samebit.cli.options import report_options
from samebit.cli.standard_output import print_result
from samebit.cli.values import parse_platform
from samebit.pipeline.deep_view import find_diffoscope, missing
from samebit.pipeline.diff import DEFAULT_LIMIT, diff_images
from samebit.pipeline.outputs import write_whole
from samebit.report.diff_json import diff_json
from samebit.report.diff_sarif import diff_sarif
from samebit.report.diff_text import write_diff
from samebit.report.live_line import comparison_progress


@click.command("diff", short_help="Explain how two images differ.")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--platform", metavar="OS/ARCH", help="Compare only this platform of an index.")
@report_options
@click.option(
    "--normalise",
    is_flag=True,
    help="Also tell whether they are the same after normalising: as slow as normalising both.",
)
@click.option(
    "--deep",
    is_flag=True,
    help="Also let diffoscope look into each file that differs, where it is installed.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=DEFAULT_LIMIT,
    show_default=True,
    metavar="N",
    help="Tell at most N differences of each kind in detail; 0 tells all.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write it as one page for a browser.",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    a: str,
    b: str,
    platform: str | None,
    form: str,
    normalise: bool,
    deep: bool,
    limit: int,
    page: Path | None,
) -> None:
    """Explain how images A and B differ, and why: manifest, config, layers, entries, bytes, causes.

    A and B are names in samebit's store, digests that build printed, or places: oci:PATH[:TAG],
    oci-archive:PATH, docker-archive:PATH, docker://NAME or containers-storage:NAME.

    Exits with 0 when they are identical, 1 when they differ, 5 when one cannot be read.
    """
    most = limit or None
    chosen = parse_platform(platform) if platform else None
    diffoscope = find_diffoscope() if deep else None
    if deep and diffoscope is None:
        click.echo(f"samebit: {missing()}", err=True)
    with comparison_progress(sys.stderr) as told:
        report = diff_images(
            a,
            b,
            platform=chosen,
            limit=most,
            normalising=normalise,
            diffoscope=diffoscope,
            told=told,
        )
    if page is not None:
        # Most comparisons need no templates.
        from samebit.report.diff_html import diff_html  # noqa: PLC0415

        write_whole(page, diff_html(report).encode("utf-8"))
    if form == "json":
        print_result(diff_json(report))
    elif form == "sarif":
        print_result(diff_sarif(report))
    else:
        write_diff(report, sys.stdout, most)
    context.exit(0 if report.identical else 1)
