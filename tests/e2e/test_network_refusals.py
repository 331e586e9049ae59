"""What of the network a step is refused, and how it is named: real sockets, without an engine."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from contextlib import closing, suppress

import pytest
from fake_internet import Page
from network_lab import Client, Lab, get, inside

from samebit.network.problems import ProblemKind
from samebit.network.session import Network

TRUST = "/dev/.samebit/ca.pem"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="enters network namespaces: needs root"),
]


def test_a_client_with_its_own_proxy_is_understood(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.internet.pages["https://a.example.org/f"] = Page(b"through a tunnel")
    lab.internet.pages["http://a.example.org/f"] = Page(b"plain")
    lab.environment = {"HTTP_PROXY": "", "HTTPS_PROXY": ""}
    port = lab.internet.address.partition(":")[2]
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest: resolve("127.0.0.1" if host == "proxy.example.org" else host, *rest),
    )

    def client(network: Network) -> tuple[bytes, bytes]:
        with closing(Client(network, f"proxy.example.org:{port}")) as plain:
            first = plain.ask("GET", "http://a.example.org/f").body
        with closing(Client(network, f"proxy.example.org:{port}")) as connection:
            connection.connect()
            connection.sock.sendall(b"CONNECT a.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" in connection.sock.recv(1000)
            context = ssl.create_default_context(cafile=str(network.files[TRUST]))
            with context.wrap_socket(connection.sock, server_hostname="a.example.org") as tunnel:
                tunnel.sendall(
                    b"GET /f HTTP/1.1\r\nHost: a.example.org\r\nConnection: close\r\n\r\n"
                )
                second = b""
                while piece := tunnel.recv(1000):
                    second += piece
        return first, second.partition(b"\r\n\r\n")[2]

    recorded, replayed = lab.both(client)
    assert recorded == replayed == (b"plain", b"through a tunnel")


@pytest.mark.parametrize(
    ("place", "sent", "spoken"),
    [
        ("db.example.org:5432", b"\0\0\0\x08\x04\xd2\x16/", "this protocol"),
        ("git.example.org:9418", b"0032git-upload-pack /x\0host=git.example.org\0", "git://"),
        ("a.example.org:80", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
        ("a.example.org:22", b"", "SSH"),
        ("a.example.org:2222", b"SSH-2.0-x\r\n", "SSH"),
        ("a.example.org:80", b"GARBAGE\r\n\r\n", "HTTP"),
    ],
)
def test_what_is_not_http_is_refused_and_named(
    lab: Lab, place: str, sent: bytes, spoken: str
) -> None:
    host, _, port = place.partition(":")

    def client(network: Network) -> bytes:
        address = (str(network.names.address(host)), int(port))
        with (
            suppress(ConnectionError),
            socket.create_connection(address, 30) as connection,
        ):
            connection.sendall(sent)
            return connection.recv(100)
        return b""

    for record in (True, False):
        with lab.open(record=record) as network:
            inside(network, lambda n=network: client(n))
            (problem,) = network.problems()
        assert problem.kind is ProblemKind.REFUSED
        assert problem.subject == place
        assert spoken in problem.reason


def test_a_client_with_authorities_of_its_own_is_refused_and_named(lab: Lab) -> None:
    def client(network: Network) -> None:
        address = (str(network.names.address("a.example.org")), 8443)
        # It knows one authority, and that is not the recorder's.
        context = ssl.create_default_context(cafile=str(lab.internet.trust))
        with (
            socket.create_connection(address, 30) as connection,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(connection, server_hostname="a.example.org")

    for record in (True, False):
        with lab.open(record=record) as network:
            inside(network, lambda n=network: client(n))
            # The alert is read by another thread.
            deadline = time.monotonic() + 60
            while not network.problems() and time.monotonic() < deadline:
                time.sleep(0.01)
            (problem,) = network.problems()
        assert problem.kind is ProblemKind.REFUSED
        assert problem.subject == "a.example.org:8443"
        assert "the client does not trust the recorder's certificate" in problem.reason


def test_other_protocols_and_addresses_are_refused_and_named(lab: Lab) -> None:
    def literal() -> bytes:
        with socket.create_connection(("203.0.113.9", 80), 10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            return connection.recv(10)

    def client() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", ("203.0.113.9", 123))
        with pytest.raises(ConnectionError):
            literal()
        with suppress(OSError), socket.socket(socket.AF_INET6) as other:
            other.settimeout(10)
            other.connect(("2001:db8::9", 80))

    with lab.open(record=False) as network:
        inside(network, client)
        # The sniffer is a thread of its own: a name is answered after all that it saw before.
        inside(network, lambda: query(b"\0\x10", b"\0\1"))
        subjects = {problem.subject for problem in network.problems()}
    assert {"203.0.113.9:123 (UDP)", "203.0.113.9:80"} <= subjects
    assert "DNS TXT of example.org" in subjects


def query(kind: bytes, number_class: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(20)
        resolver.connect(("198.19.255.253", 53))
        question = b"\7example\3org\0" + kind + number_class
        resolver.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question)
        return resolver.recv(512)


def test_the_loopback_of_a_step_is_its_own(lab: Lab) -> None:
    def client() -> bytes:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), 10) as one,
        ):
            other, _ = server.accept()
            with other:
                other.sendall(b"me")
                return one.recv(10)

    with lab.open(record=False) as network:
        assert inside(network, client) == b"me"
        assert network.problems() == ()


def test_a_player_itself_has_no_way_out(lab: Lab) -> None:
    """Its threads are in the gateway's namespace, where there is only the pair and loopback."""
    with lab.open(record=False) as network:
        host = os.readlink("/proc/self/ns/net")
        found = {
            os.readlink(f"/proc/self/task/{t.native_id}/ns/net")
            for t in threading.enumerate()
            if t.daemon and t.native_id is not None
        }
        inside(network, lambda: get(network, "a.example.org"))
    assert found - {host}
