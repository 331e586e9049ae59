"""What comes out of the build namespace and meets no listener: seen on the gateway's interface.

packet(7) sockets with a classic filter of the kernel's (Documentation/networking/filter.rst), so
that the bytes of open connections cost nothing here.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_SO_ATTACH_FILTER = 26
_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_ECHO, _ECHO_V6 = 8, 128
_SYN, _SYN_ACK = 0x02, 0x12
DNS_PORT = 53

# Instructions of the filter: code, jump when true, jump when false, value.
_LD_BYTE, _LD_HALF, _LD_WORD = 0x30, 0x28, 0x20
_LD_BYTE_X, _LD_HALF_X, _LDX_IP_LENGTH = 0x50, 0x48, 0xB1
_AND, _JEQ, _JSET, _RET = 0x54, 0x15, 0x45, 0x06
_WHOLE = 0x40000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A first packet, with its Ethernet frame.

    `protocol` is tcp, udp, icmp or its number; `port` is 0 where there is none.
    """

    protocol: str
    address: IPv4Address | IPv6Address
    port: int
    frame: bytes


def open_sniffer(interface: str, family: int, resolver: IPv4Address) -> socket.socket:
    """Open a socket that receives first packets of new conversations, questions for DNS excepted.

    In the calling thread's network namespace. Raises OSError.
    """
    ethertype = _ETH_P_IP if family == socket.AF_INET else _ETH_P_IPV6
    program = _filter_v4(resolver) if family == socket.AF_INET else _filter_v6()
    # Bound only after the filter is in place: nothing gets past it.
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    value = struct.pack("HL", len(program), ctypes.addressof(buffer))
    sniffer.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)
    sniffer.bind((interface, ethertype))
    return sniffer


def read_attempt(frame: bytes) -> Attempt | None:
    """Understand a frame that the filter let through; None for what needs no answer.

    Multicast and broadcast are such: under every engine there is nobody who would answer them.
    """
    try:
        (ethertype,) = struct.unpack_from("!H", frame, 12)
        if ethertype == _ETH_P_IP:
            address = ip_address(frame[30:34])
            protocol, rest = frame[23], frame[14 + (frame[14] & 15) * 4 :]
        else:
            address = ip_address(frame[38:54])
            protocol, rest = frame[20], frame[54:]
        if address.is_multicast or address == IPv4Address("255.255.255.255"):
            return None
        if protocol in (_TCP, _UDP):
            name = "tcp" if protocol == _TCP else "udp"
            return Attempt(name, address, struct.unpack_from("!H", rest, 2)[0], frame)
        if protocol in (_ICMP, _ICMPV6):
            return Attempt("icmp", address, 0, frame) if rest[0] in (_ECHO, _ECHO_V6) else None
    except (IndexError, ValueError, struct.error):
        return None
    return Attempt(f"IP protocol {protocol}", address, 0, frame)


def with_checksum(frame: bytes) -> bytes:
    """Fill in the checksum of TCP over IPv4 (RFC 9293), which is left to the hardware."""
    start = 14 + (frame[14] & 15) * 4
    end = 14 + int(struct.unpack_from("!H", frame, 16)[0])
    segment = frame[start : start + 16] + b"\0\0" + frame[start + 18 : end]
    pseudo = frame[26:34] + struct.pack("!BBH", 0, _TCP, len(segment)) + segment
    pseudo += b"\0" * (len(pseudo) % 2)
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return frame[: start + 16] + struct.pack("!H", ~total & 0xFFFF) + frame[start + 18 :]


def _filter_v4(resolver: IPv4Address) -> list[tuple[int, int, int, int]]:
    return [
        (_LD_BYTE, 0, 0, 23),
        (_JEQ, 0, 6, _TCP),
        # A later fragment has no TCP header.
        (_LD_HALF, 0, 0, 20),
        (_JSET, 11, 0, 0x1FFF),
        (_LDX_IP_LENGTH, 0, 0, 14),
        (_LD_BYTE_X, 0, 0, 14 + 13),
        (_AND, 0, 0, _SYN_ACK),
        (_JEQ, 6, 7, _SYN),
        (_JEQ, 0, 5, _UDP),
        (_LD_WORD, 0, 0, 30),
        (_JEQ, 0, 3, int(resolver)),
        (_LDX_IP_LENGTH, 0, 0, 14),
        (_LD_HALF_X, 0, 0, 14 + 2),
        (_JEQ, 1, 0, DNS_PORT),
        (_RET, 0, 0, _WHOLE),
        (_RET, 0, 0, 0),
    ]


def _filter_v6() -> list[tuple[int, int, int, int]]:
    return [
        (_LD_BYTE, 0, 0, 20),
        (_JEQ, 0, 3, _TCP),
        (_LD_BYTE, 0, 0, 54 + 13),
        (_AND, 0, 0, _SYN_ACK),
        (_JEQ, 4, 5, _SYN),
        (_JEQ, 3, 0, _UDP),
        (_JEQ, 0, 3, _ICMPV6),
        (_LD_BYTE, 0, 0, 54),
        (_JEQ, 0, 1, _ECHO_V6),
        (_RET, 0, 0, _WHOLE),
        (_RET, 0, 0, 0),
    ]
