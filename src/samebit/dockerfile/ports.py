"""EXPOSE: ports, ranges and protocols (Dockerfile reference, "EXPOSE").

docker also accepts the command line's `[ip:]host:container` form and takes the last part of it.
"""

from __future__ import annotations

import ipaddress

_PROTOCOLS = ("tcp", "udp", "sctp")


class PortError(ValueError):
    """A port that cannot be read; the text says why."""


def exposed(text: str) -> list[str]:
    """Give the `port/protocol` entries of one word, such as `8000-8002/UDP`; raises PortError."""
    outer, _, container = text.rpartition(":")
    address, _, host = outer.rpartition(":")
    port, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise PortError(f"{text!r}: expected one of the protocols {', '.join(_PROTOCOLS)}")
    first, last = _range(text, port)
    if host:
        low, high = _range(text, host)
        if last > first and high - low != last - first:
            raise PortError(f"{text!r}: the two port ranges differ in length")
    if address:
        try:
            ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
        except ValueError:
            raise PortError(f"{text!r}: {address!r} is no IP address") from None
    return [f"{number}/{protocol}" for number in range(first, last + 1)]


def _range(text: str, ports: str) -> tuple[int, int]:
    low, dash, high = ports.partition("-")
    first = _number(text, low)
    last = _number(text, high) if dash else first
    if last < first:
        raise PortError(f"{text!r}: the port range ends before it begins")
    return first, last


def _number(text: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 10 or int(digits) > 65535:
        raise PortError(f"{text!r}: expected a port from 0 to 65535, found {digits!r}")
    return int(digits)
