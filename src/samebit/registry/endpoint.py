"""Where a repository is really served, after mirrors and rewriting."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
# Docker Hub's API answers under another name than the one in references.
_API_HOSTS = {DOCKER_HUB: "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registry as host[:port], a repository in it, and whether unverified TLS or HTTP is fine."""

    host: str
    repository: str
    insecure: bool = False

    @property
    def api_host(self) -> str:
        """The host[:port] that serves the distribution API."""
        return _API_HOSTS.get(self.host, self.host)

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}"


def is_loopback(host: str) -> bool:
    """Say whether host[:port] is this machine itself: 127.0.0.0/8, ::1 or localhost."""
    name = host
    if host.startswith("["):
        name = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        name = host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
