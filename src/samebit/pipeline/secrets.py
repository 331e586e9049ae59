"""`--secret` and `--ssh`: read as docker buildx reads them, and given to the steps that ask.

Nothing of them is part of a build's inputs: no lock, memo, history or image ever holds them.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from samebit.dockerfile.lowering_model import RunStep, StepMount
from samebit.engines.protocol import SshSource
from samebit.errors import UsageError

# BuildKit's own limit.
_SECRET_LIMIT = 500 << 10
_KEYS = ("id", "src", "source", "env", "type")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from: a file, or a variable of this process's environment."""

    file: Path | None = None
    variable: str | None = None

    def read(self, identity: str) -> bytes:
        """Give the secret. Raises UsageError when it is not there any more or is too large."""
        if self.variable is not None:
            data = os.environb.get(os.fsencode(self.variable), b"")
        else:
            assert self.file is not None
            try:
                with self.file.open("rb") as stream:
                    data = stream.read(_SECRET_LIMIT + 1)
            except OSError as error:
                raise UsageError(
                    f"--secret {identity}: {self.file} cannot be read: {error.strerror}"
                ) from error
        if len(data) > _SECRET_LIMIT:
            raise UsageError(f"--secret {identity}: larger than {_SECRET_LIMIT >> 10} KiB")
        return data


def parse_secrets(texts: Iterable[str]) -> dict[str, SecretSource]:
    """Read the values of --secret (`id=NAME[,src=FILE|,env=VARIABLE]`); UsageError."""
    found = {}
    for text in texts:
        identity, source = _secret(text)
        found[identity] = source
    return found


def _secret(text: str) -> tuple[str, SecretSource]:
    expected = f"--secret {text}: expected id=NAME[,src=FILE|,env=VARIABLE]"
    fields: dict[str, str] = {}
    try:
        parts = next(csv.reader([text], strict=True), [])
    except csv.Error:
        raise UsageError(expected) from None
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals or key.lower() not in _KEYS:
            raise UsageError(expected)
        fields[key.lower()] = value
    kind = fields.get("type", "")
    identity = fields.get("id", "")
    path, variable = fields.get("src", fields.get("source", "")), fields.get("env", "")
    if not identity or kind not in ("", "file", "env"):
        raise UsageError(expected)
    if kind == "env" and not variable:
        variable, path = path or identity, ""
    if not variable and not path and kind != "file" and identity in os.environ:
        variable = identity
    if variable:
        if variable not in os.environ:
            raise UsageError(
                f"--secret {text}: the variable {variable} is not set", fix="set it and export it"
            )
        return identity, SecretSource(variable=variable)
    file = Path(path or identity)
    # Now, because a missing file must not fail in the middle of a build.
    if not file.exists() or file.is_dir():
        raise UsageError(f"--secret {text}: there is no file {file}", fix="check the path")
    return identity, SecretSource(file=file.absolute())


def parse_ssh(texts: Iterable[str]) -> dict[str, SshSource]:
    """Read the values of --ssh (`default|ID[=SOCKET|KEY[,KEY]]`). Raises UsageError."""
    found = {}
    for text in texts:
        identity, _, paths = text.partition("=")
        if not identity:
            raise UsageError(f"--ssh {text}: expected default or ID[=SOCKET|KEY[,KEY]]")
        found[identity] = _ssh(text, [Path(path) for path in paths.split(",") if path])
    return found


def _ssh(text: str, paths: list[Path]) -> SshSource:
    if not paths:
        given = os.environ.get("SSH_AUTH_SOCK")
        if not given:
            raise UsageError(
                f"--ssh {text}: SSH_AUTH_SOCK is not set",
                fix="start an agent (eval $(ssh-agent); ssh-add), or give a socket or key",
            )
        paths = [Path(given)]
    kinds = []
    for path in paths:
        try:
            kinds.append(path.stat().st_mode)
        except OSError as error:
            raise UsageError(
                f"--ssh {text}: {path}: {error.strerror}", fix="check the path"
            ) from None
    absolute = tuple(path.absolute() for path in paths)
    if len(kinds) == 1 and stat.S_ISSOCK(kinds[0]):
        return SshSource(socket=absolute[0])
    if all(stat.S_ISREG(kind) for kind in kinds):
        return SshSource(keys=absolute)
    raise UsageError(f"--ssh {text}: expected one socket, or files that hold private keys")


def wanted_secrets(
    steps: Mapping[str, RunStep], given: Mapping[str, SecretSource]
) -> dict[str, bytes]:
    """Read the secrets that steps ask for. Raises UsageError for a required one not given."""
    asked = _asked(steps, "secret", given, "--secret id={0},src=FILE")
    return {identity: given[identity].read(identity) for identity in asked}


def wanted_agents(
    steps: Mapping[str, RunStep], given: Mapping[str, SshSource]
) -> dict[str, SshSource]:
    """Give the SSH agents that steps ask for. Raises UsageError for a required one not given."""
    return {identity: given[identity] for identity in _asked(steps, "ssh", given, "--ssh {0}")}


def _asked(
    steps: Mapping[str, RunStep], kind: str, given: Mapping[str, object], option: str
) -> list[str]:
    asked: dict[str, None] = {}
    for step in steps.values():
        for mount in step.mounts:
            if mount.kind != kind:
                continue
            if mount.id in given:
                asked[mount.id] = None
            elif mount.required:
                raise _missing(step, mount, option)
    return list(asked)


def _missing(step: RunStep, mount: StepMount, option: str) -> UsageError:
    name = "SSH agent" if mount.kind == "ssh" else "secret"
    return UsageError(
        f"this step requires the {name} {mount.id!r}, and it is not given",
        where=step.place,
        fix=f"add {option.format(mount.id)}",
    )
