"""Options that several commands share: what to build, with which engine, how to tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from samebit.cli.completing import files, folders
from samebit.errors import UsageError
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.pipeline.named import named_build
from samebit.pipeline.request import BuildRequest, parse_epoch
from samebit.pipeline.secrets import parse_secrets, parse_ssh
from samebit.pipeline.session import ISOLATIONS, ask_for_isolation
from samebit.report.progress import Style

_ARCHITECTURES = ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64")
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


def build_request(
    recipe: dict[str, Any],
    *,
    excluded: Iterable[Path] = (),
    locked: bool = False,
    use_memo: bool = True,
    update: str | None = None,
) -> BuildRequest:
    """Make a request of the values of `recipe_options`. Raises UsageError."""
    epoch = recipe["source_date_epoch"]
    context = _context(recipe["context"])
    named = named_build(context, recipe["image"]) if recipe["image"] is not None else None
    build_args = _build_args(recipe["build_args"])
    return BuildRequest(
        context=named.context if named else context,
        image=recipe["image"],
        configuration=named.configuration if named else None,
        file=recipe["file"] or (named.file if named else None),
        target=recipe["target"] or (named.target if named else None),
        platforms=_platforms(recipe["platforms"]) or (named.platforms if named else ()),
        build_args={**dict(named.build_args), **build_args} if named else build_args,
        labels=_pairs(recipe["labels"], "--label"),
        build_contexts=_pairs(recipe["build_contexts"], "--build-context"),
        keep_modes=recipe["context_modes"] == "keep",
        epoch=parse_epoch(epoch, "--source-date-epoch") if epoch is not None else None,
        secrets=parse_secrets(recipe["secrets"]),
        ssh=parse_ssh(recipe["ssh"]),
        excluded=tuple(excluded),
        locked=locked,
        use_memo=use_memo,
        update=update,
        harden=tuple(recipe["harden"]),
        strip=recipe["strip"],
    )


def tags_of(recipe: dict[str, Any], texts: Iterable[str]) -> tuple[Reference, ...]:
    """Give the values of -t, else the tags of the image that --image names. Raises UsageError."""
    found = parse_tags(texts)
    if found or recipe["image"] is None:
        return found
    return named_build(_context(recipe["context"]), recipe["image"]).tags


def parse_tags(texts: Iterable[str]) -> tuple[Reference, ...]:
    """Read the values of -t. Raises UsageError."""
    found = []
    for text in texts:
        with _value_of("-t"):
            reference = Reference.parse(text)
        if reference.digest is not None:
            raise UsageError(f"-t {text}: a name cannot hold a digest", fix="leave it out")
        found.append(reference)
    return tuple(found)


def parse_platform(text: str) -> Platform:
    """Read a value of --platform. Raises UsageError for what containers cannot run on."""
    with _value_of("--platform"):
        platform = Platform.parse(text)
    if platform.os != "linux" or platform.architecture not in _ARCHITECTURES:
        raise UsageError(
            f"--platform {text}: samebit does not know how to build for {platform}",
            fix=f"it builds for linux on {', '.join(_ARCHITECTURES)}",
        )
    return platform


@contextmanager
def _value_of(option: str) -> Iterator[None]:
    """Let an error about a value say which option it was given to."""
    try:
        yield
    except UsageError as error:
        if error.what.startswith(option):
            raise
        raise UsageError(f"{option}: {error.what}", fix=error.fix) from error


def _context(text: str) -> Path:
    if text == "-" or "://" in text or text.startswith("git@"):
        raise UsageError(
            f"the build context {text!r} is not a directory",
            fix="clone or unpack it first, then give its directory",
        )
    return Path(text)


def _platforms(texts: Iterable[str]) -> tuple[Platform, ...]:
    return tuple(parse_platform(part) for text in texts for part in text.split(","))


def _pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"{option} {text}: no NAME=VALUE", fix=f"write {option} NAME=VALUE")
        found[key] = value
    return found


def _build_args(texts: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key:
            raise UsageError(
                f"--build-arg {text}: no name",
                fix="write --build-arg NAME=VALUE, or NAME to take it from the environment",
            )
        if equals:
            found[key] = value
        elif key in os.environ:
            found[key] = os.environ[key]
    return found
