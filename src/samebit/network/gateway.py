"""The gateway's threads: who answers names, who hears first packets, who accepts connections.

A thread that is started from one inside a network namespace is inside, too. A player's threads all
are, so none of them can reach anything. A recorder's connections are served outside.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address

from samebit.errors import MachineError
from samebit.network.names import answer
from samebit.network.namespaces import Namespaces, enter_gateway, open_listener
from samebit.network.services import Services
from samebit.network.sniffing import Attempt, read_attempt, with_checksum

_DATAGRAM = 1 << 16
_DNS_SECONDS = 10.0
_DNS_MESSAGES = 1000
# More ports than any build talks to; a scan of all of them ends here.
_LISTENER_LIMIT = 512
# Each takes up to four descriptors, and many machines give 1,024.
_CONNECTION_LIMIT = 200
_USUAL_PORTS = (80, 443)


class Gateway:
    """The network of one build. `start` gives its namespace, `close` ends everything."""

    def __init__(self, services: Services, *, inside: bool, addresses: int = 0) -> None:
        """With `inside` connections are served by threads that have no way out themselves.

        `addresses` is the number of the build's own ones, 0 for the usual ones.
        """
        self._addresses = addresses
        self._services = services
        self._inside = inside
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._namespaces: Namespaces | None = None
        self._listeners: dict[int, socket.socket] = {}
        self._accepting = selectors.DefaultSelector()
        self._open = threading.BoundedSemaphore(_CONNECTION_LIMIT)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._wakers = (os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC))
        self._threads: list[threading.Thread] = []
        self._crashes: list[Exception] = []

    def start(self) -> str:
        """Set everything up; gives the path of the build's namespace. Raises MachineError."""
        self._start(self._guard)
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        if not self._inside:
            self._start(self._accept)
        assert self._namespaces is not None
        return self._namespaces.path

    def close(self) -> None:
        """End every connection and thread, and let go of the namespaces."""
        self._closing = True
        for _, waker in self._wakers:
            os.write(waker, b"x")
        self._hang_up()
        for thread in self._threads:
            thread.join()
        self._hang_up()
        # Whoever holds all of them knows that no connection is served any more.
        for _ in range(_CONNECTION_LIMIT):
            self._open.acquire()
        for listener in self._listeners.values():
            listener.close()
        self._accepting.close()
        if self._namespaces is not None:
            # The kernel lets go of packet sockets slowly, and nobody has to wait for it.
            threading.Thread(target=self._namespaces.close).start()
        for pair in self._wakers:
            for descriptor in pair:
                os.close(descriptor)

    def raise_crash(self) -> None:
        """Raise what ended a connection's thread and is nobody's answer: a full disk, a bug."""
        if self._crashes:
            raise self._crashes[0]

    def _hang_up(self) -> None:
        self._services.abort()
        with self._lock:
            for handle in self._connections:
                with suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)

    def _start(self, function: Callable[[], None]) -> None:
        thread = threading.Thread(target=function, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self) -> None:
        """Answer names, and hear first packets; in the gateway's namespace."""
        try:
            namespaces = self._namespaces = enter_gateway(self._addresses)
            self._accepting.register(self._wakers[1][0], selectors.EVENT_READ)
            for port in _USUAL_PORTS:
                self._listen(namespaces, port)
            if self._inside:
                self._start(self._accept)
        except (OSError, MachineError) as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakers[0][0], selectors.EVENT_READ)
            for watched in (
                namespaces.resolver_udp,
                namespaces.resolver_tcp,
                *namespaces.sniffers,
            ):
                selector.register(watched, selectors.EVENT_READ)
            while not self._closing:
                for key, _ in selector.select():
                    if key.fileobj is namespaces.resolver_udp:
                        self._answer_datagram(namespaces.resolver_udp)
                    elif key.fileobj is namespaces.resolver_tcp:
                        client, _ = namespaces.resolver_tcp.accept()
                        self._spawn(client, self._answer_stream)
                    elif key.fileobj in namespaces.sniffers:
                        assert isinstance(key.fileobj, socket.socket)
                        self._hear(namespaces, key.fileobj.recv(_DATAGRAM))

    def _listen(self, namespaces: Namespaces, port: int) -> None:
        listener = open_listener(namespaces, port)
        listener.settimeout(0)
        self._listeners[port] = listener
        self._accepting.register(listener, selectors.EVENT_READ)

    def _hear(self, namespaces: Namespaces, frame: bytes) -> None:
        attempt = read_attempt(frame)
        if attempt is None:
            return
        if attempt.protocol == "tcp" and isinstance(attempt.address, IPv4Address):
            if attempt.port in self._listeners:
                return
            if len(self._listeners) < _LISTENER_LIMIT:
                with suppress(OSError):
                    self._listen(namespaces, attempt.port)
                    # The packet found nobody; now it does, and the client need not wait.
                    namespaces.injector.send(with_checksum(frame))
                    return
        self._refuse(attempt)

    def _refuse(self, attempt: Attempt) -> None:
        address = str(attempt.address)
        name = self._services.names.name(address) if attempt.address.version == 4 else None
        host = name or (f"[{address}]" if attempt.address.version == 6 else address)
        place = f"{host}:{attempt.port}" if attempt.port else host
        spoken = {"tcp": "TCP", "udp": "UDP", "icmp": "ping"}.get(
            attempt.protocol, attempt.protocol
        )
        if attempt.address.version == 6:
            reason = f"{spoken} to an IPv6 address cannot be recorded: only HTTP to names can"
        else:
            reason = f"{spoken} cannot be recorded: only HTTP can"
        services = self._services
        services.library.refuse(services.instruction(), f"{place} ({spoken})", reason)

    def _answer_datagram(self, resolver: socket.socket) -> None:
        with suppress(OSError):
            message, asker = resolver.recvfrom(_DATAGRAM)
            reply = self._reply(message)
            if reply:
                resolver.sendto(reply, asker)

    def _answer_stream(self, client: socket.socket, services: Services) -> None:
        del services
        with client, suppress(OSError):
            client.settimeout(_DNS_SECONDS)
            for _ in range(_DNS_MESSAGES):
                head = _exactly(client, 2)
                message = _exactly(client, struct.unpack("!H", head)[0]) if head else b""
                reply = self._reply(message) if message else None
                if not reply:
                    return
                client.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, message: bytes) -> bytes | None:
        reply = answer(message, self._services.names)
        if reply is None:
            return None
        if reply.refused is not None:
            self._services.library.refuse(
                self._services.instruction(),
                reply.refused,
                "only addresses of names can be asked for: nothing else is recorded",
            )
        return reply.message

    def _accept(self) -> None:
        def serve(client: socket.socket, services: Services) -> None:
            # What speaks TLS and HTTP takes longer to import than most steps, which need it not.
            from samebit.network import connection  # noqa: PLC0415

            connection.serve(client, services)

        while not self._closing:
            for key, _ in self._accepting.select():
                if isinstance(key.fileobj, socket.socket):
                    with suppress(OSError):
                        client, _ = key.fileobj.accept()
                        self._spawn(client, serve)

    def _spawn(
        self, client: socket.socket, function: Callable[[socket.socket, Services], None]
    ) -> None:
        client.settimeout(None)
        self._open.acquire()
        # Of its own, because TLS takes the socket over.
        handle = client.dup()
        with self._lock:
            self._connections.add(handle)

        def run() -> None:
            try:
                with suppress(OSError):
                    function(client, self._services)
            except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the build
                self._crashes.append(error)
            finally:
                with self._lock:
                    self._connections.discard(handle)
                handle.close()
                self._open.release()

        threading.Thread(target=run, daemon=True).start()


def _exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = client.recv(size - len(found))
        if not piece:
            return b""
        found += piece
    return found
