"""Options that several commands share: what to build, with which engine, how to tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from samebit.cli.completing import files, folders
from samebit.pipeline.session import ISOLATIONS, ask_for_isolation
from samebit.report.progress import Style

_Function = TypeVar("_Function", bound=Callable[..., Any])

_RECIPE = (
    click.option(
        "-f",
        "--file",
        metavar="FILE",
        shell_complete=files,
        help="The Dockerfile (default: CONTEXT/Dockerfile; - reads standard input).",
    ),
    click.option(
        "--image",
        metavar="NAME",
        help="Build the image that samebit.toml in CONTEXT declares as [images.NAME]; other options"
        " come on top.",
    ),
    click.option("--target", metavar="STAGE", help="Build this stage (default: the last)."),
    click.option(
        "--platform",
        "platforms",
        multiple=True,
        metavar="OS/ARCH",
        help="Build for these platforms (default: those of the lock, else this machine's).",
    ),
    click.option(
        "--build-arg",
        "build_args",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="Set a build argument; without =VALUE it comes from the environment.",
    ),
    click.option(
        "--label", "labels", multiple=True, metavar="NAME=VALUE", help="Add a label to the image."
    ),
    click.option(
        "--build-context",
        "build_contexts",
        multiple=True,
        metavar="NAME=WHERE",
        help="What FROM and --from call NAME: a directory, docker-image://, oci-layout://, oci:.",
    ),
    click.option(
        "--context-modes",
        type=click.Choice(("git", "keep")),
        default="git",
        show_default=True,
        help="Permissions of context files: as git knows them, or as they are.",
    ),
    click.option(
        "--harden",
        multiple=True,
        metavar="LANGUAGE",
        help="Set what the language's toolchain profile asks for in the environment of RUN.",
    ),
    click.option(
        "--strip",
        is_flag=True,
        help="Remove symbols, debug information and build IDs from what the build adds.",
    ),
    click.option(
        "--source-date-epoch",
        metavar="SECONDS",
        help="The image's time (default: the lock's; for a new lock SOURCE_DATE_EPOCH, else the"
        " last commit's time, else 1980-01-02).",
    ),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="id=NAME[,src=FILE|,env=VAR]",
        help="A secret for RUN --mount=type=secret.",
    ),
    click.option(
        "--ssh",
        multiple=True,
        metavar="default|ID[=SOCKET|KEY]",
        help="An SSH agent or key for RUN --mount=type=ssh.",
    ),
    click.argument("context", default=".", metavar="[CONTEXT]", shell_complete=folders),
)

_ENGINE = click.option(
    "--engine",
    metavar="ENGINE[:PATH]",
    help="The engine: buildah, buildah:PROGRAM, buildkit, or buildkit:BUILDER for one of buildx's"
    " builders or a buildkitd's address (default: SAMEBIT_ENGINE, or buildah).",
)


def _ask_for_isolation(
    _context: click.Context, _param: click.Parameter, value: str | None
) -> str | None:
    if value is not None:
        ask_for_isolation(value)
    return value


_ISOLATION = click.option(
    "--isolation",
    type=click.Choice(ISOLATIONS),
    expose_value=False,
    callback=_ask_for_isolation,
    help="How RUN is isolated: oci (runc or crun), or chroot where these start nothing (default:"
    " SAMEBIT_ISOLATION, or the first that works).",
)


def recipe_options(function: _Function) -> _Function:
    """Add the options that say what to build; they arrive as one mapping for `build_request`."""
    for option in reversed(_RECIPE):
        function = option(function)
    return function


def engine_option(function: _Function) -> _Function:
    """Add --engine, and --isolation, which is this process's own affair."""
    return _ENGINE(_ISOLATION(function))


def progress_options(function: _Function) -> _Function:
    """Add --progress and --quiet."""
    function = click.option(
        "--progress",
        type=click.Choice(("auto", "plain", "tty", "quiet")),
        default="auto",
        show_default=True,
        help="How much to tell on standard error.",
    )(function)
    return click.option("-q", "--quiet", is_flag=True, help="The same as --progress quiet.")(
        function
    )


def report_options(function: _Function) -> _Function:
    """Add --format, and a flag for each form but text; all of them arrive as `form`."""
    for form in ("sarif", "json"):
        function = click.option(
            f"--{form}", "form", flag_value=form, help=f"The same as --format {form}."
        )(function)
    return click.option(
        "--format",
        "form",
        type=click.Choice(("text", "json", "sarif")),
        default="text",
        show_default=True,
        help="How to print the report.",
    )(function)


def style(progress: str, *, quiet: bool) -> Style:
    """Turn the two options into one style."""
    return Style.QUIET if quiet else Style(progress)
