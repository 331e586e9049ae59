"""What `-o`, and every argument that names an image, means (DESIGN.md 6)."""

from __future__ import annotations

import csv
import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import UsageError
from samebit.model.digest import Digest
from samebit.model.reference import Reference

_DIGEST = re.compile(r"(.*)@(sha256:[a-f0-9]{64})\Z", re.DOTALL)
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")
_OUTPUTS = "oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:REF] or type=oci,dest=PATH"


class Transport(enum.Enum):
    """A kind of place; the value is its prefix on the command line, without the colon."""

    STORE = ""
    OCI_LAYOUT = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    REGISTRY = "docker"
    CONTAINERS_STORAGE = "containers-storage"
    ENGINE = "type=docker"


@dataclass(frozen=True, slots=True)
class Location:
    """A place that holds, or shall hold, an image.

    `path` is set for layouts and archives. `name` chooses the image inside: the tag of a layout,
    the reference in a docker-archive, and for containers-storage what its own tools take; None
    means the only one. `digest` chooses by the manifest's digest (layouts and archives).
    `reference` is set for registries and for names in the store.
    """

    transport: Transport
    path: Path | None = None
    name: str | None = None
    digest: Digest | None = None
    reference: Reference | None = None

    def __str__(self) -> str:
        if self.transport is Transport.ENGINE:
            return "the local engine"
        if self.reference is not None:
            prefix = "docker://" if self.transport is Transport.REGISTRY else ""
            return f"{prefix}{self.reference}"
        name = f":{self.name}" if self.name and self.path else self.name or ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.transport.value}:{self.path or ''}{name}{digest}"


def parse_source(text: str) -> Location:
    """Read the place an image is taken from; a bare name is one in samebit's store.

    Raises UsageError.
    """
    _check_text(text)
    if text.startswith("type="):
        raise UsageError(f"{text!r} is a place to write to", fix="name an image to read")
    location = _with_prefix(text)
    if location is not None:
        return location
    try:
        return Location(Transport.STORE, reference=Reference.parse(text))
    except UsageError as error:
        if os.path.exists(text):
            kind = "oci" if os.path.isdir(text) else "oci-archive"
            raise UsageError(
                f"{text!r} is a path, not an image's name",
                fix=f"say what it holds, for example {kind}:{text}",
            ) from error
        raise


def parse_destination(text: str) -> Location:
    """Read the value of `-o`: a place with its prefix, or docker's `type=oci,dest=PATH`.

    Raises UsageError.
    """
    _check_text(text)
    if text.startswith("type=") or ",type=" in text:
        return _docker_output(text)
    location = _with_prefix(text)
    if location is None:
        raise UsageError(f"not an output: {text!r}", fix=f"write {_OUTPUTS}")
    if location.transport in {Transport.REGISTRY, Transport.CONTAINERS_STORAGE}:
        flag = "--push" if location.transport is Transport.REGISTRY else "--load"
        raise UsageError(f"-o does not write to {location}", fix=f"use -t NAME with {flag}")
    if location.digest is not None:
        raise UsageError(f"an output cannot name a digest: {text!r}", fix="leave it out")
    if location.transport is Transport.DOCKER_ARCHIVE and location.name is not None:
        # Read now, so that a malformed name fails before the build and not after it.
        Reference.parse(location.name)
    return location


def _with_prefix(text: str) -> Location | None:
    prefix, colon, rest = text.partition(":")
    if not colon:
        return None
    if prefix == "docker":
        if not rest.startswith("//"):
            raise UsageError(f"not an image: {text!r}", fix=f"write docker://{rest}")
        return Location(Transport.REGISTRY, reference=Reference.parse(rest[2:]))
    if prefix == "containers-storage":
        if not rest or rest.startswith("-"):
            raise UsageError(f"{text!r} names no image", fix="write containers-storage:NAME")
        return Location(Transport.CONTAINERS_STORAGE, name=rest)
    for transport in (Transport.OCI_LAYOUT, Transport.OCI_ARCHIVE, Transport.DOCKER_ARCHIVE):
        if prefix == transport.value:
            return _in_path(transport, rest, text)
    return None


def _in_path(transport: Transport, rest: str, text: str) -> Location:
    digest = None
    if found := _DIGEST.match(rest):
        rest, digest = found[1], Digest.parse(found[2])
    # The first colon ends the path, as in containers/image: names hold colons, paths seldom do.
    path, _, name = rest.partition(":")
    if not path:
        raise UsageError(f"{text!r} names no path", fix=f"write {transport.value}:PATH")
    return Location(transport, Path(path), name or None, digest)


def _docker_output(text: str) -> Location:
    try:
        fields = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise UsageError(f"not an output: {text!r}", fix=f"write {_OUTPUTS}") from None
    options: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        if not equals or key in options:
            raise UsageError(f"not an output: {text!r}: {field!r}", fix=f"write {_OUTPUTS}")
        options[key] = value
    kind, destination, name = (options.pop(key, None) for key in ("type", "dest", "name"))
    as_tar = _truth(options.pop("tar", "true"), "tar")
    # samebit's images are always like this, so asking for it changes nothing.
    for key in ("oci-mediatypes", "rewrite-timestamp"):
        if not _truth(options.pop(key, "true"), key):
            raise UsageError(f"-o {key}=false is not possible: samebit's images are canonical")
    if options:
        raise UsageError(
            f"-o does not know {min(options)!r}", fix="it knows type, dest, name and tar"
        )
    if kind == "docker" and not destination:
        return Location(Transport.ENGINE, name=name)
    if kind not in {"oci", "docker"}:
        flags = {"registry": "--push", "image": "-t NAME"}
        raise UsageError(
            f"-o type={kind} is not supported",
            fix=f"use {flags[kind]}" if kind in flags else f"write {_OUTPUTS}",
        )
    if not destination or destination == "-":
        raise UsageError(
            f"-o type={kind} needs dest=PATH: the standard output carries the digest",
            fix=f"write type={kind},dest=PATH",
        )
    if kind == "docker":
        if not as_tar:
            raise UsageError("-o type=docker,tar=false is not supported", fix="use type=oci")
        if name is not None:
            Reference.parse(name)
        return Location(Transport.DOCKER_ARCHIVE, Path(destination), name)
    transport = Transport.OCI_ARCHIVE if as_tar else Transport.OCI_LAYOUT
    return Location(transport, Path(destination), name)


def _truth(value: str, key: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise UsageError(f"-o {key}={value}: neither true nor false")


def _check_text(text: str) -> None:
    if not text or "\0" in text:
        raise UsageError(f"not a place for an image: {text!r}", fix=f"write {_OUTPUTS}")
