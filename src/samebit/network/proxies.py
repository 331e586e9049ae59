"""The host's own way to the network: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; `authorization` is the value of Proxy-Authorization, empty for none."""

    scheme: str
    host: str
    port: int
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class UnusableProxyError(Exception):
    """The variable does not name a proxy that is spoken to by HTTP."""


def choose_proxy(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """Choose the proxy for an origin, None for a direct connection. Raises UnusableProxyError."""
    if _is_excepted(host, port, _variable(environment, "no_proxy")):
        return None
    for name in (f"{scheme}_proxy", "all_proxy"):
        value = _variable(environment, name)
        if value:
            return parse_proxy(value, name)
    return None


def parse_proxy(value: str, name: str) -> Proxy:
    """Read the value of the variable `name`. Raises UnusableProxyError, which shows no password."""
    parts = urlsplit(value if "://" in value else f"http://{value}")
    try:
        port = parts.port
    except ValueError:
        raise UnusableProxyError(f"{name.upper()} has no valid port") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnusableProxyError(f"{name.upper()} is no HTTP proxy ({parts.scheme}://)")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
    default = 443 if parts.scheme == "https" else 80
    return Proxy(parts.scheme, parts.hostname, port or default, authorization)


def _variable(environment: Mapping[str, str], name: str) -> str:
    # The upper-case form first, as most clients: except HTTP_PROXY nothing speaks against it.
    return environment.get(name.upper()) or environment.get(name) or ""


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    host = host.lower()
    for text in exceptions.lower().split(","):
        pattern, _, wanted_port = text.strip().partition(":")
        if text.count(":") > 1:
            pattern, wanted_port = text.strip("[] "), ""
        if wanted_port and wanted_port != str(port):
            continue
        if pattern == "*":
            return True
        pattern = pattern.removeprefix("*").lstrip(".")
        if pattern and (host == pattern or host.endswith("." + pattern)):
            return True
        if "/" in pattern and _is_inside(host, pattern):
            return True
    return False


def _is_inside(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
