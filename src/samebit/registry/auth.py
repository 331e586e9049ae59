"""Answering a registry's challenges: Basic, and Bearer tokens.

Implements the distribution project's token and OAuth2 specifications: GET with Basic credentials,
POST with a refresh token, anonymous tokens.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Protocol

import httpx2

from samebit.errors import InputError
from samebit.registry.challenge import Challenge, parse_challenges
from samebit.registry.credentials import Credentials
from samebit.registry.endpoint import Endpoint, is_loopback
from samebit.registry.failures import DeniedError, printable

_TOKEN_LIMIT = 1 << 20
# A token that ends while a request is under way is refused: it is renewed this early, in seconds.
_MARGIN = 10.0
_SHORTEST_LIFE = 60.0


class TokenSender(Protocol):
    """Sends one request to a token server: gives the status and at most `limit` bytes."""

    def __call__(
        self,
        method: str,
        url: httpx2.URL,
        *,
        authorization: str | None,
        form: dict[str, str] | None,
        limit: int,
    ) -> tuple[int, bytes]:
        """Send it; raises UnservedError when the server cannot be reached."""
        ...


class Authorizer:
    """Holds what one repository's requests are authorised with; safe between threads.

    `scopes` are distribution scopes such as `repository:library/debian:pull`. `find` looks the
    credentials up when first needed. `encrypted` says whether the registry is reached over TLS.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        scopes: tuple[str, ...],
        find: Callable[[], Credentials | None],
        send: TokenSender,
    ) -> None:
        self._endpoint = endpoint
        self._scopes = scopes
        self._find = find
        self._send = send
        self._credentials: Credentials | None = None
        self._looked_up = False
        self._header: str | None = None
        self._renewal: tuple[Challenge, bool] | None = None
        self._expires = float("inf")
        self._refresh_token = ""
        self._secrets: set[str] = set()
        self._lock = threading.RLock()

    def header(self) -> str | None:
        """Give the Authorization header to send, renewed when it is about to expire."""
        with self._lock:
            if self._renewal is not None and time.monotonic() > self._expires - _MARGIN:
                self._fetch_token(*self._renewal)
            return self._header

    def answer(self, headers: list[str], *, encrypted: bool, refused: str | None) -> None:
        """Obtain authorisation for WWW-Authenticate `headers`.

        `refused` is the Authorization header that the registry has just refused: when another
        thread has replaced it meanwhile, there is nothing to do. Raises DeniedError when there are
        no credentials for it, or they are refused.
        """
        with self._lock:
            if self._header is not None and self._header != refused:
                return
            challenges = parse_challenges(headers)
            schemes = {challenge.scheme: challenge for challenge in reversed(challenges)}
            if "bearer" in schemes:
                self._fetch_token(schemes["bearer"], encrypted)
            elif "basic" in schemes:
                self._use_basic(refused)
            else:
                offered = ", ".join(sorted(schemes)) or "nothing"
                raise DeniedError(
                    f"registry {self._endpoint.host} asks for authentication by "
                    f"{printable(offered, 80)}, which samebit does not speak",
                    fix="use a registry with Basic or Bearer authentication",
                )

    @property
    def source(self) -> str | None:
        """Where the credentials come from that were used, None when there were none."""
        return self._credentials.source if self._credentials is not None else None

    def scrub(self, text: str) -> str:
        """Remove every secret in use from a text that is going to be shown."""
        with self._lock:
            for secret in sorted(self._secrets, key=len, reverse=True):
                text = text.replace(secret, "***")
        return text

    def _use_basic(self, refused: str | None) -> None:
        credentials = self._lookup()
        if credentials is None or not credentials.username:
            raise self._denied("wants a user and password, and there are none for it")
        if refused == credentials.basic:
            raise self._denied(f"refuses the credentials from {credentials.source}")
        self._header = credentials.basic
        self._renewal = None

    def _fetch_token(self, challenge: Challenge, encrypted: bool) -> None:
        realm = self._realm(challenge, encrypted)
        scopes = list(self._scopes)
        asked = challenge.parameters.get("scope")
        if asked and asked not in scopes:
            scopes.append(asked)
        service = challenge.parameters.get("service", "")
        credentials = self._lookup()
        identity = self._refresh_token or (credentials.identity_token if credentials else "")
        if identity:
            form = {"grant_type": "refresh_token", "refresh_token": identity}
            status, body = self._post(realm, form, service, scopes)
        else:
            status, body = self._get(realm, credentials, service, scopes)
            if status in (404, 405) and credentials is not None:
                form = {
                    "grant_type": "password",
                    "username": credentials.username,
                    "password": credentials.password,
                }
                status, body = self._post(realm, form, service, scopes)
        if status in (400, 401, 403):
            if credentials is None:
                raise self._denied("gives no access without credentials, and there are none for it")
            raise self._denied(f"refuses the credentials from {credentials.source}")
        if status != 200:
            raise DeniedError(
                f"registry {self._endpoint.host}: its token server {realm.host} answered {status}",
                fix="try again later",
            )
        self._keep(body, realm)
        self._renewal = (challenge, encrypted)

    def _get(
        self, realm: httpx2.URL, credentials: Credentials | None, service: str, scopes: list[str]
    ) -> tuple[int, bytes]:
        query = [(name, value) for name, value in realm.params.multi_items()]
        query += [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        authorization = None
        if credentials is not None and credentials.username:
            query.append(("account", credentials.username))
            authorization = credentials.basic
        url = realm.copy_with(params=query)
        return self._send("GET", url, authorization=authorization, form=None, limit=_TOKEN_LIMIT)

    def _post(
        self, realm: httpx2.URL, form: dict[str, str], service: str, scopes: list[str]
    ) -> tuple[int, bytes]:
        form |= {"service": service, "scope": " ".join(scopes), "client_id": "samebit"}
        return self._send("POST", realm, authorization=None, form=form, limit=_TOKEN_LIMIT)

    def _keep(self, body: bytes, realm: httpx2.URL) -> None:
        try:
            answer = json.loads(body)
            token = answer.get("token") or answer.get("access_token")
            life = answer.get("expires_in", _SHORTEST_LIFE)
            refresh = answer.get("refresh_token", "")
        except (ValueError, AttributeError, RecursionError):
            token = life = refresh = None
        # A header's value: anything else would be refused further down with the token in the text.
        if (
            not isinstance(token, str)
            or not token.isascii()
            or not token.isprintable()
            or not token
        ):
            raise InputError(
                f"the token server {realm.host} of registry {self._endpoint.host} gave no token",
                fix="try again later, or tell the registry's operator",
            )
        seconds = float(life) if isinstance(life, int | float) else _SHORTEST_LIFE
        self._expires = time.monotonic() + max(seconds, _SHORTEST_LIFE)
        self._header = f"Bearer {token}"
        self._secrets.add(token)
        if isinstance(refresh, str) and refresh:
            self._refresh_token = refresh
            self._secrets.add(refresh)

    def _realm(self, challenge: Challenge, encrypted: bool) -> httpx2.URL:
        try:
            realm = httpx2.URL(challenge.parameters.get("realm", ""))
        except (httpx2.InvalidURL, ValueError):
            realm = httpx2.URL("")
        if realm.scheme not in ("http", "https") or not realm.host:
            raise InputError(
                f"registry {self._endpoint.host} names no usable token server",
                fix="tell the registry's operator",
            )
        if realm.scheme == "http" and encrypted and not is_loopback(realm.netloc.decode("ascii")):
            raise InputError(
                f"registry {self._endpoint.host} wants credentials sent without encryption "
                f"to {realm.host}",
                fix="tell the registry's operator that the token server's realm must be https",
            )
        return realm.copy_with(username=None, password=None, fragment=None)

    def _lookup(self) -> Credentials | None:
        if not self._looked_up:
            self._credentials = self._find()
            self._looked_up = True
            if self._credentials is not None:
                self._secrets |= set(_forms(self._credentials))
        return self._credentials

    def _denied(self, what: str) -> DeniedError:
        host = self._endpoint.host
        return DeniedError(
            f"registry {host} {what} ({self._endpoint.repository})",
            fix=f"log in with `podman login {host}` or `docker login {host}`, or check the name",
        )


def _forms(credentials: Credentials) -> list[str]:
    """Every spelling in which the secrets might come back from a server."""
    forms = [credentials.password, credentials.identity_token]
    if credentials.password:
        forms.append(credentials.basic.removeprefix("Basic "))
        forms.append(base64.b64encode(credentials.password.encode()).decode("ascii"))
    return [form for form in forms if form]
