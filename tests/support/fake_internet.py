"""An Internet of the test's own: a proxy on loopback behind which every host name can be served.

samebit is pointed at it as at any proxy: HTTP_PROXY, HTTPS_PROXY and SSL_CERT_FILE.
"""

from __future__ import annotations

import base64
import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from samebit.network.authority import Authority


@dataclass
class Page:
    """What a URL gives.

    `fails` counts the 503 before it works; `cut` is how often the body ends after half of it;
    `chunked` sends it without a length; `slow` waits so many seconds in its middle. `size` makes a
    body of so many zeros instead, never held in memory.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fails: int = 0
    cut: int = 0
    chunked: bool = False
    slow: float = 0.0
    size: int | None = None


@dataclass
class Seen:
    """A request that came through."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


Answer = Page | Callable[[Seen], Page]


@dataclass
class FakeInternet:
    """`pages` are by absolute URL; what is not there is 404.

    With `login` (`user:password`, percent-encoded) the proxy serves nobody else.
    """

    address: str
    trust: Path
    pages: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    proxy_headers: list[dict[str, str]] = field(default_factory=list)
    login: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a user behind this proxy has set."""
        proxy = f"http://{self.login}@{self.address}" if self.login else f"http://{self.address}"
        return {
            "HTTP_PROXY": proxy,
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "",
            "SSL_CERT_FILE": str(self.trust),
        }

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a request to the proxy has what it wants."""
        expected = "Basic " + base64.b64encode(unquote(self.login).encode()).decode()
        return not self.login or headers.get("Proxy-Authorization") == expected

    def asked(self, url: str) -> int:
        """Count the requests for a URL."""
        return sum(1 for one in self.seen if one.url == url)


@contextmanager
def fake_internet(folder: Path) -> Iterator[FakeInternet]:
    """Serve until the context ends; `folder` is private."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(folder)
    (folder / "internet.pem").write_bytes(authority.pem)
    state: list[FakeInternet] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        inside = ""

        def handle_any(self) -> None:
            _answer(self, state[0], self.inside)

        do_GET = handle_any  # noqa: N815 - http.server's names
        do_POST = do_HEAD = handle_any  # noqa: N815

        def do_CONNECT(self) -> None:
            state[0].proxy_headers.append(dict(self.headers.items()))
            if not state[0].admits(self.headers):
                _send(self, Page(b"who?", 407, {"Proxy-Authenticate": "Basic"}))
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            host = self.path.removesuffix(":443")
            self.close_connection = True
            with suppress(ssl.SSLError, ConnectionError):
                secured = authority.secure(self.connection, host.partition(":")[0])
                with secured:
                    secured.do_handshake()
                    _Inside(secured, self.client_address, self.server, f"https://{host}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class _Inside(Handler):
        def __init__(self, request: Any, client: Any, server: Any, inside: str) -> None:
            self.inside = inside
            super().__init__(request, client, server)

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """Say nothing when a client went away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        found = FakeInternet(f"127.0.0.1:{server.server_port}", folder / "internet.pem")
        state.append(found)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, internet: FakeInternet, inside: str) -> None:
    url = inside + handler.path
    if not inside:
        internet.proxy_headers.append(dict(handler.headers.items()))
        if not internet.admits(handler.headers):
            _send(handler, Page(b"who?", 407, {"Proxy-Authenticate": "Basic"}))
            return
    body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    seen = Seen(handler.command, url, dict(handler.headers.items()), body)
    internet.seen.append(seen)
    found = internet.pages.get(url, Page(b"no such page", 404))
    page = found(seen) if callable(found) else found
    if page.fails > 0:
        page.fails -= 1
        _send(handler, Page(b"later", 503))
        return
    _send(handler, page)


def _send(handler: BaseHTTPRequestHandler, page: Page) -> None:
    size = len(page.body) if page.size is None else page.size
    handler.send_response(page.status)
    for name, value in page.headers.items():
        handler.send_header(name, value)
    if page.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    elif page.status != 204:
        handler.send_header("Content-Length", str(size))
    handler.end_headers()
    if handler.command == "HEAD":
        return
    if page.size is not None:
        piece = b"\0" * (1 << 20)
        for start in range(0, size, len(piece)):
            handler.wfile.write(piece[: size - start])
        return
    half = len(page.body) // 2
    parts = [page.body[:half]] if page.cut else [page.body[:half], page.body[half:]]
    for number, part in enumerate(parts):
        if number and page.slow:
            handler.wfile.flush()
            time.sleep(page.slow)
        chunked = page.chunked and part
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
    if page.cut:
        page.cut -= 1
        handler.close_connection = True
    elif page.chunked:
        handler.wfile.write(b"0\r\n\r\n")


def zipped(body: bytes) -> Page:
    """A page that comes encoded whatever was asked for."""
    return Page(gzip.compress(body, mtime=0), headers={"Content-Encoding": "gzip"})
