"""rtnetlink(7), netlink(7): the few requests that set two network namespaces up.

Spoken directly, because iproute2 may be missing and a program for each setting takes longer than
all of them together.
"""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

_NEWLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWRULE, _DELRULE = 16, 20, 24, 28, 32, 33
_ERROR = 2
_REQUEST, _ACK, _EXCL, _CREATE = 0x001, 0x004, 0x200, 0x400

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFF_UP = 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 2
_RTA_OIF, _RTA_GATEWAY = 4, 5
_RTN_UNICAST, _RTN_LOCAL = 1, 2
_SCOPE_UNIVERSE, _SCOPE_HOST = 0, 254
_PROTOCOL_BOOT = 3
_TABLE_MAIN, _TABLE_LOCAL = 254, 255
_NDA_DST, _NDA_LLADDR = 1, 2
_NUD_PERMANENT = 0x80
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_IP_PROTO, _FRA_DPORT_RANGE = 3, 6, 22, 24
_TO_TABLE, _BLACKHOLE = 1, 6

LOOPBACK = 1
"""The index of `lo`, the first interface of every namespace."""

Interface = IPv4Interface | IPv6Interface
Address = IPv4Address | IPv6Address


class Netlink:
    """A connection to the network namespace that the calling thread is in now.

    It stays with that namespace wherever the thread goes. Methods raise OSError with the kernel's
    reason. Interfaces are named by their index.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._sequence = 0

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def add_pair(self, near: Device, far: Device, far_namespace: int) -> None:
        """Make a veth pair: `near` here, `far` in the namespace of that descriptor."""
        peer = (
            struct.pack("=BxHiII", 0, 0, far.index, 0, 0)
            + _text(_IFLA_IFNAME, far.name)
            + _attribute(_IFLA_ADDRESS, far.hardware)
            + _attribute(_IFLA_NET_NS_FD, struct.pack("=I", far_namespace))
        )
        data = _attribute(_VETH_PEER, peer)
        link = _text(_INFO_KIND, "veth") + _attribute(_INFO_DATA, data)
        self._ask(
            _NEWLINK,
            struct.pack("=BxHiII", 0, 0, near.index, 0, 0)
            + _text(_IFLA_IFNAME, near.name)
            + _attribute(_IFLA_ADDRESS, near.hardware)
            + _attribute(_IFLA_LINKINFO, link),
            _CREATE | _EXCL,
        )

    def up(self, index: int) -> None:
        """Switch an interface on."""
        self._ask(_NEWLINK, struct.pack("=BxHiII", 0, 0, index, _IFF_UP, _IFF_UP))

    def add_address(self, index: int, address: Interface) -> None:
        """Give an interface an address, at once usable."""
        header = struct.pack(
            "=BBBBI",
            _family(address),
            address.network.prefixlen,
            _IFA_F_NODAD if address.version == 6 else 0,
            _SCOPE_UNIVERSE,
            index,
        )
        packed = address.ip.packed
        values = _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
        self._ask(_NEWADDR, header + values, _CREATE | _EXCL)

    def add_default_route(self, index: int, gateway: Address) -> None:
        """Send everything that is not local through `gateway`."""
        values = _attribute(_RTA_GATEWAY, gateway.packed) + _number(_RTA_OIF, index)
        self._ask(_NEWROUTE, _route(_family(gateway), _TABLE_MAIN, _RTN_UNICAST) + values, _CREATE)

    def own_every_address(self, family: int) -> None:
        """Take every address of the family for this namespace's own.

        Of IPv4 the kernel sends answers from an address only if the table `local` has it.
        """
        table = _TABLE_LOCAL if family == socket.AF_INET else _TABLE_MAIN
        header = _route(family, table, _RTN_LOCAL, _SCOPE_HOST)
        self._ask(_NEWROUTE, header + _number(_RTA_OIF, LOOPBACK), _CREATE)

    def add_neighbour(self, index: int, address: Address, hardware: bytes) -> None:
        """Say for good which hardware address has `address`, so that nobody needs to ask."""
        header = struct.pack("=BxxxiHBB", _family(address), index, _NUD_PERMANENT, 0, 0)
        values = _attribute(_NDA_DST, address.packed) + _attribute(_NDA_LLADDR, hardware)
        self._ask(_NEWNEIGH, header + values, _CREATE)

    def move_local_rule(self, priority: int) -> None:
        """Look addresses of this namespace up at that priority, not before all other rules."""
        added = _rule(_TO_TABLE, _TABLE_LOCAL) + _number(_FRA_PRIORITY, priority)
        self._ask(_NEWRULE, added, _CREATE)
        self._ask(_DELRULE, _rule(_TO_TABLE, _TABLE_LOCAL) + _number(_FRA_PRIORITY, 0))

    def add_port_rule(self, priority: int, interface: str, port: int) -> None:
        """Deliver TCP to that port, coming in by that interface, to this namespace."""
        ports = _attribute(_FRA_DPORT_RANGE, struct.pack("=HH", port, port))
        rule = _rule(_TO_TABLE, _TABLE_LOCAL) + self._match(priority, interface, "tcp") + ports
        self._ask(_NEWRULE, rule, _CREATE)

    def add_local_rule(self, priority: int, interface: str) -> None:
        """Deliver what comes in by that interface to this namespace."""
        rule = _rule(_TO_TABLE, _TABLE_LOCAL) + _number(_FRA_PRIORITY, priority)
        self._ask(_NEWRULE, rule + _text(_FRA_IIFNAME, interface), _CREATE)

    def add_drop_rule(self, priority: int, interface: str, protocol: str) -> None:
        """Drop a protocol that comes in by that interface, unless an earlier rule takes it."""
        rule = _rule(_BLACKHOLE, 0) + self._match(priority, interface, protocol)
        self._ask(_NEWRULE, rule, _CREATE)

    @staticmethod
    def _match(priority: int, interface: str, protocol: str) -> bytes:
        number = {"icmp": socket.IPPROTO_ICMP, "tcp": socket.IPPROTO_TCP}[protocol]
        return (
            _number(_FRA_PRIORITY, priority)
            + _text(_FRA_IIFNAME, interface)
            + _attribute(_FRA_IP_PROTO, bytes([number]))
        )

    def _ask(self, kind: int, payload: bytes, flags: int = 0) -> None:
        self._sequence += 1
        size = 16 + len(payload)
        header = struct.pack("=IHHII", size, kind, flags | _REQUEST | _ACK, self._sequence, 0)
        self._socket.send(header + payload)
        answer = self._socket.recv(1 << 16)
        (answered,) = struct.unpack_from("=H", answer, 4)
        (error,) = struct.unpack_from("=i", answer, 16)
        if answered != _ERROR or error != 0:
            raise OSError(-error, os.strerror(-error))


class Device:
    """An interface to be made: its name, index and hardware address."""

    def __init__(self, name: str, index: int, hardware: bytes) -> None:
        self.name = name
        self.index = index
        self.hardware = hardware


def _family(address: Interface | Address) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _route(family: int, table: int, kind: int, scope: int = _SCOPE_UNIVERSE) -> bytes:
    return struct.pack("=8BI", family, 0, 0, 0, table, _PROTOCOL_BOOT, scope, kind, 0)


def _rule(action: int, table: int) -> bytes:
    return struct.pack("=8BI", socket.AF_INET, 0, 0, 0, table, 0, 0, action, 0)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode("ascii") + b"\0")


def _attribute(kind: int, value: bytes) -> bytes:
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * padding
