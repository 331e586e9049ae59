"""The part of an image configuration that a Dockerfile decides.

Read from an OCI image configuration (image-spec config.md) or Docker's (Image Manifest V2, Schema
2), and written as the OCI one with Docker's three extension fields Healthcheck, OnBuild and Shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from samebit.dockerfile.healthcheck import Healthcheck
from samebit.errors import InputError
from samebit.model.platform import Platform

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says about running it.

    `env` holds `K=V` in order. `exposed_ports` (`80/tcp`), `volumes` and `labels` are sorted.
    `entrypoint` and `cmd` are None when not set; an empty one is not None but written the same way.
    """

    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    user: str = ""
    working_dir: str = ""
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = ""
    shell: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    on_build: tuple[str, ...] = ()
    author: str = ""
    os: str = ""
    architecture: str = ""
    variant: str = ""

    def environment(self) -> dict[str, str]:
        """`env` as a mapping, in order; an entry without `=` has an empty value."""
        return dict(_environment(self.env))

    def with_env(self, pairs: Iterable[tuple[str, str]]) -> ImageConfig:
        """Set variables; one that exists keeps its position."""
        env = list(self.env)
        positions: dict[str, int] = {}
        for position, entry in enumerate(env):
            positions.setdefault(entry.partition("=")[0], position)
        for key, value in pairs:
            position = positions.setdefault(key, len(env))
            env[position : position + 1] = [f"{key}={value}"]
        return replace(self, env=tuple(env))

    def with_labels(self, labels: Iterable[tuple[str, str]]) -> ImageConfig:
        """Set labels (LABEL, or --label of the command line)."""
        return replace(self, labels=_ordered({**dict(self.labels), **dict(labels)}.items()))

    def with_platform(self, platform: Platform) -> ImageConfig:
        """Say the platform that was asked for, keeping a variant that it does not mention."""
        same = (self.os, self.architecture) == (platform.os, platform.architecture)
        variant = self.variant if same and not platform.variant else platform.variant
        if (platform.architecture, variant) == ("arm64", "v8"):
            variant = ""
        return replace(self, os=platform.os, architecture=platform.architecture, variant=variant)


def scratch(platform: Platform) -> ImageConfig:
    """Give the config that `FROM scratch` starts from."""
    return ImageConfig(
        env=(DEFAULT_PATH,),
        working_dir="/",
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
    )


def read_config(document: object, name: str) -> ImageConfig:
    """Read a parsed image configuration; `name` is the image, for messages.

    Raises InputError when a field has the wrong type or holds text that is not UTF-8.
    """
    reader = _Reader(name)
    top = reader.mapping(document, "")
    inner = reader.mapping(top.get("config"), "config")
    return ImageConfig(
        env=reader.strings(inner, "Env") or (),
        entrypoint=reader.strings(inner, "Entrypoint"),
        cmd=reader.strings(inner, "Cmd"),
        user=reader.string(inner, "User"),
        working_dir=reader.string(inner, "WorkingDir"),
        exposed_ports=reader.keys(inner, "ExposedPorts"),
        volumes=reader.keys(inner, "Volumes"),
        labels=reader.labels(inner),
        stop_signal=reader.string(inner, "StopSignal"),
        shell=reader.strings(inner, "Shell") or (),
        healthcheck=reader.healthcheck(inner),
        on_build=reader.strings(inner, "OnBuild") or (),
        author=reader.string(top, "author"),
        os=reader.string(top, "os"),
        architecture=reader.string(top, "architecture"),
        variant=reader.string(top, "variant"),
    )


def config_object(config: ImageConfig) -> dict[str, Any]:
    """Give the `config` object of an OCI image configuration; empty fields are left out.

    `author`, `os`, `architecture` and `variant` belong to the document around it.
    """
    check = config.healthcheck
    fields: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint or ()),
        "Cmd": list(config.cmd or ()),
        "Volumes": {volume: {} for volume in config.volumes},
        "WorkingDir": config.working_dir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "Healthcheck": _filled(
            {
                "Test": list(check.test),
                "Interval": check.interval,
                "Timeout": check.timeout,
                "StartPeriod": check.start_period,
                "StartInterval": check.start_interval,
                "Retries": check.retries,
            }
        )
        if check
        else None,
        "OnBuild": list(config.on_build),
        "Shell": list(config.shell),
    }
    return _filled(fields)


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _ordered(labels: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels, key=lambda label: label[0].encode()))


class _Reader:
    """Takes typed fields out of untrusted JSON."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _wrong(self, field: str, expected: str) -> InputError:
        return InputError(
            f"the configuration of {self._name} is corrupt: {field or 'it'} is not {expected}",
            fix="pull or build that image again",
        )

    def _text(self, value: object, field: str) -> str:
        if not isinstance(value, str):
            raise self._wrong(field, "a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong(field, "valid UTF-8") from None
        return value

    def mapping(self, value: object, field: str) -> Mapping[str, object]:
        if value is None and field:
            return {}
        if not isinstance(value, Mapping):
            raise self._wrong(field, "an object")
        for key in value:
            self._text(key, field)
        return value

    def string(self, fields: Mapping[str, object], field: str) -> str:
        value = fields.get(field)
        return "" if value is None else self._text(value, field)

    def strings(self, fields: Mapping[str, object], field: str) -> tuple[str, ...] | None:
        value = fields.get(field)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong(field, "a list of strings")
        return tuple(self._text(item, field) for item in value)

    def keys(self, fields: Mapping[str, object], field: str) -> tuple[str, ...]:
        return tuple(sorted(self.mapping(fields.get(field), field), key=str.encode))

    def labels(self, fields: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        found = self.mapping(fields.get("Labels"), "Labels")
        return _ordered((key, self._text(value, "Labels")) for key, value in found.items())

    def _number(self, fields: Mapping[str, object], field: str) -> int:
        value = fields.get(field, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            raise self._wrong(f"Healthcheck.{field}", "a number from 0 to 2^63-1")
        return value

    def healthcheck(self, fields: Mapping[str, object]) -> Healthcheck | None:
        found = self.mapping(fields.get("Healthcheck"), "Healthcheck")
        check = Healthcheck(
            test=self.strings(found, "Test") or (),
            interval=self._number(found, "Interval"),
            timeout=self._number(found, "Timeout"),
            start_period=self._number(found, "StartPeriod"),
            start_interval=self._number(found, "StartInterval"),
            retries=self._number(found, "Retries"),
        )
        return None if check == Healthcheck(()) else check


@lru_cache(maxsize=4)
def _environment(env: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, _, value in (entry.partition("=") for entry in env)}
