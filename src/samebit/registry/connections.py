"""HTTP connections: certificates, proxies, timeouts. One pooled client a host.

Honours SSL_CERT_FILE, SSL_CERT_DIR, HTTP(S)_PROXY, ALL_PROXY and NO_PROXY; loopback hosts are never
asked through a proxy. containers-certs.d(5) folders add certificate authorities and client
certificates for a host.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from samebit import __version__
from samebit.errors import MachineError

# They log response headers and URLs, in which registries put signatures and echo secrets.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try; `sleep` is what waiting means."""

    attempts: int = 4
    first_delay: float = 0.5
    longest_delay: float = 30.0
    connect_timeout: float = 20.0
    read_timeout: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, failures: int, asked: str | None = None) -> None:
        """Wait after the given number of failures; `asked` is a Retry-After header's value."""
        delay = self.first_delay * 2 ** (failures - 1)
        if asked is not None and asked.isdecimal() and len(asked) < 10:
            delay = max(delay, float(asked))
        self.sleep(min(delay, self.longest_delay))


class Connections:
    """The HTTP clients in use, made when first needed; safe between threads."""

    def __init__(self, environment: Mapping[str, str], patience: Patience) -> None:
        home = Path(environment.get("HOME") or "/")
        user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        self._environment = environment
        self._patience = patience
        self._certificates = (
            user / "containers/certs.d",
            Path("/etc/containers/certs.d"),
            Path("/etc/docker/certs.d"),
        )
        self._clients: dict[tuple[str, bool], httpx2.Client] = {}
        self._lock = threading.Lock()

    def client(self, url: httpx2.URL, *, insecure: bool) -> httpx2.Client:
        """Give the client for a URL's host; `insecure` accepts any certificate.

        Raises MachineError when certificates or proxy settings of this machine are unusable.
        """
        host = url.netloc.decode("ascii")
        with self._lock:
            if (host, insecure) not in self._clients:
                self._clients[host, insecure] = self._open(host, insecure=insecure)
            return self._clients[host, insecure]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _open(self, host: str, *, insecure: bool) -> httpx2.Client:
        context = self._tls(host, insecure=insecure)
        patience = self._patience
        try:
            return httpx2.Client(
                verify=context,
                timeout=httpx2.Timeout(patience.read_timeout, connect=patience.connect_timeout),
                # Transport None means "not through the proxy".
                mounts={"all://localhost": None, "all://127.0.0.0/8": None, "all://[::1]": None},
                headers={"User-Agent": f"samebit/{__version__}", "Accept-Encoding": "identity"},
            )
        except (httpx2.InvalidURL, ValueError, ImportError) as error:
            # The proxy's URL may hold a password: it is not repeated.
            raise MachineError(
                f"the proxy settings cannot be used ({type(error).__name__})",
                fix="correct HTTPS_PROXY, HTTP_PROXY and ALL_PROXY: http://[user:password@]host:port",
            ) from None

    def _tls(self, host: str, *, insecure: bool) -> ssl.SSLContext:
        bundle = self._environment.get("SSL_CERT_FILE")
        if bundle and not os.path.isfile(bundle):
            raise MachineError(
                f"SSL_CERT_FILE names {bundle}, which is not a file",
                fix="correct SSL_CERT_FILE, or unset it to use the system's certificates",
            )
        try:
            context = httpx2.create_ssl_context(verify=not insecure)
        except (OSError, ssl.SSLError) as error:
            raise MachineError(
                f"the certificate authorities cannot be loaded: {error}",
                fix="correct SSL_CERT_FILE or SSL_CERT_DIR, or install ca-certificates",
            ) from None
        folder = next((f / host for f in self._certificates if (f / host).is_dir()), None)
        if folder is not None:
            _add_certificates(context, folder)
        return context


def _add_certificates(context: ssl.SSLContext, folder: Path) -> None:
    """Add what a certs.d folder holds: *.crt authorities, *.cert and *.key client certificates."""
    path = folder
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix == ".crt":
                context.load_verify_locations(cafile=path)
            elif path.suffix == ".cert":
                # The password callback keeps OpenSSL from asking on the terminal.
                context.load_cert_chain(path, path.with_suffix(".key"), password=lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise MachineError(
            f"{path} cannot be used: {error.strerror or type(error).__name__}",
            fix="give *.crt authorities in PEM form, and a readable *.key beside each *.cert",
        ) from None
