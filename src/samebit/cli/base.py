"""`samebit base`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samebit.cli.options import progress_options, style
from samebit.cli.standard_output import print_result
from samebit.cli.suggesting import SuggestingGroup
from samebit.cli.values import parse_platform, parse_tags
from samebit.pipeline.base import DEFAULT_VARIANT, VARIANTS, DebianBase, base_epoch, make_base
from samebit.pipeline.base_lock import make_locked_base
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.session import open_session
from samebit.report.progress import BuildProgress


@click.group("base", cls=SuggestingGroup, short_help="Make a base image from packages.")
def command() -> None:
    """Make a reproducible base image from a distribution's packages."""


@command.command("debian", short_help="Make a Debian base image and print its digest.")
@click.option("--suite", required=True, metavar="SUITE", help="For example bookworm or trixie.")
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default=DEFAULT_VARIANT,
    show_default=True,
    help="The package selection of mmdebstrap.",
)
@click.option("--include", default="", metavar="A,B", help="Packages beyond the variant.")
@click.option("--platform", metavar="OS/ARCH", help="Default: this machine's.")
@click.option(
    "--lock",
    "lock_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Record every fetched byte in FILE; where FILE exists, make the image from it, offline.",
)
@click.option("--update", is_flag=True, help="Record anew what the archive has today.")
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="NAME[:TAG]", help="Name the image in the store."
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="DEST",
    help="Also write it: oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:REF].",
)
@click.option("--push", is_flag=True, help="Push it to the registries that -t names.")
@click.option("--load", is_flag=True, help="Load it into docker or podman.")
@click.option(
    "--iidfile", type=click.Path(path_type=Path), metavar="FILE", help="Write the digest to FILE."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@progress_options
def debian(
    *,
    suite: str,
    variant: str,
    include: str,
    platform: str | None,
    lock_file: Path | None,
    update: bool,
    tags: tuple[str, ...],
    outputs: tuple[str, ...],
    push: bool,
    load: bool,
    iidfile: Path | None,
    as_json: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Make a Debian base image; its digest is the only line on stdout.

    The same packages give the same digest, whenever and wherever it is made. The image's time is
    SOURCE_DATE_EPOCH, else 1980-01-02. An archive moves on: with --lock the packages of today can
    be had again.
    """
    if update and lock_file is None:
        raise click.UsageError("--update needs --lock FILE, which it is to bring up to date")
    wanted = Outputs(
        tags=parse_tags(tags),
        locations=parse_locations(outputs),
        push=push,
        load=load,
        iidfile=iidfile,
    )
    wanted.check()
    recipe = DebianBase(
        suite=suite,
        variant=variant,
        include=tuple(name.strip() for name in include.split(",") if name.strip()),
        platform=parse_platform(platform) if platform else None,
    )
    session = open_session()
    with BuildProgress(style(progress, quiet=quiet)) as told:
        if lock_file is None:
            image = make_base(recipe, base_epoch(), session.store, say=told.line)
        else:
            made = make_locked_base(
                recipe, lock_file, session.store, update=update, say=told.say, told=told.line
            )
            image = made.image
            if made.written:
                told.say(f"wrote {lock_file}")
    deliver(wanted, image, session.store, told.say)
    if as_json:
        document = {"digest": str(image.digest), "mediaType": image.media_type, "size": image.size}
        print_result(json.dumps(document, sort_keys=True))
    else:
        print_result(str(image.digest))
