"""Telling the sources of ADD apart: git repositories, URLs, local paths (reference, "ADD")."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from posixpath import basename, normpath
from urllib.parse import parse_qsl, unquote, urlsplit

from samebit.errors import DockerfileError, Place

_SCHEME = re.compile(r"([a-zA-Z0-9]+)://")
_SCP = re.compile(
    r"([a-zA-Z0-9_-]+)@([a-zA-Z0-9.-]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?\Z", re.DOTALL
)
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository: `remote` is what git is given; the rest says what is wanted of it."""

    remote: str
    ref: str | None = None
    subdir: str = ""
    checksum: str | None = None
    keep_git_dir: bool | None = None
    submodules: bool = True


def git_address(source: str, place: Place) -> GitAddress | None:
    """Read a source of ADD as a git address; None when it is not one. Raises DockerfileError."""
    scheme = _SCHEME.match(source)
    if scheme is not None:
        kind = scheme[1].lower()
        if kind not in ("http", "https", "ssh", "git"):
            return None
        parts = urlsplit(source)
        if kind in ("http", "https") and not parts.path.endswith(".git"):
            return None
        remote = parts._replace(query="", fragment="").geturl()
        query, fragment = parts.query, parts.fragment
    else:
        match = _SCP.match(source)
        if match is None or source.startswith(("./", "../")):
            return None
        remote = f"{match[1]}@{match[2]}:{match[3]}"
        query, fragment = match[4] or "", match[5] or ""
    ref, _, subdir = unquote(fragment).partition(":")
    address = GitAddress(remote, ref or None, normpath("/" + subdir).strip("/"))
    for key, value in parse_qsl(query, keep_blank_values=True):
        address = _with(address, key, value, place)
    return address


def is_url(source: str) -> bool:
    """Whether a source that is no git address is fetched by HTTP."""
    return source.startswith(("http://", "https://"))


def url_file_name(url: str, place: Place) -> str:
    """Give the name that a downloaded file gets when the destination is a directory."""
    name = basename(unquote(urlsplit(url).path).rstrip("/"))
    if name in ("", "."):
        return "__unnamed__"
    if name == ".." or "\0" in name:
        raise DockerfileError(f"{url}: no file name can be taken from this address", where=place)
    return name


def _with(address: GitAddress, key: str, value: str, place: Place) -> GitAddress:
    match key:
        case "ref":
            return replace(address, ref=_same(address.ref, value, key, place))
        case "tag" | "branch":
            prefix = "refs/tags/" if key == "tag" else "refs/heads/"
            full = prefix + value.removeprefix(prefix)
            return replace(address, ref=_same(address.ref, full, key, place))
        case "subdir":
            return replace(address, subdir=normpath("/" + value).strip("/"))
        case "checksum" | "commit":
            return replace(address, checksum=value)
        case "keep-git-dir":
            return replace(address, keep_git_dir=_boolean(key, value, place))
        case "submodules":
            return replace(address, submodules=_boolean(key, value, place))
        case "mtime" | "fetch-by-commit":
            # Times are always the epoch here, and a commit is always fetched as such.
            return address
        case _:
            raise DockerfileError(
                f"unknown query {key!r} in a git address",
                where=place,
                fix="known ones: ref, tag, branch, subdir, checksum, keep-git-dir, submodules",
            )


def _same(before: str | None, value: str, key: str, place: Place) -> str:
    if not value:
        raise DockerfileError(f"{key}= in a git address has no value", where=place)
    if before not in (None, value):
        raise DockerfileError(f"a git address asks for two refs: {before} and {value}", where=place)
    return value


def _boolean(key: str, value: str, place: Place) -> bool:
    if value in ("", *_TRUE):
        return True
    if value in _FALSE:
        return False
    raise DockerfileError(f"{key}={value} in a git address: expected true or false", where=place)
