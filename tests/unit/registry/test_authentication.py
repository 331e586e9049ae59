from __future__ import annotations

import base64
import json
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from samebit.errors import InputError, SamebitError
from samebit.model.reference import Reference
from samebit.registry.challenge import Challenge, parse_challenges
from samebit.registry.client import RegistryClient
from samebit.registry.failures import DeniedError, UnavailableError

PASSWORD = "pl4nted-passw0rd"
IDENTITY = "pl4nted-1dentity"
TOKEN = "pl4nted-t0ken"
MANIFEST = {
    "config": {"mediaType": "a/b", "digest": "sha256:" + "0" * 64, "size": 1},
    "layers": [],
}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['Basic realm="a, b"'], [Challenge("basic", {"realm": "a, b"})]),
        (
            ['Bearer realm="https://t.example.org/x?y=z",service=s,scope="a:b:c,d"'],
            [
                Challenge(
                    "bearer",
                    {"realm": "https://t.example.org/x?y=z", "service": "s", "scope": "a:b:c,d"},
                )
            ],
        ),
        (
            ['Negotiate, BEARER Realm="a\\"b", Basic realm=x'],
            [
                Challenge("negotiate", {}),
                Challenge("bearer", {"realm": 'a"b'}),
                Challenge("basic", {"realm": "x"}),
            ],
        ),
        (
            ['Bearer realm="a"', 'Basic realm="b"'],
            [Challenge("bearer", {"realm": "a"}), Challenge("basic", {"realm": "b"})],
        ),
        (["", '"', "=", ", ,", 'x="'], []),
    ],
)
def test_challenges(headers: list[str], expected: list[Challenge]) -> None:
    assert parse_challenges(headers)[: len(expected)] == expected


class TokenRegistry:
    """A registry whose repositories want the token that a token server on another port gives."""

    def __init__(self, registry: Any, server: Any) -> None:
        self.kit = sys.modules[type(registry).__module__]
        self.registry = registry
        self.server = server
        self.answer: dict[str, Any] = {"token": TOKEN, "expires_in": 300}
        self.statuses: list[int] = []
        self.realm = f"http://{server.address}/token"
        self.valid = {TOKEN}
        registry.hooks.append(self.challenge)
        server.hooks.append(self.give)

    def challenge(self, request: Any) -> Any:
        if request.path == "/v2/":
            return None
        given = request.headers.get("authorization", "")
        if given.removeprefix("Bearer ") in self.valid:
            return None
        value = f'Bearer realm="{self.realm}",service="reg",scope="repository:app:pull"'
        echoed = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": f"no: {given}"}]})
        return self.kit.Reply(401, echoed.encode(), {"WWW-Authenticate": value})

    def give(self, _: Any) -> Any:
        status = self.statuses.pop(0) if self.statuses else 200
        return self.kit.Reply(status, json.dumps(self.answer).encode())

    @property
    def reference(self) -> Reference:
        return Reference.parse(f"{self.registry.address}/app:1")


@pytest.fixture
def tokens(registry: Any, start_registry: Any) -> TokenRegistry:
    registry.add_manifest("1", MANIFEST)
    return TokenRegistry(registry, start_registry())


@pytest.fixture
def log_in(tmp_path: Path, make_client: Callable[..., RegistryClient]) -> Any:
    def log_in(registry: Any, **entry: str) -> RegistryClient:
        path = tmp_path / "auth.json"
        entry = entry or {"auth": base64.b64encode(f"me:{PASSWORD}".encode()).decode()}
        path.write_text(json.dumps({"auths": {registry.address: entry}}))
        return make_client(REGISTRY_AUTH_FILE=str(path))

    return log_in


def test_an_anonymous_token(tokens: TokenRegistry, client: RegistryClient) -> None:
    client.resolve(tokens.reference)
    client.resolve(tokens.reference)
    (request,) = tokens.server.requests
    assert request.method == "GET"
    assert parse_qs(request.query) == {"service": ["reg"], "scope": ["repository:app:pull"]}
    assert "authorization" not in request.headers
    assert tokens.registry.sent("GET")[-1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_token_for_credentials(tokens: TokenRegistry, log_in: Any) -> None:
    log_in(tokens.registry).resolve(tokens.reference)
    (request,) = tokens.server.requests
    pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == f"me:{PASSWORD}"
    assert parse_qs(request.query)["account"] == ["me"]
    # The password goes to the token server alone.
    assert all("Basic" not in r.headers.get("authorization", "") for r in tokens.registry.requests)


def test_a_token_server_that_only_takes_post(tokens: TokenRegistry, log_in: Any) -> None:
    tokens.statuses = [405]
    log_in(tokens.registry).resolve(tokens.reference)
    form = parse_qs(tokens.server.requests[-1].body.decode())
    assert form["grant_type"] == ["password"]
    assert form["password"] == [PASSWORD]
    assert form["scope"] == ["repository:app:pull"]


def test_an_identity_token_is_a_refresh_token(tokens: TokenRegistry, log_in: Any) -> None:
    tokens.answer = {"access_token": TOKEN, "refresh_token": "next"}
    log_in(tokens.registry, identitytoken=IDENTITY).resolve(tokens.reference)
    (request,) = tokens.server.requests
    form = parse_qs(request.body.decode())
    assert request.method == "POST"
    assert (form["grant_type"], form["refresh_token"]) == (["refresh_token"], [IDENTITY])


def test_an_expired_token_is_renewed(tokens: TokenRegistry, client: RegistryClient) -> None:
    client.resolve(tokens.reference)
    tokens.answer["token"] = "second"
    tokens.valid = {"second"}
    client.resolve(tokens.reference)
    assert len(tokens.server.requests) == 2


def test_a_token_about_to_expire_is_renewed_before_use(
    tokens: TokenRegistry, client: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    client.resolve(tokens.reference)
    later = time.monotonic() + 295
    monkeypatch.setattr(time, "monotonic", lambda: later)
    refused = len([r for r in tokens.registry.requests if "authorization" not in r.headers])
    client.resolve(tokens.reference)
    assert len(tokens.server.requests) == 2
    assert refused == len([r for r in tokens.registry.requests if "authorization" not in r.headers])


def test_basic(registry: Any, log_in: Any) -> None:
    registry.add_manifest("1", MANIFEST)
    expected = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    kit = sys.modules[type(registry).__module__]
    registry.hooks.append(
        lambda r: (
            None
            if r.headers.get("authorization") == expected or r.path == "/v2/"
            else kit.Reply(401, headers={"WWW-Authenticate": 'Basic realm="here"'})
        )
    )
    client = log_in(registry)
    client.resolve(Reference.parse(f"{registry.address}/app:1"))
    client.resolve(Reference.parse(f"{registry.address}/app:1"))
    assert len([r for r in registry.requests if "authorization" not in r.headers]) == 2


def test_a_token_server_without_encryption_is_refused_over_tls() -> None:
    from samebit.registry.auth import Authorizer
    from samebit.registry.endpoint import Endpoint

    authorizer = Authorizer(Endpoint("r.example.org", "app"), (), lambda: None, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="without encryption to t"):
        authorizer.answer(['Bearer realm="http://t.example.org/"'], encrypted=True, refused=None)


def _no_token(tokens: TokenRegistry) -> None:
    tokens.answer = {"token": None, "secret": PASSWORD}


def _bad_token(tokens: TokenRegistry) -> None:
    tokens.answer = {"token": f"{TOKEN}\r\nX-Injected: 1"}


def _refused_login(tokens: TokenRegistry) -> None:
    tokens.statuses = [401] * 9


def _refused_token(tokens: TokenRegistry) -> None:
    tokens.valid = set()


def _down(tokens: TokenRegistry) -> None:
    tokens.statuses = [503] * 9


def _unreachable(tokens: TokenRegistry) -> None:
    tokens.realm = "http://127.0.0.1:1/token"


def _realm_missing(tokens: TokenRegistry) -> None:
    tokens.realm = ""


def _basic_refused(tokens: TokenRegistry) -> None:
    def refuse(request: Any) -> Any:
        if request.path == "/v2/":
            return None
        given = request.headers.get("authorization", "")
        echoed = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": given}]})
        headers = {"WWW-Authenticate": f'Basic realm="{given}"'}
        return tokens.kit.Reply(401, echoed.encode(), headers)

    tokens.registry.hooks.insert(0, refuse)


def _echoed_later(tokens: TokenRegistry) -> None:
    def refuse(request: Any) -> Any:
        given = request.headers.get("authorization", "")
        if TOKEN not in given:
            return None
        echoed = json.dumps({"errors": [{"code": given, "message": f"you said {given}"}]})
        return tokens.kit.Reply(403, echoed.encode())

    tokens.registry.hooks.insert(0, refuse)


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (_no_token, InputError, "gave no token"),
        (_bad_token, InputError, "gave no token"),
        (_refused_login, DeniedError, "refuses the credentials from"),
        (_refused_token, DeniedError, "answered 401"),
        (_down, UnavailableError, "HTTP status 503"),
        (_unreachable, UnavailableError, "cannot be reached"),
        (_realm_missing, InputError, "no usable token server"),
        (_basic_refused, DeniedError, "refuses|answered 401|wants a user"),
        (_echoed_later, DeniedError, "answered 403"),
    ],
)
@pytest.mark.parametrize("login", ["password", "identity"])
def test_no_secret_is_ever_shown(
    *,
    tokens: TokenRegistry,
    log_in: Any,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[TokenRegistry], None],
    kind: type[SamebitError],
    message: str,
    login: str,
) -> None:
    spoil(tokens)
    entry = {"identitytoken": IDENTITY} if login == "identity" else {}
    client = log_in(tokens.registry, **entry)
    with caplog.at_level(logging.DEBUG), pytest.raises(kind, match=message) as caught:
        client.resolve(tokens.reference)
    error = caught.value
    shown = [*traceback.format_exception(error), str(error.fix), str(error.detail), caplog.text]
    shown += [repr(value) for value in vars(client).values()]
    text = "\n".join(shown)
    pair = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, IDENTITY, TOKEN, pair):
        assert secret not in text


def test_without_credentials_the_error_says_how_to_log_in(
    registry: Any, client: RegistryClient
) -> None:
    kit = sys.modules[type(registry).__module__]
    registry.hooks.append(
        lambda r: (
            kit.Reply(401, headers={"WWW-Authenticate": 'Basic realm="r"'})
            if r.path != "/v2/"
            else None
        )
    )
    with pytest.raises(DeniedError, match="wants a user and password") as caught:
        client.resolve(Reference.parse(f"{registry.address}/app:1"))
    assert f"podman login {registry.address}" in (caught.value.fix or "")


def test_an_unknown_scheme_is_named(registry: Any, client: RegistryClient) -> None:
    kit = sys.modules[type(registry).__module__]
    registry.hooks.append(
        lambda r: (
            kit.Reply(401, headers={"WWW-Authenticate": "Negotiate"}) if r.path != "/v2/" else None
        )
    )
    with pytest.raises(DeniedError, match="negotiate"):
        client.resolve(Reference.parse(f"{registry.address}/app:1"))
