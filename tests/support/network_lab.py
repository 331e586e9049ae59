"""A build's network without an engine: clients of the test's own, inside the real namespaces."""

from __future__ import annotations

import ctypes
import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from fake_internet import FakeInternet

from samebit.lock.fetch import LockedFetch
from samebit.model.platform import Platform
from samebit.network.session import Network, open_network
from samebit.store.store import Store

_Result = TypeVar("_Result")
_NEWNET = 0x40000000


def inside(network: Network, function: Callable[[], _Result]) -> _Result:
    """Run a function in a thread that is in the build's namespace; gives or raises what it does."""
    results: list[_Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            descriptor = os.open(network.namespace, os.O_RDONLY)
            assert ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEWNET) == 0
            os.close(descriptor)
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "a client hangs"
    if failures:
        raise failures[0]
    return results[0]


@dataclass
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class Client(http.client.HTTPConnection):
    """A connection as a program in RUN makes it; `asked` is what it says in TLS."""

    def __init__(self, network: Network, place: str, *, tls: bool = False) -> None:
        host, _, port = place.partition(":")
        super().__init__(host, int(port or (443 if tls else 80)), timeout=30)
        self._network = network
        self._tls = tls

    def connect(self) -> None:
        address = str(self._network.names.address(self.host))
        self.sock = socket.create_connection((address, self.port), 30)
        if self._tls:
            trust = self._network.files["/dev/.samebit/ca.pem"]
            context = ssl.create_default_context(cafile=str(trust))
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        self.request(method, path, body, dict(headers or {}))
        response = self.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, response.reason, names, response.read())


@dataclass
class Lab:
    """Networks over one store; what was recorded is what the next one replays."""

    store: Store
    internet: FakeInternet
    private: Path
    fetches: tuple[LockedFetch, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def open(self, *, record: bool) -> Iterator[Network]:
        self.private.mkdir(exist_ok=True)
        with open_network(
            self.store,
            self.fetches,
            Platform.native(),
            self.private,
            record=record,
            environment={**self.internet.environment, **self.environment},
        ) as network:
            network.marker.write_text("0/1".ljust(32))
            yield network
        if record:
            self.fetches = network.fetches()

    def both(self, client: Callable[[Network], _Result]) -> tuple[_Result, _Result]:
        """Let a client ask while recording and while replaying; there must be no problem."""
        results = []
        for record in (True, False):
            seen = len(self.internet.seen)
            with self.open(record=record) as network:
                results.append(inside(network, lambda n=network: client(n)))
                assert network.problems() == ()
            assert record or len(self.internet.seen) == seen
        return results[0], results[1]


def get(
    network: Network, place: str, path: str = "/", *, tls: bool = False, **headers: str
) -> Reply:
    """Ask over a new connection."""
    with closing(Client(network, place, tls=tls)) as client:
        return client.ask("GET", path, {k.replace("_", "-"): v for k, v in headers.items()})


def ask(network: Network, method: str, path: str, body: bytes | None = None) -> Reply:
    """Ask a.example.org over a new connection."""
    with closing(Client(network, "a.example.org")) as client:
        return client.ask(method, path, body=body)
