"""`samebit normalise`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samebit.cli.options import progress_options, style
from samebit.cli.standard_output import print_result
from samebit.cli.values import parse_platform, parse_tags
from samebit.errors import UsageError
from samebit.pipeline.base import base_epoch
from samebit.pipeline.build_document import account_members
from samebit.pipeline.normalise import NORMALISER_SET, NormaliseResult, normalise
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.session import open_session
from samebit.report.normalised_text import account_lines
from samebit.report.progress import BuildProgress
from samebit.report.terminal import print_finding


@click.command("normalise", short_help="Make an image canonical that any builder made.")
@click.argument("source", metavar="IN")
@click.argument("output", metavar="[OUT]", required=False)
@click.option(
    "--base",
    metavar="IMAGE",
    help="The image that IN was built from: its layers stay as they are, all above becomes one"
    " layer. scratch says that there is none.",
)
@click.option(
    "--normalisers",
    type=click.IntRange(0, NORMALISER_SET),
    default=NORMALISER_SET,
    show_default=True,
    metavar="SET",
    help="The set of normalisers that contents go through; 0 leaves them as they are.",
)
@click.option("--normalised", is_flag=True, help="List every file that was normalised.")
@click.option("--platform", metavar="OS/ARCH", help="Take only this platform of an index.")
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name the image in the store."
)
@click.option("--push", is_flag=True, help="Push it to the registries that -t names.")
@click.option("--load", is_flag=True, help="Load it into docker or podman.")
@click.option(
    "--iidfile", type=click.Path(path_type=Path), metavar="FILE", help="Write the digest to FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@progress_options
def command(
    *,
    source: str,
    output: str | None,
    base: str | None,
    normalisers: int,
    normalised: bool,
    platform: str | None,
    tags: tuple[str, ...],
    push: bool,
    load: bool,
    iidfile: Path | None,
    as_json: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Make the canonical form of image IN; its digest is the only line on stdout.

    IN is a name in samebit's store, a digest that build printed, or a place: oci:PATH[:TAG],
    oci-archive:PATH, docker-archive:PATH, docker://NAME or containers-storage:NAME. OUT is
    oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:REF] or type=oci,dest=PATH; it may
    be left out with -t.

    Config and history texts stay; times, the tool's own labels and leftovers go. The image's time
    is SOURCE_DATE_EPOCH, else 1980-01-02.
    """
    if output is None and not tags:
        raise UsageError("normalise needs a place for the image", fix="add OUT, or -t NAME:TAG")
    wanted = Outputs(
        tags=parse_tags(tags),
        locations=parse_locations([output] if output is not None else []),
        push=push,
        load=load,
        iidfile=iidfile,
    )
    chosen = parse_platform(platform) if platform else None
    wanted.check()
    epoch = base_epoch()
    session = open_session()
    with BuildProgress(style(progress, quiet=quiet)) as told:
        result = normalise(
            source,
            session.store,
            base=base,
            platform=chosen,
            epoch=epoch,
            normalisers=normalisers,
            say=told.say,
        )
    for finding in result.findings:
        print_finding(finding)
    deliver(wanted, result.image, session.store, told.say)
    for line in account_lines(result.accounts, files=normalised):
        told.say(line)
    if as_json:
        print_result(json.dumps(_document(result, epoch, normalisers), sort_keys=True))
    else:
        print_result(str(result.image.digest))


def _document(result: NormaliseResult, epoch: int, normalisers: int) -> dict[str, object]:
    return {
        "digest": str(result.image.digest),
        "mediaType": result.image.media_type,
        "size": result.image.size,
        "platforms": {
            str(platform): str(descriptor.digest) for platform, descriptor in result.platforms
        },
        "epoch": epoch,
        "normalisers": {"set": normalisers},
        **account_members(result.accounts),
        "warnings": [
            {"code": finding.code, "what": finding.what, "where": None}
            for finding in result.findings
        ],
    }
