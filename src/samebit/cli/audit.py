"""`samebit audit`: what the executables of an image carry, and what it holds for nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from samebit.cli.options import report_options
from samebit.cli.standard_output import print_result
from samebit.cli.values import parse_platform
from samebit.model.audit import Policy
from samebit.pipeline.audit import AuditRequest, audit
from samebit.pipeline.request import parse_epoch
from samebit.report.audit_json import audit_json
from samebit.report.audit_sarif import audit_sarif
from samebit.report.audit_text import write_audit

_EPOCH = "SOURCE_DATE_EPOCH"


@click.command("audit", short_help="Show what executables carry and what an image holds.")
@click.argument("target", metavar="TARGET")
@click.option(
    "--policy",
    type=click.Choice([policy.value for policy in Policy]),
    default=Policy.REPORT.value,
    show_default=True,
    help="What to refuse: nothing; what depends on machine, time or checkout; also symbols and"
    " missing libraries.",
)
@report_options
@click.option("--all", "every", is_flag=True, help="Show executables without findings, too.")
@click.option("--platform", metavar="OS/ARCH", help="Audit this image of an index.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Exceptions and toolchain profiles (default: samebit.toml in the working directory).",
)
@click.option(
    "--source-date-epoch",
    metavar="SECONDS",
    help="The time that the build of a folder or file wrote everywhere (default:"
    " SOURCE_DATE_EPOCH; an image says its own).",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    target: str,
    policy: str,
    form: str,
    every: bool,
    platform: str | None,
    config: Path | None,
    source_date_epoch: str | None,
) -> None:
    """Find every executable, library, class, bytecode and script in TARGET and tell what it is.

    TARGET is a folder, a file, or an image: a name in samebit's store, a digest, oci:PATH[:TAG],
    oci-archive:PATH, docker-archive:PATH, docker://NAME or containers-storage:NAME.

    Exits with 1 when the policy refuses something.
    """
    epoch = source_date_epoch or os.environ.get(_EPOCH) or None
    report = audit(
        AuditRequest(
            target,
            Policy(policy),
            parse_platform(platform) if platform else None,
            config,
            parse_epoch(epoch, "--source-date-epoch") if epoch else None,
        )
    )
    if form == "json":
        print_result(audit_json(report))
    elif form == "sarif":
        print_result(audit_sarif(report))
    else:
        write_audit(report, sys.stdout, every=every or report.kind == "file")
    context.exit(1 if report.violations else 0)
