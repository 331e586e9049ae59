"""An HTTP server on loopback for files and git repositories, that remembers what it was asked."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class LoopbackServer:
    """Serves `files` by path; below `/git/` it is git's own smart HTTP service over `repositories`.

    `redirects` answer 302; `failures` counts how often a path fails with 503 first.
    """

    url: str
    repositories: Path
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0


@contextmanager
def serving(repositories: Path, certificate: Path | None = None) -> Iterator[LoopbackServer]:
    """Serve until the context ends; over TLS when a PEM file with key and certificate is given."""
    state: dict[str, LoopbackServer] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, state["server"])

        def do_POST(self) -> None:
            _answer(self, state["server"])

        def log_message(self, *_: Any) -> None:
            state["server"].requests.append(f"{self.command} {self.path}")

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing when a client that had enough went away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        url = f"{scheme}://127.0.0.1:{server.server_port}"
        state["server"] = LoopbackServer(url, repositories)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield state["server"]
        finally:
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, server: LoopbackServer) -> None:
    server.headers.append(dict(handler.headers.items()))
    path = urlsplit(handler.path).path
    if server.failures.get(path, 0) > 0:
        server.failures[path] -= 1
        _send(handler, 503, b"later")
    elif path in server.redirects:
        _send(handler, 302, b"", {"Location": server.redirects[path]})
    elif path in server.files:
        _send(handler, 200, server.files[path], {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
    elif path.startswith("/git/"):
        _git(handler, server)
    else:
        _send(handler, 404, b"no such thing")


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _git(handler: BaseHTTPRequestHandler, server: LoopbackServer) -> None:
    parts = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    exec_path = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    done = subprocess.run(
        [os.path.join(exec_path.stdout.strip(), "git-http-backend")],
        input=body,
        capture_output=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(server.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": handler.command,
            "PATH_INFO": parts.path.removeprefix("/git"),
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "reader",
        },
    )
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    _send(handler, status, answer, headers)
