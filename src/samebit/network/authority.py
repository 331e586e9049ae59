"""The certificate authority of one run, and its certificates for each name (RFC 5280).

Its key never leaves this process's memory and is gone with it.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Valid whatever the build believes the time to be; some clients refuse more than 825 days of a
# server's certificate, so that one is made around now: wide enough for a clock that verify moves.
_EVER = (dt.datetime(2000, 1, 1), dt.datetime(2199, 1, 1))  # noqa: DTZ001 - UTC by definition
_SERVER_DAYS = 411
_COMMON_NAME_LIMIT = 64


class NamedSocket(ssl.SSLSocket):
    """The server's side of a connection; `asked` is the name that the client wants."""

    asked: str = ""


class Authority:
    """Makes certificates; safe between threads. `private` is a directory that nobody else reads."""

    def __init__(self, private: Path) -> None:
        self._private = private
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._front = _server_context()
        self._front.sslsocket_class = NamedSocket
        self._front.sni_callback = self._choose
        self._key = ec.generate_private_key(ec.SECP256R1())
        # One key for all names: making one for each would only cost time.
        self._server_key = ec.generate_private_key(ec.SECP256R1())
        self._server_key_pem = self._server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "samebit, for this build only")])
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_EVER[0])
            .not_valid_after(_EVER[1])
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The authority's own certificate in PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The authority's own certificate in DER."""
        return self._certificate.public_bytes(serialization.Encoding.DER)

    def secure(self, client: socket.socket, name: str) -> NamedSocket:
        """Begin TLS, HTTP/1.1 only, with a client that dialled `name`; the handshake is to come."""
        secured = self._front.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        assert isinstance(secured, NamedSocket)
        secured.asked = name
        return secured

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> None:
        assert isinstance(connection, NamedSocket)
        connection.asked = name or connection.asked
        connection.context = self._context(connection.asked)

    def _context(self, name: str) -> ssl.SSLContext:
        with self._lock:
            found = self._contexts.get(name)
            if found is None:
                found = self._make(name)
                self._contexts[name] = found
            return found

    def _make(self, name: str) -> ssl.SSLContext:
        path = self._private / "server.pem"
        path.touch(mode=0o600)
        path.write_bytes(self._server_key_pem + self._sign(name) + self.pem)
        context = _server_context()
        try:
            context.load_cert_chain(path)
        finally:
            path.unlink()
        return context

    def _sign(self, name: str) -> bytes:
        now = dt.datetime.now(dt.UTC)
        span = dt.timedelta(days=_SERVER_DAYS)
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME_LIMIT])]
        alternative: x509.GeneralName
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._certificate.subject)
            .public_key(self._server_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - span)
            .not_valid_after(now + span)
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Old clients of old bases must be served too; nothing is protected here that could be read.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1"])
    return context
