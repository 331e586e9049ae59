"""Two network namespaces: the build's, and the gateway's, which is the only way out of it.

network_namespaces(7), veth(4). They are held by file descriptors, because an ordinary user has no
/run/netns, and end with this process, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface

from samebit.errors import MachineError
from samebit.network.netlink import LOOPBACK, Device, Netlink
from samebit.network.sniffing import open_sniffer

NAMES_NETWORK = IPv4Network("198.18.0.0/15")
"""Where names get their addresses: for measuring devices (RFC 2544), so nobody's own network."""
LINK_NETWORK = IPv4Network("198.19.255.248/29")
"""The part of it that no name gets: what joins the two namespaces, and room for other addresses."""
GATEWAY_ADDRESS = IPv4Address("198.19.255.253")
"""Where the build namespace finds DNS and its way out."""

_GATEWAY = Device("gateway", 2, bytes.fromhex("025342000001"))
# A fixed hardware address, because some identifiers are made from it.
_BUILD = Device("eth0", 2, bytes.fromhex("025342000002"))
_GATEWAY_V4 = IPv4Interface((GATEWAY_ADDRESS, 30))
_BUILD_V4 = IPv4Interface("198.19.255.254/30")
_GATEWAY_V6 = IPv6Interface("fd53:616d:6562:6974::1/64")
_BUILD_V6 = IPv6Interface("fd53:616d:6562:6974::2/64")
# What else may be the build's, where `samebit verify` varies it: the addresses, by a number.
_OTHER_V4 = IPv4Interface("198.19.255.249/29")
_OTHERS = 3
_CLONE_NEWNET = 0x40000000
_PORT_RULE, _DROP_RULE, _INCOMING_RULE = 100, 200, 300
# Behind the table `main`, which knows the way back to the build namespace.
_LOCAL_RULE = 33000
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The pair, and what was opened inside it. `build` is the build namespace's descriptor."""

    build: int
    netlink: Netlink
    sniffers: tuple[socket.socket, ...]
    injector: socket.socket
    resolver_udp: socket.socket
    resolver_tcp: socket.socket

    @property
    def path(self) -> str:
        """Where a process of this user finds the build namespace."""
        return f"/proc/{os.getpid()}/fd/{self.build}"

    def close(self) -> None:
        """Let go of them; they end with the last process inside."""
        self.netlink.close()
        for opened in (*self.sniffers, self.injector, self.resolver_udp, self.resolver_tcp):
            opened.close()
        os.close(self.build)


def enter_gateway(number: int = 0) -> Namespaces:
    """Make the pair and move the calling thread, alone, into the gateway's namespace for good.

    `number` is that of the build's addresses, 0 for those of every build. Raises MachineError where
    this machine gives no namespaces.
    """
    try:
        return _enter(_addresses(number))
    except OSError as error:
        raise MachineError(
            f"this machine gives RUN no network of its own: {error.strerror}",
            fix="samebit needs network namespaces, veth interfaces and policy routing of the kernel"
            " (CONFIG_NET_NS, CONFIG_VETH, CONFIG_IP_MULTIPLE_TABLES)",
        ) from error


def open_listener(namespaces: Namespaces, port: int) -> socket.socket:
    """Listen at a port of every address; only for threads inside the gateway's namespace."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))  # noqa: S104 - inside a namespace of our own
        listener.listen(_BACKLOG)
        namespaces.netlink.add_port_rule(_PORT_RULE, _GATEWAY.name, port)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class _Addresses:
    device: Device
    v4: IPv4Interface
    v6: IPv6Interface
    gateway_v4: IPv4Interface


def _addresses(number: int) -> _Addresses:
    if number == 0:
        return _Addresses(_BUILD, _BUILD_V4, _BUILD_V6, _GATEWAY_V4)
    v4 = IPv4Interface((_OTHER_V4.ip + (number - 1) % _OTHERS, LINK_NETWORK.prefixlen))
    v6 = IPv6Interface((_BUILD_V6.ip + number, _BUILD_V6.network.prefixlen))
    hardware = bytes((*_BUILD.hardware[:3], 0x56, *number.to_bytes(2)))
    gateway = IPv4Interface((GATEWAY_ADDRESS, LINK_NETWORK.prefixlen))
    return _Addresses(Device(_BUILD.name, _BUILD.index, hardware), v4, v6, gateway)


def _enter(own: _Addresses) -> Namespaces:
    _unshare()
    build = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    inside = Netlink()
    inside.up(LOOPBACK)
    # As docker does: a server of a RUN step that is not root may take any port.
    with suppress(OSError), open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as setting:
        setting.write("0")
    injector = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    _unshare()
    gateway = Netlink()
    gateway.up(LOOPBACK)
    gateway.add_pair(_GATEWAY, own.device, build)
    gateway.add_local_rule(_INCOMING_RULE, _GATEWAY.name)
    gateway.move_local_rule(_LOCAL_RULE)
    gateway.add_drop_rule(_DROP_RULE, _GATEWAY.name, "tcp")
    gateway.add_drop_rule(_DROP_RULE, _GATEWAY.name, "icmp")
    gateway.own_every_address(socket.AF_INET)
    hardware, index = own.device.hardware, own.device.index
    _join(gateway, _GATEWAY.index, own.gateway_v4, own.v4, hardware)
    _join(inside, index, own.v4, own.gateway_v4, _GATEWAY.hardware)
    inside.add_default_route(index, GATEWAY_ADDRESS)
    families = [socket.AF_INET]
    # A kernel without IPv6 needs nobody who refuses it.
    with suppress(OSError):
        gateway.own_every_address(socket.AF_INET6)
        _join(gateway, _GATEWAY.index, _GATEWAY_V6, own.v6, hardware)
        _join(inside, index, own.v6, _GATEWAY_V6, _GATEWAY.hardware)
        inside.add_default_route(index, _GATEWAY_V6.ip)
        families.append(socket.AF_INET6)
    inside.close()
    injector.bind((own.device.name, 0))
    sniffers = tuple(open_sniffer(_GATEWAY.name, f, GATEWAY_ADDRESS) for f in families)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    udp.bind((str(GATEWAY_ADDRESS), 53))
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    tcp.bind((str(GATEWAY_ADDRESS), 53))
    tcp.listen(_BACKLOG)
    gateway.add_port_rule(_PORT_RULE, _GATEWAY.name, 53)
    return Namespaces(build, gateway, sniffers, injector, udp, tcp)


def _join(
    link: Netlink,
    index: int,
    own: IPv4Interface | IPv6Interface,
    other: IPv4Interface | IPv6Interface,
    hardware: bytes,
) -> None:
    link.add_address(index, own)
    link.up(index)
    link.add_neighbour(index, other.ip, hardware)


def _unshare() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
