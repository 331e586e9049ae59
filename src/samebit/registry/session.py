"""Requests to one repository: retries, redirects, authorisation (distribution-spec 1.1)."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from samebit.errors import InputError
from samebit.registry.auth import Authorizer
from samebit.registry.connections import Connections, Patience
from samebit.registry.credentials import Credentials
from samebit.registry.endpoint import Endpoint, is_loopback
from samebit.registry.failures import (
    DeniedError,
    NotFoundError,
    UnavailableError,
    UnservedError,
    printable,
)

_REDIRECTS = 6
_ERROR_LIMIT = 64 << 10
_ERROR_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_DOWN = "check the network and the registry's name, and HTTPS_PROXY where there is a proxy"


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body that can be sent again: `chunks` starts it over, `size` is in bytes."""

    chunks: Callable[[], Iterable[bytes]]
    size: int


class Session:
    """A conversation with one repository; safe between threads.

    Every method raises UnservedError or one of its kinds when the registry cannot be reached,
    refuses, or keeps failing, and InputError when it answers what no registry may.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        scopes: tuple[str, ...],
        connections: Connections,
        patience: Patience,
        find: Callable[[Endpoint], Credentials | None],
    ) -> None:
        self.endpoint = endpoint
        self.patience = patience
        self._connections = connections
        self._base: httpx2.URL | None = None
        self._authorizer = Authorizer(endpoint, scopes, lambda: find(endpoint), self._send_token)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def request(
        self,
        method: str,
        path: str | httpx2.URL,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        accept: Iterable[int] = (200,),
        once: bool = False,
    ) -> Iterator[httpx2.Response]:
        """Send a request and give the streamed response, whose status is one of `accept`.

        `path` is relative to the repository (`blobs/…`), or a whole URL that `location` gave.
        `once` is for what cannot be repeated as it is: the caller starts over on UnavailableError.
        """
        attempts = 1 if once else self.patience.attempts
        response = self._persist(method, path, dict(headers or {}), body, attempts)
        try:
            if response.status_code not in frozenset(accept):
                raise self._refusal(response, f"{method} {_kind(path)}")
            yield response
        finally:
            response.close()

    def location(self, response: httpx2.Response) -> httpx2.URL:
        """Give the URL that a response's Location header names, for the next request."""
        return self._target(response.url, response.headers.get("location", ""))

    def unavailable(self, error: Exception | str) -> UnservedError:
        """Make the error for a registry that does not answer."""
        host = self.endpoint.host
        said = self._authorizer.scrub(printable(str(error)))
        reason = _ERROR_NUMBER.sub("", said) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return UnavailableError(
                f"registry {host} has no certificate that this machine trusts: {reason}",
                fix=f"add its authority to the system, to /etc/containers/certs.d/{host}/ca.crt, "
                "or to SSL_CERT_FILE",
            )
        return UnavailableError(f"registry {host} cannot be reached: {reason}", fix=_DOWN)

    def _persist(
        self,
        method: str,
        path: str | httpx2.URL,
        headers: dict[str, str],
        body: Body | None,
        attempts: int,
    ) -> httpx2.Response:
        failures = 0
        answered = False
        while True:
            asked = None
            try:
                base = self._connect()
                url = path if isinstance(path, httpx2.URL) else base.join(path)
                authorization = self._authorizer.header()
                response = self._follow(method, url, headers, body, authorization)
            except httpx2.TransportError as error:
                failures += 1
                problem = self.unavailable(error)
                if failures >= attempts or "CERTIFICATE" in str(error):
                    raise problem from None
            else:
                own = self._is_own(response.url)
                if response.status_code == 401 and own and not answered:
                    answered = True
                    response.close()
                    self._authorizer.answer(
                        response.headers.get_list("www-authenticate"),
                        encrypted=base.scheme == "https",
                        refused=authorization,
                    )
                    continue
                failures += 1
                if response.status_code not in _TRANSIENT or failures >= attempts:
                    return response
                asked = response.headers.get("retry-after")
                response.close()
            self.patience.pause(failures, asked)

    def _follow(
        self,
        method: str,
        url: httpx2.URL,
        headers: dict[str, str],
        body: Body | None,
        authorization: str | None,
    ) -> httpx2.Response:
        for _ in range(_REDIRECTS):
            sent = dict(headers)
            if body is not None:
                sent["Content-Length"] = str(body.size)
            # Credentials are for the registry alone, never for where it sends us.
            if authorization is not None and self._is_own(url):
                sent["Authorization"] = authorization
            client = self._client(url)
            content = iter(body.chunks()) if body is not None else None
            request = client.build_request(method, url, headers=sent, content=content)
            response = client.send(request, stream=True)
            moved = response.status_code in (307, 308) or (
                response.status_code in (301, 302, 303) and method in ("GET", "HEAD")
            )
            if not moved or "location" not in response.headers:
                return response
            response.close()
            url = self._target(response.url, response.headers["location"])
        raise InputError(
            f"registry {self.endpoint.host} redirects in circles",
            fix="tell the registry's operator",
        )

    def _target(self, origin: httpx2.URL, location: str) -> httpx2.URL:
        try:
            url = origin.join(location) if location else httpx2.URL("")
        except (httpx2.InvalidURL, ValueError):
            url = httpx2.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise InputError(
                f"registry {self.endpoint.host} points to no usable address",
                fix="tell the registry's operator",
            )
        if origin.scheme == "https" and url.scheme == "http" and not self.endpoint.insecure:
            raise InputError(
                f"registry {self.endpoint.host} points to {url.host} without encryption",
                fix="tell the registry's operator, or mark it insecure in registries.conf",
            )
        return url.copy_with(username=None, password=None, fragment=None)

    def _connect(self) -> httpx2.URL:
        """Find out once how the registry is reached; HTTPS only, but for loopback and insecure."""
        with self._lock:
            if self._base is None:
                host = self.endpoint.api_host
                if is_loopback(host):
                    scheme = self._first_to_answer(("http", "https"))
                elif self.endpoint.insecure:
                    scheme = self._first_to_answer(("https", "http"))
                else:
                    scheme = "https"
                try:
                    root = httpx2.URL(f"{scheme}://{host}/v2/")
                    self._base = root.join(f"{self.endpoint.repository}/")
                except (httpx2.InvalidURL, ValueError):
                    raise InputError(
                        f"{host!r} is not the name of a registry", fix="check the reference"
                    ) from None
            return self._base

    def _first_to_answer(self, schemes: tuple[str, str]) -> str:
        problem: httpx2.TransportError | None = None
        for scheme in schemes:
            url = httpx2.URL(f"{scheme}://{self.endpoint.api_host}/v2/")
            client = self._connections.client(url, insecure=self.endpoint.insecure)
            try:
                with client.stream("GET", url) as response:
                    # What TLS servers answer to plain HTTP.
                    if scheme == "https" or response.status_code != 400:
                        return scheme
            except httpx2.TransportError as error:
                problem = error
        raise problem or httpx2.ConnectError("it speaks neither HTTP nor HTTPS")

    def _client(self, url: httpx2.URL) -> httpx2.Client:
        own = url.host == self._host().host
        return self._connections.client(url, insecure=self.endpoint.insecure and own)

    def _is_own(self, url: httpx2.URL) -> bool:
        base = self._host()
        return (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)

    def _host(self) -> httpx2.URL:
        return self._base or httpx2.URL(f"https://{self.endpoint.api_host}/")

    def _send_token(
        self,
        method: str,
        url: httpx2.URL,
        *,
        authorization: str | None,
        form: dict[str, str] | None,
        limit: int,
    ) -> tuple[int, bytes]:
        headers = {"Authorization": authorization} if authorization else {}
        failures = 0
        while True:
            asked = None
            try:
                client = self._client(url)
                with client.stream(method, url, headers=headers, data=form) as response:
                    data = read_bounded(response, limit)
                if response.status_code not in _TRANSIENT:
                    return response.status_code, data or b""
                reason = f"HTTP status {response.status_code}"
                asked = response.headers.get("retry-after")
            except httpx2.TransportError as error:
                said = self._authorizer.scrub(printable(str(error)))
                reason = _ERROR_NUMBER.sub("", said)
            failures += 1
            if failures >= self.patience.attempts:
                raise UnavailableError(
                    f"the token server {url.host} of registry {self.endpoint.host} "
                    f"cannot be reached: {reason}",
                    fix=_DOWN,
                )
            self.patience.pause(failures, asked)

    def _refusal(self, response: httpx2.Response, what: str) -> InputError:
        status = response.status_code
        said = self._authorizer.scrub(_said(response))
        place = f"registry {self.endpoint.host}"
        if not self._is_own(response.url):
            place += f" (redirecting to {response.url.host})"
        text = f"{place} answered {status} to {what} of {self.endpoint.repository}{said}"
        login = f"log in with `podman login {self.endpoint.host}`, or check the name"
        if status in (401, 403):
            source = self._authorizer.source
            if source is not None and self._is_own(response.url):
                text += f", with the credentials from {source}"
            return DeniedError(text, fix=login)
        if status == 404:
            return NotFoundError(
                f"{place} has no {_object(what)} of {self.endpoint.repository}{said}",
                fix="check the name and the tag",
            )
        if status == 429:
            return UnavailableError(text, fix="it limits requests: log in, or try again later")
        if status in _TRANSIENT or status >= 500:
            return UnavailableError(text, fix="try again later")
        return InputError(text, fix="see what the registry says")


def _object(what: str) -> str:
    """Word what a request was about, e.g. `HEAD manifests/1.2`, as a person would."""
    kind, _, name = what.rpartition(" ")[2].partition("/")
    if kind == "manifests":
        return f"manifest {name}" if name.startswith("sha256:") else f"tag {name}"
    return f"blob {name}" if kind == "blobs" and name.startswith("sha256:") else f"{kind}/{name}"


def read_bounded(response: httpx2.Response, limit: int) -> bytes | None:
    """Read a streamed response as sent, None when it is longer than `limit` bytes."""
    data = bytearray()
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > limit:
            return None
    return bytes(data)


def _kind(path: str | httpx2.URL) -> str:
    """Name a request without its query, which may hold signatures or upload states."""
    if isinstance(path, httpx2.URL):
        return "the upload"
    return path.partition("?")[0]


def _said(response: httpx2.Response) -> str:
    """Give what the error body says (distribution-spec, "Error Codes"), or nothing."""
    try:
        document: Any = json.loads(read_bounded(response, _ERROR_LIMIT) or b"")
        errors = document["errors"]
        parts = [f"{e.get('code', '')} {e.get('message', '')}".strip() for e in errors[:3]]
    except (httpx2.HTTPError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return f": {printable('; '.join(parts))}" if parts else ""
