"""One connection that a program in RUN opened: what it speaks, and its requests (RFC 9112)."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

import h11

from samebit.model.digest import Digest
from samebit.network.messages import Answer, Ask, Body
from samebit.network.player import DamagedError
from samebit.network.problems import Problem, ProblemKind
from samebit.network.proxies import Proxy
from samebit.network.services import Services
from samebit.network.upstream import Origin

_CHUNK = 1 << 18
_HEAD_LIMIT = 1 << 18
_BODY_IN_MEMORY = 1 << 20
_FIRST_BYTE_SECONDS = 15.0
_IDLE_SECONDS = 300.0
_TLS_HANDSHAKE = 0x16
_HTTP_START = re.compile(rb"[A-Z][A-Z0-9_-]{0,31}( |\Z)")
_HTTP2_START = b"PRI * HTTP/2"
# Here the server speaks first, so waiting for the client would only take time.
_SERVER_FIRST = {21: "FTP", 22: "SSH", 25: "SMTP", 110: "POP3", 143: "IMAP", 3306: "MySQL"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+)(?::([0-9]{1,5}))?\Z")
_NEVER_ENDS = struct.pack("ii", 1, 0)


class _NotHttpError(Exception):
    """What the client speaks, in words."""


@dataclass(frozen=True, slots=True)
class _Dialled:
    """Where the client believes to be: a name and port, and the proxy that it believes in."""

    host: str
    port: int
    via: Proxy | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def serve(client: socket.socket, services: Services) -> None:
    """Serve a connection to its end, and close it."""
    try:
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _serve(client, services)
    finally:
        client.close()


def _serve(client: socket.socket, services: Services) -> None:
    address, port = client.getsockname()[:2]
    instruction = services.instruction()
    name = services.names.name(address)
    if name is None:
        services.library.refuse(
            instruction, f"{address}:{port}", "is a literal address: only names can be recorded"
        )
        _reset(client)
        return
    dialled = _Dialled(name, port)
    if port in _SERVER_FIRST:
        reason = f"{_SERVER_FIRST[port]} cannot be recorded: only HTTP can"
        services.library.refuse(instruction, str(dialled), reason)
        _reset(client)
        return
    try:
        _converse(client, dialled, services)
    except _NotHttpError as error:
        services.library.refuse(
            instruction, str(dialled), f"{error} cannot be recorded: only HTTP can"
        )
        _reset(client)


def _converse(client: socket.socket, dialled: _Dialled, services: Services) -> None:
    """Find out what is spoken; a tunnel that a client asked for starts here anew."""
    instruction = services.instruction()
    client.settimeout(_FIRST_BYTE_SECONDS)
    try:
        start = client.recv(64, socket.MSG_PEEK)
    except TimeoutError:
        start = b""
    if not start:
        # A spare connection of an HTTP client says nothing either: judged in the end.
        services.silence.heard_nothing(
            Problem(
                ProblemKind.REFUSED,
                instruction,
                str(dialled),
                "a connection without a request cannot be recorded: only HTTP can",
            )
        )
        return
    client.settimeout(_IDLE_SECONDS)
    if start[0] != _TLS_HANDSHAKE:
        _require_http(start)
        _Conversation(client, "http", dialled, services).run()
        return
    with services.authority.secure(client, dialled.host) as secured:
        try:
            secured.do_handshake()
        except (ssl.SSLError, OSError) as error:
            subject = str(dialled)
            if secured.asked != dialled.host:
                subject += f" (as {secured.asked})"
            services.library.refuse(instruction, subject, _tls_reason(error))
            return
        conversation = _Conversation(secured, "https", dialled, services)
        try:
            conversation.run()
        except ssl.SSLError as error:
            if not conversation.requests:
                services.library.refuse(instruction, str(dialled), _tls_reason(error))
        with suppress(OSError, ValueError):
            secured.unwrap()


class _Conversation:
    """The requests of one connection, one after the other."""

    def __init__(
        self, client: socket.socket, scheme: str, dialled: _Dialled, services: Services
    ) -> None:
        self._client = client
        self._scheme = scheme
        self._dialled = dialled
        self._services = services
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT)
        self.requests = 0

    def run(self) -> None:
        """Answer until either side has enough. Raises OSError, _NotHttpError."""
        while True:
            try:
                request = self._next_request()
            except h11.RemoteProtocolError as error:
                self._protocol_error(error)
                return
            except ssl.SSLError:
                raise
            except OSError:
                request = None
            if request is None:
                self._note_silence()
                return
            self.requests += 1
            self._services.silence.heard(str(self._dialled))
            if request.method == b"CONNECT":
                self._open_tunnel(request)
                return
            try:
                with self._body() as spool:
                    ask = self._ask(request, spool)
                    with self._services.exchanges().answering(ask) as answer:
                        self._send(answer, ask)
            except (DamagedError, h11.LocalProtocolError):
                _reset(self._client)
                return
            except h11.RemoteProtocolError as error:
                self._protocol_error(error)
                return
            if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                return
            self._h11.start_next_cycle()

    def _next_request(self) -> h11.Request | None:
        event = self._event()
        return event if isinstance(event, h11.Request) else None

    def _event(self) -> object:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._h11.receive_data(self._client.recv(_CHUNK))

    @contextmanager
    def _body(self) -> Iterator[BinaryIO | None]:
        """Read a request to its end; gives its body, None for an empty one."""
        if self._h11.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            self._client.sendall(self._h11.send(go_on) or b"")
        with ExitStack() as stack:
            spool: BinaryIO | None = None
            while isinstance(event := self._event(), h11.Data):
                if spool is None:
                    opened = stack.enter_context(
                        tempfile.SpooledTemporaryFile(
                            _BODY_IN_MEMORY, dir=os.fspath(self._services.spool)
                        )
                    )
                    spool = cast("BinaryIO", opened)
                spool.write(event.data)
            if not isinstance(event, h11.EndOfMessage):
                raise h11.RemoteProtocolError("the client closed the connection")
            yield spool

    def _ask(self, request: h11.Request, spool: BinaryIO | None) -> Ask:
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw_items()
        )
        target = request.target.decode("latin-1")
        host = next((v for n, v in headers if n.lower() == "host"), "")
        dialled = self._dialled
        scheme, via = self._scheme, dialled.via
        if "://" in target and not target.startswith("/"):
            # To the client, the name that it dialled is a proxy.
            via = via or Proxy("http", dialled.host, dialled.port)
            scheme, _, rest = target.partition("://")
            host, slash, path = rest.partition("/")
            target = slash + path or "/"
            authority = host.rpartition("@")[2]
            named, port = _split(authority, scheme) or (dialled.host, dialled.port)
            origin = Origin(scheme.lower(), named, port, via)
        else:
            origin = Origin(scheme, dialled.host, dialled.port, via)
            if not _HOST.match(host):
                host = ""
        if not host:
            host = dialled.host
            if dialled.port != _DEFAULT_PORTS[scheme]:
                host = str(dialled)
        body = None
        if spool is not None and (size := spool.seek(0, 2)):
            body = Body(spool, size, _digest(spool))
        return Ask(
            method=request.method.decode("latin-1"),
            url=f"{scheme}://{host}{target}",
            target=target,
            headers=headers,
            body=body,
            origin=origin,
            instruction=self._services.instruction(),
        )

    def _send(self, answer: Answer, ask: Ask) -> None:
        headers = list(answer.headers)
        if answer.length is not None:
            headers.append(("Content-Length", str(answer.length)))
        elif answer.status not in {204, 304} and ask.method != "HEAD":
            headers.append(("Transfer-Encoding", "chunked"))
        head = h11.Response(status_code=answer.status, headers=headers, reason=answer.reason)
        waiting = self._h11.send(head) or b""
        try:
            for piece in answer.content:
                for part in self._h11.send_with_data_passthrough(h11.Data(data=piece)) or ():
                    if len(waiting) + len(part) <= _CHUNK // 4:
                        waiting += part
                        continue
                    if waiting:
                        self._client.sendall(waiting)
                    waiting = b""
                    self._client.sendall(part)
                if len(waiting) > _CHUNK // 16:
                    self._client.sendall(waiting)
                    waiting = b""
            waiting += self._h11.send(h11.EndOfMessage()) or b""
            if waiting:
                self._client.sendall(waiting)
        except OSError:
            # The client has enough, but what it asked for is recorded whole.
            for _ in answer.content:
                pass
            raise

    def _open_tunnel(self, request: h11.Request) -> None:
        """Be the proxy that the client believes in, and hear what it says inside the tunnel."""
        inside = _split(request.target.decode("latin-1"), "https")
        event = self._event()
        if inside is None or not isinstance(event, h11.EndOfMessage):
            raise _NotHttpError("a malformed CONNECT")
        authorization = next(
            (v.decode("latin-1") for n, v in request.headers if n == b"proxy-authorization"), ""
        )
        via = Proxy("http", self._dialled.host, self._dialled.port, authorization)
        accepted = h11.Response(status_code=200, headers=[], reason="Connection established")
        self._client.sendall(self._h11.send(accepted) or b"")
        _converse(self._client, _Dialled(*inside, via), self._services)

    def _protocol_error(self, error: h11.RemoteProtocolError) -> None:
        if not self.requests and self._h11.their_state is h11.ERROR:
            raise _NotHttpError(f"what is no HTTP/1.1 request ({error})") from error
        _reset(self._client)

    def _note_silence(self) -> None:
        if self.requests:
            return
        self._services.silence.heard_nothing(
            Problem(
                ProblemKind.REFUSED,
                self._services.instruction(),
                str(self._dialled),
                "a connection without a request cannot be recorded: only HTTP can",
            )
        )


def _require_http(start: bytes) -> None:
    if start.startswith(_HTTP2_START):
        raise _NotHttpError("HTTP/2 without HTTP/1.1")
    if re.match(rb"[0-9a-f]{4}git-", start):
        raise _NotHttpError("git://")
    if start.startswith(b"SSH-"):
        raise _NotHttpError("SSH")
    if not _HTTP_START.match(start):
        raise _NotHttpError("this protocol")


def _split(authority: str, scheme: str) -> tuple[str, int] | None:
    match = _HOST.match(authority)
    if match is None:
        return None
    return match[1].strip("[]").lower(), int(match[2] or _DEFAULT_PORTS.get(scheme.lower(), 80))


def _digest(spool: BinaryIO) -> Digest:
    hasher = hashlib.sha256()
    spool.seek(0)
    while piece := spool.read(_CHUNK):
        hasher.update(piece)
    return Digest(hasher.hexdigest())


def _tls_reason(error: OSError) -> str:
    said = str(getattr(error, "reason", None) or error.strerror or type(error).__name__)
    if "ALERT" in said or "CERTIFICATE" in said:
        return (
            "the client does not trust the recorder's certificate: it has certificates of its own"
            f" built in, or pinned ({said})"
        )
    return f"the client broke off TLS ({said})"


def _reset(client: socket.socket) -> None:
    """Close so that the client sees a failure, not an end."""
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NEVER_ENDS)
    with suppress(OSError):
        client.close()
