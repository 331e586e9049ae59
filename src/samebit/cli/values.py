"""What the options' values mean: a request, platforms, names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samebit.errors import UsageError
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.pipeline.named import named_build
from samebit.pipeline.request import BuildRequest, parse_epoch
from samebit.pipeline.secrets import parse_secrets, parse_ssh

_ARCHITECTURES = ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64")


def build_request(
    recipe: dict[str, Any],
    *,
    excluded: Iterable[Path] = (),
    locked: bool = False,
    use_memo: bool = True,
    update: str | None = None,
) -> BuildRequest:
    """Make a request of the values of `options.recipe_options`. Raises UsageError."""
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
