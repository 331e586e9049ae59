from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from samebit.errors import InputError, MachineError
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.registry.failures import NotFoundError, UnavailableError
from samebit.registry.registries_conf import RegistriesConf, RegistryRule


class _Absent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404 if self.path != "/v2/" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"
    command += " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [*command.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem"


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[str]:
    """A TLS registry without any image, at localhost:port."""
    server = _Quiet(("127.0.0.1", 0), _Absent)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_unknown_authority_is_refused_at_once(
    encrypted: str, client: RegistryClient, naps: list[float]
) -> None:
    with pytest.raises(UnavailableError, match="no certificate that this machine trusts") as caught:
        client.resolve(Reference.parse(f"{encrypted}/app:1"))
    assert f"/etc/containers/certs.d/{encrypted}/ca.crt" in (caught.value.fix or "")
    assert not naps


def test_certs_d_adds_an_authority(
    encrypted: str,
    certificate: Path,
    make_client: Callable[..., RegistryClient],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "home/.config/containers/certs.d" / encrypted
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(certificate.read_bytes())
    with pytest.raises(NotFoundError):
        make_client().resolve(Reference.parse(f"{encrypted}/app:1"))


def test_ssl_cert_file_is_honoured(
    encrypted: str,
    certificate: Path,
    make_client: Callable[..., RegistryClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(NotFoundError):
        make_client().resolve(Reference.parse(f"{encrypted}/app:1"))


def test_insecure_takes_any_certificate(
    encrypted: str, make_client: Callable[..., RegistryClient]
) -> None:
    rule = RegistryRule(encrypted, encrypted, insecure=True)
    client = make_client(RegistriesConf(rules=(rule,)))
    with pytest.raises(NotFoundError):
        client.resolve(Reference.parse(f"{encrypted}/app:1"))


@pytest.mark.parametrize("content", [b"", b"not a certificate"])
def test_broken_certificates_are_named(
    encrypted: str, make_client: Callable[..., RegistryClient], tmp_path: Path, content: bytes
) -> None:
    folder = tmp_path / "home/.config/containers/certs.d" / encrypted
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(content)
    with pytest.raises(MachineError, match=r"ca\.crt cannot be used"):
        make_client().resolve(Reference.parse(f"{encrypted}/app:1"))


def test_a_missing_bundle_is_named(make_client: Callable[..., RegistryClient]) -> None:
    client = make_client(SSL_CERT_FILE="/nonexistent.pem")
    with pytest.raises(MachineError, match="SSL_CERT_FILE"):
        client.resolve(Reference.parse("127.0.0.1:1/app"))


def test_loopback_goes_past_the_proxy_and_others_through_it(
    make_client: Callable[..., RegistryClient], monkeypatch: pytest.MonkeyPatch, encrypted: str
) -> None:
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pl4nted@127.0.0.1:{proxy.getsockname()[1]}")

        def refuse() -> None:
            for _ in range(4):
                connection, _address = proxy.accept()
                seen.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                connection.close()

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(UnavailableError, match=r"registry\.example\.org") as caught:
            make_client().resolve(Reference.parse("registry.example.org/app"))
        assert seen[0].startswith(b"CONNECT registry.example.org:443 ")
        assert "pl4nted" not in caught.value.what
        assert "HTTPS_PROXY" in (caught.value.fix or "")
        with pytest.raises(UnavailableError, match="trusts"):
            make_client().resolve(Reference.parse(f"{encrypted}/app"))
        assert len(seen) == 4


def test_a_broken_proxy_setting_is_named_without_its_password(
    make_client: Callable[..., RegistryClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pl4nted@proxy.example.org:port")
    with pytest.raises(MachineError, match="proxy settings") as caught:
        make_client().resolve(Reference.parse("registry.example.org/app"))
    assert "pl4nted" not in str(caught.value) + str(caught.value.fix)


def test_a_registry_that_hangs_up_is_unavailable(client: RegistryClient, naps: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=hang_up, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be reached"):
            client.resolve(Reference.parse(f"127.0.0.1:{port}/app"))
        server.shutdown(socket.SHUT_RDWR)
    assert len(naps) == 3
