"""A small registry in memory that can be told to misbehave, on a loopback port."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from samebit.model.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.registry.client import RegistryClient
from samebit.registry.connections import Patience
from samebit.registry.registries_conf import RegistriesConf
from samebit.store.store import Store


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """`cut` ends the connection after so many bytes of the body."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    chunked: bool = False


class FakeRegistry:
    """Serves `blobs` and `manifests`; `hooks` see each request first and may answer it."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.uploads: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.hooks: list[Callable[[Request], Reply | None]] = []
        self.address = ""

    def add_blob(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.blobs[str(digest)] = data
        return digest

    def add_manifest(self, name: str, document: object, media_type: str = OCI_MANIFEST) -> Digest:
        data = json.dumps(document).encode()
        self.manifests[name] = self.manifests[str(Digest.of(data))] = (media_type, data)
        return Digest.of(data)

    def sent(self, method: str, part: str = "") -> list[Request]:
        return [r for r in self.requests if r.method == method and part in r.path]

    def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        for hook in self.hooks:
            reply = hook(request)
            if reply is not None:
                return reply
        kind, _, name = request.path.rpartition("/")
        if request.path == "/v2/":
            return Reply(200)
        if "/blobs/uploads" in request.path:
            return self._upload(request, name)
        if kind.endswith("/blobs"):
            return self._blob(request, name)
        if kind.endswith("/manifests"):
            return self._manifest(request, name)
        return Reply(404)

    def _blob(self, request: Request, name: str) -> Reply:
        if name not in self.blobs:
            return Reply(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}')
        data = self.blobs[name]
        if "range" in request.headers:
            start = int(request.headers["range"].removeprefix("bytes=").rstrip("-"))
            headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return Reply(206, data[start:], headers)
        return Reply(200, data)

    def _manifest(self, request: Request, name: str) -> Reply:
        if request.method == "PUT":
            entry = (request.headers["content-type"], request.body)
            self.manifests[name] = self.manifests[str(Digest.of(request.body))] = entry
            return Reply(201)
        if name not in self.manifests:
            return Reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}')
        media_type, data = self.manifests[name]
        digest = str(Digest.of(data))
        return Reply(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _upload(self, request: Request, name: str) -> Reply:
        if request.method == "POST":
            name = f"u{len(self.uploads)}"
            self.uploads[name] = b""
            return Reply(202, headers={"Location": f"/v2/any/blobs/uploads/{name}?_state=x"})
        self.uploads[name] += request.body
        if request.method == "PATCH":
            return Reply(202, headers={"Location": f"/v2/any/blobs/uploads/{name}?_state=y"})
        data = self.uploads[name]
        if f"sha256%3A{hashlib.sha256(data).hexdigest()}" not in request.query:
            return Reply(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        self.add_blob(data)
        return Reply(201)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: FakeRegistry

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.registry.answer(Request(self.command, path, query, headers, body))
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = reply.body if reply.cut is None else reply.body[: reply.cut]
        if reply.chunked:
            sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(sent), sent) if sent else b"0\r\n\r\n"
        self.wfile.write(sent)
        if reply.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients hang up on purpose here."""


@pytest.fixture
def start_registry() -> Iterator[Callable[[], FakeRegistry]]:
    servers = []

    def start() -> FakeRegistry:
        registry = FakeRegistry()
        handler = type("Handler", (_Handler,), {"registry": registry})
        server = _Server(("127.0.0.1", 0), handler)
        registry.address = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return registry

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def registry(start_registry: Callable[[], FakeRegistry]) -> FakeRegistry:
    return start_registry()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def naps() -> list[float]:
    """The pauses that the client took."""
    return []


@pytest.fixture
def make_client(tmp_path: Path, naps: list[float]) -> Iterator[Callable[..., RegistryClient]]:
    clients = []

    def make(configuration: RegistriesConf | None = None, **environment: str) -> RegistryClient:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        client = RegistryClient(
            {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), **environment},
            configuration or RegistriesConf(),
            Patience(read_timeout=5, connect_timeout=5, sleep=naps.append),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., RegistryClient]) -> RegistryClient:
    return make_client()


@pytest.fixture
def layer() -> bytes:
    return b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(100_000))


@pytest.fixture
def image(store: Store, layer: bytes) -> Descriptor:
    """A small image in the store: one layer of 3.2 MB, a config, a manifest."""
    blobs = [(OCI_LAYER_GZIP, layer), (OCI_CONFIG, b'{"architecture":"amd64","os":"linux"}')]
    parts = [
        {"mediaType": kind, "digest": str(store.put(data)), "size": len(data)}
        for kind, data in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": parts[1],
        "layers": [parts[0]],
    }
    data = json.dumps(manifest).encode()
    return Descriptor(OCI_MANIFEST, store.put(data), len(data))
