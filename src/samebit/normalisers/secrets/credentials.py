"""Credentials that tools keep in a home directory."""

from __future__ import annotations

import re
from typing import BinaryIO

from samebit.normalisers.protocol import Detector, Facts

_LARGEST = 1 << 20
_FIX = "give it to the step that needs it with RUN --mount=type=secret; a later rm is enough only"
_FIX += " here, because samebit ships one layer"
_REFERENCE = "Dockerfile reference, RUN --mount=type=secret"

_NPM = re.compile(rb"(?im)^\s*(?:\S*:)?(?:_authToken|_auth|_password)\s*=\s*(?!\$\{)\S")
_NETRC = re.compile(rb"(?m)(?:^|\s)password\s+\S")
_URL = re.compile(rb"://[^/\s:@${}]*:[^/\s@${}]+@")
_DOCKER = re.compile(rb'"(?:auth|identitytoken|registrytoken)"\s*:\s*"[^"]')
_PYPI = re.compile(rb"(?im)^\s*password\s*[=:]\s*\S")
_AWS = re.compile(rb"(?im)^\s*aws_secret_access_key\s*=\s*\S")
_TOKEN = re.compile(rb"(?im)^\s*\"?(?:oauth_token|token|refresh_token|private_key)\"?\s*[:=]\s*\S")
_CARGO = re.compile(rb"(?im)^\s*token\s*=\s*[\"']\S")
_RUBY = re.compile(rb"(?im)^\s*:[a-z0-9_.-]*(?:api_key|key)\s*:\s*\S")
_MAVEN = re.compile(rb"<(?:password|privateKey|passphrase)>\s*(?!\$\{)[^<\s]")


def _about(name: str, pattern: re.Pattern[bytes], what: str, *paths: bytes) -> Detector:
    def inspect(source: BinaryIO, size: int, _facts: Facts) -> str | None:
        if size > _LARGEST:
            return None
        return f"holds {what}" if pattern.search(source.read(size)) else None

    return Detector(
        name=f"secret/{name}", paths=paths, inspect=inspect, fix=_FIX, reference=_REFERENCE
    )


NPM = _about("npmrc", _NPM, "a token of a package registry", b"**/.npmrc", b"**/.yarnrc")
NETRC = _about(
    "netrc", _NETRC, "a password", b"**/.netrc", b"etc/apt/auth.conf", b"etc/apt/auth.conf.d/*"
)
GIT = _about(
    "git-credentials",
    _URL,
    "a password or token",
    b"**/.git-credentials",
    b"**/.config/git/credentials",
    b"**/.gitconfig",
    b"**/.git/config",
)
DOCKER = _about(
    "docker-config",
    _DOCKER,
    "the credentials of a registry",
    b"**/.docker/config.json",
    b"**/.dockercfg",
    b"**/containers/auth.json",
)
PYPI = _about("pypirc", _PYPI, "a password of a package index", b"**/.pypirc")
PIP = _about(
    "pip-config",
    _URL,
    "a password in the address of a package index",
    b"**/.pip/pip.conf",
    b"**/.config/pip/pip.conf",
    b"etc/pip.conf",
    b"etc/apt/sources.list",
    b"etc/apt/sources.list.d/*",
)
CLOUD = _about("cloud", _AWS, "an access key", b"**/.aws/credentials")
TOKENS = _about(
    "tokens",
    _TOKEN,
    "a token",
    b"**/.config/gh/hosts.yml",
    b"**/.config/gcloud/application_default_credentials.json",
    b"**/.config/hub",
)
CARGO = _about(
    "cargo",
    _CARGO,
    "a token of a crate registry",
    b"**/.cargo/credentials",
    b"**/.cargo/credentials.toml",
)
RUBY = _about("gem", _RUBY, "a key of a gem registry", b"**/.gem/credentials")
MAVEN = _about("maven", _MAVEN, "a password of a repository", b"**/.m2/settings.xml")
