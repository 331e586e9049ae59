from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from samebit.errors import MachineError, SamebitError, UsageError
from samebit.registry.credentials import Credentials, find_credentials
from samebit.registry.endpoint import Endpoint

SECRET = "pl4nted-s3cret"


def entry(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run"), "PATH": str(tmp_path)}


def user(environment: dict[str, str], host: str, repository: str = "a/b/c") -> str | None:
    found = find_credentials(Endpoint(host, repository), environment)
    return found.username if found else None


def test_the_most_specific_path_wins(environment: dict[str, str], tmp_path: Path) -> None:
    auths = {name: entry(name[-4:]) for name in ("r.example.org/a/path", "r.example.org/a/team")}
    auths |= {"r.example.org": entry("host"), "r.example.org/a": entry("top")}
    auths |= {"r.example.org/a/b": entry("path")}
    write(tmp_path / "run/containers/auth.json", {"auths": auths})
    assert user(environment, "r.example.org") == "path"
    assert user(environment, "r.example.org", "a/team/x") == "team"
    assert user(environment, "r.example.org", "a/bb") == "top"
    assert user(environment, "r.example.org", "aa") == "host"
    assert user(environment, "r.example.org:443") is None
    assert user(environment, "other.example.org") is None


def test_files_are_asked_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    for position, path in enumerate(
        [".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json"]
    ):
        write(tmp_path / path, {"auths": {"r.example.org": entry(f"u{position}")}})
        assert user(environment, "r.example.org") == f"u{position}"
    explicit = write(tmp_path / "x.json", {"auths": {}})
    assert user(environment | {"REGISTRY_AUTH_FILE": str(explicit)}, "r.example.org") is None


def test_dockers_own_folder_and_keys(environment: dict[str, str], tmp_path: Path) -> None:
    auths = {"https://index.docker.io/v1/": entry("hub"), "http://r.example.org/v2/": entry("r")}
    write(tmp_path / "d/config.json", {"auths": auths})
    environment["DOCKER_CONFIG"] = str(tmp_path / "d")
    assert user(environment, "docker.io") == "hub"
    assert user(environment, "r.example.org") == "r"


def test_a_password_may_hold_colons(environment: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"r.example.org": entry("u", "a:b:c")}})
    found = find_credentials(Endpoint("r.example.org", "x"), environment)
    assert found is not None
    assert found.password == "a:b:c"


@pytest.mark.parametrize(
    "document",
    [
        {"auths": {"r.example.org": {"auth": "%%" + SECRET}}},
        {"auths": {"r.example.org": {"auth": base64.b64encode(SECRET.encode()).decode()}}},
        {"auths": {"r.example.org": {"auth": 1}}},
        {"auths": {"r.example.org": SECRET}},
        {"auths": [SECRET]},
        {"credHelpers": {"r.example.org": "../" + SECRET}},
        [SECRET],
        SECRET,
    ],
)
def test_a_malformed_file_is_named_without_its_content(
    environment: dict[str, str], tmp_path: Path, document: Any
) -> None:
    path = write(tmp_path / ".docker/config.json", document)
    with pytest.raises(UsageError) as caught:
        user(environment, "r.example.org")
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_file_that_is_no_json_is_not_quoted(environment: dict[str, str], tmp_path: Path) -> None:
    path = write(tmp_path / ".docker/config.json", {})
    path.write_text("{" + SECRET)
    with pytest.raises(UsageError, match="not JSON") as caught:
        user(environment, "r.example.org")
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_named_file_must_exist(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        user(environment | {"REGISTRY_AUTH_FILE": "/nonexistent/auth.json"}, "r.example.org")


def helper(tmp_path: Path, script: str) -> None:
    path = tmp_path / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("setting", ["credHelpers", "credsStore"])
def test_a_helper_is_asked(
    environment: dict[str, str], tmp_path: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", environment["PATH"])
    value = {"r.example.org": "test"} if setting == "credHelpers" else "test"
    write(tmp_path / ".docker/config.json", {setting: value, "auths": {"r.example.org": {}}})
    helper(tmp_path, f"""read h; echo '{{"Username":"'$1-$h'","Secret":"{SECRET}"}}'""")
    found = find_credentials(Endpoint("r.example.org", "x"), environment)
    assert found is not None
    assert (found.username, found.password) == ("get-r.example.org", SECRET)
    helper(tmp_path, f"""echo '{{"Username":"<token>","Secret":"{SECRET}"}}'""")
    found = find_credentials(Endpoint("r.example.org", "x"), environment)
    assert found is not None
    assert found.identity_token == SECRET
    helper(tmp_path, "echo credentials not found in native keychain; exit 1")
    assert find_credentials(Endpoint("r.example.org", "x"), environment) is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"echo {SECRET}", "not credentials"),
        (f"echo '[\"{SECRET}\"]'", "not credentials"),
        (f"echo {SECRET}; echo {SECRET} >&2; exit 3", "exit code 3"),
        (None, "is not installed"),
    ],
)
def test_a_helper_that_fails_is_named_without_its_output(
    *,
    environment: dict[str, str],
    tmp_path: Path,
    script: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", environment["PATH"])
    write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    if script:
        helper(tmp_path, script)
    with pytest.raises(MachineError, match=message) as caught:
        user(environment, "r.example.org")
    assert SECRET not in str(caught.value) + str(caught.value.fix)
    assert isinstance(caught.value, SamebitError)


def test_the_repr_hides_everything() -> None:
    credentials = Credentials("file", "user", SECRET, SECRET)
    assert SECRET not in repr(credentials)
    assert "user" not in repr(credentials)
