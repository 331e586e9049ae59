"""Platforms: operating system, architecture and variant, normalised as containerd does."""

from __future__ import annotations

import platform as _host
from dataclasses import dataclass
from typing import Self

from samebit.errors import UsageError

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "amd64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "arm64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
}


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """For example `linux/amd64` or `linux/arm/v7`; `variant` may be empty."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `os[/arch[/variant]]`; a lone architecture means linux. Raises UsageError."""
        parts = text.strip().lower().split("/")
        if len(parts) == 1 and parts[0] != "linux":
            parts = ["linux", parts[0]]
        if len(parts) == 1:
            parts.append(_host.machine().lower())
        if len(parts) > 3 or not all(parts):
            raise UsageError(
                f"not a platform: {text!r}", fix="write it as os/architecture, e.g. linux/amd64"
            )
        architecture, variant = _ARCHITECTURES.get(parts[1], (parts[1], ""))
        if len(parts) == 3:
            variant = parts[2]
        if architecture == "arm64" and variant in ("8", "v8"):
            variant = ""
        if architecture == "arm" and not variant:
            variant = "v7"
        if architecture == "arm" and variant.isdigit():
            variant = "v" + variant
        return cls(parts[0], architecture, variant)

    @classmethod
    def native(cls) -> Self:
        """Give the platform of the containers this machine runs natively."""
        return cls.parse(f"linux/{_host.machine()}")

    def __str__(self) -> str:
        base = f"{self.os}/{self.architecture}"
        return f"{base}/{self.variant}" if self.variant else base
