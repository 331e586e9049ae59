"""Reading the frames of first packets."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from samebit.network.sniffing import Attempt, read_attempt, with_checksum

ETHERNET = b"\2" * 12
SOURCE = bytes([198, 19, 255, 254])


def ipv4(protocol: int, target: str, payload: bytes, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    size = words * 4 + len(payload)
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, size, 1, 0, 64, protocol, 0)
    return ETHERNET + b"\x08\0" + header + SOURCE + IPv4Address(target).packed + options + payload


def syn(port: int) -> bytes:
    return struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 5 << 4, 2, 65535, 0, 0)


def test_tcp_with_and_without_options() -> None:
    for options in (b"", b"\x94\4\0\0"):
        frame = ipv4(6, "203.0.113.9", syn(8443), options)
        assert read_attempt(frame) == Attempt("tcp", IPv4Address("203.0.113.9"), 8443, frame)


def test_udp_ping_and_others() -> None:
    frame = ipv4(17, "203.0.113.9", struct.pack("!HHHH", 5, 123, 8, 0))
    assert read_attempt(frame) == Attempt("udp", IPv4Address("203.0.113.9"), 123, frame)
    frame = ipv4(1, "203.0.113.9", b"\x08\0\0\0")
    assert read_attempt(frame) == Attempt("icmp", IPv4Address("203.0.113.9"), 0, frame)
    # An unreachable port of the step's own is no attempt.
    assert read_attempt(ipv4(1, "203.0.113.9", b"\x03\x03\0\0")) is None
    frame = ipv4(47, "203.0.113.9", b"")
    assert read_attempt(frame) == Attempt("IP protocol 47", IPv4Address("203.0.113.9"), 0, frame)


def test_multicast_and_broadcast_are_nobody() -> None:
    datagram = struct.pack("!HHHH", 5, 5353, 8, 0)
    for address in ("224.0.0.251", "255.255.255.255"):
        assert read_attempt(ipv4(17, address, datagram)) is None


def test_ipv6() -> None:
    target = IPv6Address("2001:db8::9")
    header = struct.pack("!IHBB", 6 << 28, 20, 6, 64) + b"\0" * 16 + target.packed
    frame = ETHERNET + b"\x86\xdd" + header + syn(80)
    assert read_attempt(frame) == Attempt("tcp", target, 80, frame)


def test_the_checksum_is_the_internets() -> None:
    frame = with_checksum(ipv4(6, "203.0.113.9", syn(80)))
    segment = frame[34:]
    pseudo = frame[26:34] + struct.pack("!BBH", 0, 6, len(segment)) + segment
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


@given(st.binary(max_size=100))
def test_no_frame_breaks_it(frame: bytes) -> None:
    read_attempt(frame)
