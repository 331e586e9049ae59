"""Finding registry credentials: containers-auth.json(5), docker's config.json, their helpers.

Secrets live in `Credentials` only; its repr hides them and no error text contains any.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samebit.errors import MachineError, Place, UsageError
from samebit.registry.endpoint import DOCKER_HUB, Endpoint

_LIMIT = 4 << 20
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 60
_HUB_SERVER = "https://index.docker.io/v1/"
_HUB_NAMES = {"index.docker.io", "registry-1.docker.io", DOCKER_HUB}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password, or an identity token (OAuth2 refresh token) in their place."""

    source: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header of the Basic scheme (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


def find_credentials(endpoint: Endpoint, environment: Mapping[str, str]) -> Credentials | None:
    """Look up what to tell a registry: the first file that knows the repository or its registry.

    Raises UsageError when a file is malformed, MachineError when a configured helper fails.
    """
    for path in _files(environment):
        document = _read(path, explicit=environment.get("REGISTRY_AUTH_FILE") == str(path))
        if document is not None:
            found = _find(document, endpoint, path, environment)
            if found is not None:
                return found
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    explicit = environment.get("REGISTRY_AUTH_FILE")
    if explicit:
        yield Path(explicit)
        return
    home = Path(environment.get("HOME") or "/")
    runtime = environment.get("XDG_RUNTIME_DIR")
    yield (
        Path(runtime) / "containers/auth.json"
        if runtime
        else Path(f"/run/containers/{os.getuid()}/auth.json")
    )
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers/auth.json"
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def _read(path: Path, *, explicit: bool) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            data = file.read(_LIMIT + 1)
    except FileNotFoundError:
        if not explicit:
            return None
        raise UsageError(
            "REGISTRY_AUTH_FILE names a file that does not exist",
            where=Place(str(path)),
            fix="log in again, or unset REGISTRY_AUTH_FILE",
        ) from None
    except OSError as error:
        # Another user's file (sudo keeps HOME) is no reason to fail a public pull.
        if not explicit:
            return None
        raise UsageError(f"cannot read it: {error.strerror}", where=Place(str(path))) from error
    try:
        document = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        # The parser's message would quote the text, which may be a secret.
        raise _malformed(path, "it is not JSON") from None
    if len(data) > _LIMIT or not isinstance(document, dict):
        raise _malformed(path, "it is not a JSON object")
    return document


def _find(
    document: dict[str, Any], endpoint: Endpoint, path: Path, environment: Mapping[str, str]
) -> Credentials | None:
    helpers = _object(document, "credHelpers", path)
    for name in _same_registry(endpoint.host):
        if name in helpers:
            return _ask_helper(helpers[name], endpoint.host, path, environment)
    auths = _object(document, "auths", path)
    for key, entry in _entries(auths, endpoint):
        found = _from_entry(entry, key, path)
        if found is not None:
            return found
    store = document.get("credsStore")
    if store:
        return _ask_helper(store, endpoint.host, path, environment)
    return None


def _entries(auths: dict[str, Any], endpoint: Endpoint) -> Iterator[tuple[str, Any]]:
    """Yield the entries that cover the endpoint, the most specific path first."""
    parts = endpoint.repository.split("/")
    for length in range(len(parts), 0, -1):
        for host in _same_registry(endpoint.host):
            key = "/".join([host, *parts[:length]])
            if key in auths:
                yield key, auths[key]
    hosts = set(_same_registry(endpoint.host))
    for key, entry in sorted(auths.items()):
        # docker writes keys such as https://host/v1/.
        scheme, mark, rest = key.partition("://")
        host = rest.partition("/")[0] if mark and scheme in ("http", "https") else key
        if host in hosts:
            yield key, entry


def _same_registry(host: str) -> list[str]:
    return sorted(_HUB_NAMES) if host in _HUB_NAMES else [host]


def _from_entry(entry: object, key: str, path: Path) -> Credentials | None:
    if not isinstance(entry, dict):
        raise _malformed(path, f"auths.{key} is not an object")
    values = {}
    for name in ("auth", "username", "password", "identitytoken"):
        values[name] = entry.get(name, "")
        if not isinstance(values[name], str):
            raise _malformed(path, f"auths.{key}.{name} is not a string")
    username, password = values["username"], values["password"]
    if values["auth"]:
        try:
            pair = base64.b64decode(values["auth"], validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise _malformed(path, f"auths.{key}.auth is not base64 text") from None
        username, colon, password = pair.partition(":")
        if not colon:
            raise _malformed(path, f"auths.{key}.auth does not hold user:password")
        password = password.rstrip("\0")
    if not values["identitytoken"] and not (username and password):
        return None
    return Credentials(str(path), username, password, values["identitytoken"])


def _ask_helper(
    helper: object, host: str, path: Path, environment: Mapping[str, str]
) -> Credentials | None:
    """Run docker-credential-<helper>; its output is never shown, it may hold the secret."""
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        raise _malformed(path, "a credential helper's name is not a plain word")
    program = f"docker-credential-{helper}"
    server = _HUB_SERVER if host in _HUB_NAMES else host
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            env=dict(environment),
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise MachineError(
            f"{program} is not installed, but {path} says that it keeps the credentials",
            fix=f"install {program}, or remove it from {path}",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(
            f"{program} does not work ({type(error).__name__})",
            fix=f"try: echo {server} | {program} get",
        ) from None
    if done.returncode != 0:
        if b"credentials not found" in done.stdout.lower() + done.stderr.lower():
            return None
        raise MachineError(
            f"{program} failed with exit code {done.returncode}",
            fix=f"try: echo {server} | {program} get",
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        answer = username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise MachineError(
            f"{program} gave an answer that is not credentials",
            fix=f"try: echo {server} | {program} get",
        )
    if username == "<token>":
        return Credentials(program, identity_token=secret)
    return Credentials(program, username, secret) if username or secret else None


def _object(document: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise _malformed(path, f"{name} is not an object")
    return value


def _malformed(path: Path, what: str) -> UsageError:
    return UsageError(
        f"malformed credentials file: {what}",
        where=Place(str(path)),
        fix="log in again with `podman login` or `docker login`, or correct the file",
    )
