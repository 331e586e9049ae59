"""The recorder's side of the real network: an HTTP/1.1 client over h11 with kept connections.

Everything that was asked passes through unchanged but what concerns a connection (RFC 9110, 7.6.1),
conditions and codings; nothing of it is kept. The host's proxies, mirrors and trust store are used.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h11

from samebit.network.mirrors import Mirror, UnusableMirrorError, choose_mirror, read_mirrors
from samebit.network.proxies import Proxy, UnusableProxyError, choose_proxy

_CONNECT_SECONDS = 30.0
_READ_SECONDS = 120.0
_CHUNK = 1 << 18
_PIECE = 1 << 17
_HEAD_LIMIT = 1 << 18
_IDLE_PER_ORIGIN = 8
_PROXY_REFUSES = 407
_PROXY_REFUSED = "the proxy wants other credentials (407): see HTTP_PROXY and HTTPS_PROXY"
# They prove something to the one who was asked, not to its mirror.
_NOT_FOR_MIRRORS = frozenset({b"host", b"authorization", b"cookie", b"private-token"})


class UpstreamError(Exception):
    """No answer, or only a part of one; the text says why, without secrets.

    `lasting` means that another try would end in the same way.
    """

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom to ask: `via` is a proxy that the client in RUN itself was told to use."""

    scheme: str
    host: str
    port: int
    via: Proxy | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: `target` is path and query, `body` gives the whole body anew each time."""

    origin: Origin
    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: Callable[[], Iterable[bytes]] | None = None


class Upstream:
    """A client for all threads of a recorder."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[_Connection]] = {}
        self._all: set[_Connection] = set()
        self._closed = threading.Event()
        self._context: ssl.SSLContext | None = None

    def send(self, request: Request) -> Response:
        """Send a request and give the response's head; close it after use. Raises UpstreamError."""
        mirror = self._mirror(request)
        if mirror is not None:
            request = _for_mirror(request, mirror)
        while True:
            with self._lock:
                idle = self._idle.get(request.origin)
                kept = idle.pop() if idle else None
            connection = kept or self._connect(request.origin)
            with self._lock:
                self._all.add(connection)
            if self._closed.is_set():
                connection.shut_down()
            try:
                head = connection.exchange(request)
            except (OSError, h11.ProtocolError, UpstreamError) as error:
                self._drop(connection)
                if kept is not None and not connection.answered:
                    # The server has closed what it kept open: nothing was lost.
                    continue
                raise UpstreamError(_reason(error)) from error
            except BaseException:
                self._drop(connection)
                raise
            if head.status_code == _PROXY_REFUSES and request.origin.via is None:
                # No answer of the origin: the proxy is the host's, and so are its credentials.
                self._drop(connection)
                raise UpstreamError(_PROXY_REFUSED, lasting=True)
            return Response(connection, head, self._keep, self._drop, mirror)

    def _mirror(self, request: Request) -> Mirror | None:
        origin = request.origin
        if origin.via is not None:
            return None
        try:
            mirrors = read_mirrors(self._environment)
        except UnusableMirrorError as error:
            raise UpstreamError(str(error), lasting=True) from error
        return choose_mirror(mirrors, origin.scheme, origin.host, origin.port, request.target)

    def wait(self, seconds: float) -> None:
        """Wait before another try. Raises UpstreamError when there shall be none."""
        if self._closed.wait(seconds):
            raise UpstreamError("the build has ended", lasting=True)

    def close(self) -> None:
        """End all that goes on, in other threads too."""
        self._closed.set()
        with self._lock:
            for idle in self._idle.values():
                for connection in idle:
                    self._all.discard(connection)
                    connection.close()
            self._idle.clear()
            # Who works with one of these closes it.
            for connection in self._all:
                connection.shut_down()

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            idle = self._idle.setdefault(connection.origin, [])
            if len(idle) < _IDLE_PER_ORIGIN and not self._closed.is_set():
                idle.append(connection)
                return
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        with self._lock:
            self._all.discard(connection)
        connection.close()

    def _connect(self, origin: Origin) -> _Connection:
        try:
            proxy = origin.via or choose_proxy(
                origin.scheme, origin.host, origin.port, self._environment
            )
        except UnusableProxyError as error:
            raise UpstreamError(str(error), lasting=True) from error
        place: Origin | Proxy = proxy or origin
        opened: socket.socket | None = None
        try:
            opened = socket.create_connection((place.host, place.port), _CONNECT_SECONDS)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(_READ_SECONDS)
            if proxy is not None and proxy.scheme == "https":
                opened = self._tls(opened, proxy.host)
            if origin.scheme == "https":
                if proxy is not None:
                    _tunnel(opened, origin, proxy)
                opened = self._tls(opened, origin.host)
        except BaseException as error:
            if opened is not None:
                opened.close()
            if isinstance(error, (OSError, h11.ProtocolError)):
                raise UpstreamError(
                    f"{place}: {_reason(error)}", lasting=_is_lasting(error)
                ) from error
            raise
        return _Connection(opened, origin, proxy if origin.scheme == "http" else None)

    def _tls(self, opened: socket.socket, host: str) -> ssl.SSLSocket:
        with self._lock:
            if self._context is None:
                # The system's trust store, or what SSL_CERT_FILE and SSL_CERT_DIR say.
                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
            context = self._context
        return context.wrap_socket(opened, server_hostname=host)


class Response:
    """A response whose body is still to come. A context manager that lets go of the connection."""

    def __init__(
        self,
        connection: _Connection,
        head: h11.Response,
        keep: Callable[[_Connection], None],
        drop: Callable[[_Connection], None],
        mirror: Mirror | None = None,
    ) -> None:
        self._connection = connection
        self._keep = keep
        self._drop = drop
        self._complete = False
        self._closed = False
        self._raw_length = connection.raw_length(head)
        self.status = head.status_code
        self.reason = head.reason.decode("latin-1")
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers
        )
        if mirror is not None:
            headers = (
                (name, mirror.back(value) if name == "location" else value)
                for name, value in headers
            )
        self.headers = tuple(headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def header(self, name: str) -> str:
        """Give the first header of that lower-case name, else nothing."""
        return next((v for n, v in self.headers if n.lower() == name), "")

    @property
    def length(self) -> int | None:
        """Give the announced length of the body in bytes, None when there is none."""
        text = self.header("content-length")
        return int(text) if text.isdecimal() else None

    def chunks(self) -> Iterator[bytes]:
        """Give the body piece by piece. Raises UpstreamError when it ends too early."""
        try:
            received = 0
            while True:
                if self._raw_length is not None and self._connection.is_drained():
                    yield from self._connection.rest(self._raw_length - received)
                    self._complete = True
                    return
                event = self._connection.event()
                if isinstance(event, h11.Data):
                    received += len(event.data)
                    yield bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._complete = True
                    return
                else:
                    raise UpstreamError("the server closed the connection before the end")
        except (OSError, h11.ProtocolError) as error:
            raise UpstreamError(_reason(error)) from error

    def close(self) -> None:
        """Keep the connection for another request if the body was read to its end."""
        if self._closed:
            return
        self._closed = True
        if self._complete and self._connection.reusable():
            self._keep(self._connection)
        else:
            self._drop(self._connection)


class _Connection:
    def __init__(self, opened: socket.socket, origin: Origin, plain_proxy: Proxy | None) -> None:
        self.origin = origin
        self.answered = False
        self._socket = opened
        self._proxy = plain_proxy
        self._h11 = _new_h11()
        self._held: object = None
        self._without_body = False
        self._persistent = True

    def exchange(self, request: Request) -> h11.Response:
        target = request.target
        headers = list(request.headers)
        if self._proxy is not None:
            target = f"http://{_authority(self.origin, 80)}{target}"
            if self._proxy.authorization:
                value = self._proxy.authorization.encode("latin-1")
                headers.append((b"Proxy-Authorization", value))
        event = h11.Request(method=request.method, target=target, headers=headers)
        self.answered = False
        self._persistent = True
        self._without_body = request.method == "HEAD"
        self._socket.sendall(self._h11.send(event) or b"")
        if request.body is not None:
            for piece in request.body():
                self._socket.sendall(self._h11.send(h11.Data(data=piece)) or b"")
        self._socket.sendall(self._h11.send(h11.EndOfMessage()) or b"")
        while True:
            answer = self.event()
            if isinstance(answer, h11.Response):
                return answer
            if not isinstance(answer, h11.InformationalResponse):
                raise UpstreamError("the server closed the connection without an answer")

    def event(self) -> object:
        while True:
            event = self._held or self._h11.next_event()
            self._held = None
            if event is not h11.NEED_DATA:
                return event
            data = self._socket.recv(_CHUNK)
            self.answered = self.answered or bool(data)
            self._h11.receive_data(data)

    def raw_length(self, head: h11.Response) -> int | None:
        """Give the body's length where it comes as it is, None where h11 has to read it."""
        names = dict(head.headers)
        text = names.get(b"content-length", b"")
        bare = self._without_body or head.status_code in {204, 304}
        if bare or b"transfer-encoding" in names or not text.isdigit():
            return None
        self._persistent = (
            head.http_version == b"1.1" and b"close" not in names.get(b"connection", b"").lower()
        )
        return int(text)

    def is_drained(self) -> bool:
        """Tell whether h11 has given out all that it was fed with."""
        if self._held is None:
            self._held = self._h11.next_event()
        return self._held is h11.NEED_DATA

    def rest(self, size: int) -> Iterator[bytes]:
        """Read the rest of a body of known length past h11, which copies each byte three times.

        TLS gives 16 KiB at a time: they are put together.
        """
        buffer = bytearray(min(size, _PIECE))
        view = memoryview(buffer)
        while size:
            filled, wanted = 0, min(size, _PIECE)
            while filled < wanted:
                count = self._socket.recv_into(view[filled:wanted])
                if count == 0:
                    if filled:
                        yield bytes(view[:filled])
                    raise UpstreamError("the server closed the connection before the end")
                filled += count
            size -= filled
            yield bytes(view[:filled])
        # It does not know that the body has ended: the next exchange begins anew.
        self._held = None
        self._h11 = _new_h11()

    def reusable(self) -> bool:
        """Tell whether another exchange can follow, and prepare for it."""
        if self._h11.our_state is h11.IDLE:
            return self._persistent
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    def shut_down(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


def _for_mirror(request: Request, mirror: Mirror) -> Request:
    """Give the request as the mirror gets it."""
    target = mirror.target
    headers = [pair for pair in request.headers if pair[0].lower() not in _NOT_FOR_MIRRORS]
    headers.insert(0, (b"Host", target.authority.encode("latin-1")))
    if mirror.authorization:
        headers.append((b"Authorization", mirror.authorization.encode("latin-1")))
    origin = Origin(target.scheme, target.host, target.port)
    return Request(
        origin, request.method, mirror.there(request.target), tuple(headers), request.body
    )


def _new_h11() -> h11.Connection:
    return h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)


def _tunnel(opened: socket.socket, origin: Origin, proxy: Proxy) -> None:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
    place = f"{origin.host}:{origin.port}"
    headers = [("Host", place)]
    if proxy.authorization:
        headers.append(("Proxy-Authorization", proxy.authorization))
    opened.sendall(
        connection.send(h11.Request(method="CONNECT", target=place, headers=headers)) or b""
    )
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            # Byte by byte is not needed: a TLS server says nothing before the client does.
            connection.receive_data(opened.recv(1 << 16))
        elif isinstance(event, h11.Response):
            if event.status_code == _PROXY_REFUSES:
                raise UpstreamError(_PROXY_REFUSED, lasting=True)
            if not 200 <= event.status_code < 300:
                raise ConnectionError(f"the proxy answered {event.status_code}")
            return
        elif not isinstance(event, h11.InformationalResponse):
            raise ConnectionError("the proxy closed the connection")


def _authority(origin: Origin, default: int) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == default else f"{host}:{origin.port}"


def _is_lasting(error: BaseException) -> bool:
    unknown = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
    return unknown or isinstance(error, ssl.SSLCertVerificationError)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error.__class__.__name__}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
