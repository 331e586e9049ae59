"""Image references as docker reads them (distribution's reference grammar and normalisation)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from samebit.errors import InputError, UsageError
from samebit.model.digest import Digest

_HOST = re.compile(
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
    r"(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*"
    r"|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}\Z")
_IMAGE_ID = re.compile(r"[a-f0-9]{64}\Z")
_MAX_NAME = 255
_DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An image's name with its registry made explicit: `docker.io/library/debian:latest`.

    Has a tag, a digest or both; with both, the digest decides and the tag is for people.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a person or a Dockerfile wrote; adds docker.io, library/ and :latest.

        Raises UsageError that says what is wrong with it.
        """
        name, digest = _split_digest(text)
        slash = name.rfind("/")
        colon = name.find(":", slash + 1)
        tag = None
        if colon >= 0:
            name, tag = name[:colon], name[colon + 1 :]
            if not _TAG.match(tag):
                raise _malformed(text, f"{tag[:140]!r} is not a tag")
        registry, repository = _split_registry(name, text)
        if not _HOST.match(registry):
            raise _malformed(text, f"{registry!r} is not a registry host")
        for component in repository.split("/"):
            if not _COMPONENT.match(component):
                raise _malformed(text, _component_fault(component))
        if len(registry) + 1 + len(repository) > _MAX_NAME:
            raise _malformed(text, f"its name is longer than {_MAX_NAME} characters")
        if _IMAGE_ID.match(text):
            raise _malformed(text, "64 hex digits would be taken for an image ID")
        if tag is None and digest is None:
            tag = "latest"
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def with_digest(self, digest: Digest) -> Self:
        """Give the same name and tag, pinned to `digest`."""
        return type(self)(self.registry, self.repository, self.tag, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


def _split_digest(text: str) -> tuple[str, Digest | None]:
    name, at, digest = text.partition("@")
    if not at:
        return name, None
    try:
        return name, Digest.parse(digest)
    except InputError as error:
        raise _malformed(text, error.what) from error


def _split_registry(name: str, text: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    # The first part is a host only where it cannot be a repository's first part.
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        if not rest:
            raise _malformed(text, "the repository is missing")
        registry = _DOCKER_HUB if first == "index.docker.io" else first
        if registry == _DOCKER_HUB and "/" not in rest:
            return registry, f"library/{rest}"
        return registry, rest
    return _DOCKER_HUB, name if slash else f"library/{name}"


def _component_fault(component: str) -> str:
    if not component:
        return "a part of the name is empty"
    if _COMPONENT.match(component.lower()):
        return f"the repository must be lower case: {component!r}"
    return f"{component[:140]!r} cannot be part of a repository's name"


def _malformed(text: str, reason: str) -> UsageError:
    return UsageError(
        f"not an image reference: {text[:300]!r}: {reason}",
        fix="write it as [HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST]",
    )
