"""Networks people have: proxies that want a password, exceptions, other authorities, mirrors."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fake_internet import FakeInternet, Page, Seen, fake_internet
from loopback_server import serving
from network_lab import Client, Lab, Reply, inside

from samebit.network.problems import ProblemKind
from samebit.network.restore import restore
from samebit.network.session import Network
from samebit.store.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="enters network namespaces: needs root"),
]

PASSWORD = "pl4nted-p@ss"
PAGES = {"http://a.example.org/f": Page(b"plain"), "https://a.example.org/f": Page(b"secure")}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeInternet]:
    with fake_internet(tmp_path_factory.mktemp("internet")) as found:
        yield found


@pytest.fixture
def lab(running: FakeInternet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    running.pages.clear()
    running.seen.clear()
    running.proxy_headers.clear()
    running.login = ""
    monkeypatch.setenv("SSL_CERT_FILE", str(running.trust))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return Lab(Store(tmp_path / "store"), running, tmp_path / "private")


def get(network: Network, host: str, path: str = "/f", **options: bool) -> Reply:
    with closing(Client(network, host, **options)) as client:
        return client.ask("GET", path, {"Authorization": "Basic bWU6bWU="})


def both_schemes(network: Network) -> list[bytes]:
    return [get(network, "a.example.org", tls=tls).body for tls in (False, True)]


def nothing_of(word: str, folder: Path) -> bool:
    return not any(
        word.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )


def test_a_proxy_that_wants_a_password(lab: Lab, tmp_path: Path) -> None:
    lab.internet.pages.update(PAGES)
    lab.internet.login = "me:pl4nted-p%40ss"
    assert lab.both(both_schemes) == ([b"plain", b"secure"],) * 2
    assert len(lab.fetches) == 2
    assert PASSWORD not in repr(lab.fetches)
    assert nothing_of(PASSWORD, tmp_path / "store")
    # In the tunnel it is not sent.
    (inside_tunnel,) = [one for one in lab.internet.seen if one.url.startswith("https://")]
    assert "Proxy-Authorization" not in inside_tunnel.headers


def test_a_wrong_password_is_told_at_once_and_nothing_recorded(lab: Lab) -> None:
    lab.internet.pages.update(PAGES)
    lab.internet.login = "me:right"
    wrong = f"http://me:pl4nted-p%40ss@{lab.internet.address}"
    lab.environment = {"HTTP_PROXY": wrong, "HTTPS_PROXY": wrong}
    with lab.open(record=True) as network:
        for tls in (False, True):
            assert inside(network, lambda t=tls: get(network, "a.example.org", tls=t)).status == 502
        problems = network.problems()
    assert {problem.kind for problem in problems} == {ProblemKind.UNAVAILABLE}
    for problem in problems:
        assert "407" in problem.reason
        assert "pl4nted" not in repr(problem)
    assert lab.fetches == ()
    assert len(lab.internet.proxy_headers) == 2


def test_hosts_without_a_proxy(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.internet.pages["http://a.example.org/f"] = Page(b"by the proxy")
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest: resolve("127.0.0.1" if host == "own.example.net" else host, *rest),
    )
    with serving(tmp_path) as own:
        own.files["/f"] = b"direct"
        lab.environment = {"NO_PROXY": "localhost,.example.net"}
        place = f"own.example.net:{own.port}"
        found = lab.both(lambda n: [get(n, p).body for p in ("a.example.org", place)])
    assert found == ([b"by the proxy", b"direct"],) * 2
    assert [seen.url for seen in lab.internet.seen] == ["http://a.example.org/f"]
    assert len(own.headers) == 1


def test_an_authority_that_the_host_does_not_trust(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it the other tests work: SSL_CERT_FILE."""
    lab.internet.pages.update(PAGES)
    monkeypatch.delenv("SSL_CERT_FILE")
    with lab.open(record=True) as network:
        assert inside(network, lambda: get(network, "a.example.org", tls=True)).status == 502
        (problem,) = network.problems()
    assert problem.kind is ProblemKind.UNAVAILABLE
    assert "its certificate is not trusted here" in problem.reason


def test_a_mirror_is_asked_and_the_lock_names_what_was_meant(lab: Lab, tmp_path: Path) -> None:
    def moved(seen: Seen) -> Page:
        # The mirror has a login of its own, and never sees the client's.
        assert seen.headers["Authorization"] == "Basic bWU6cGw0bnRlZC1wQHNz"
        return Page(b"", 302, {"Location": "https://mirror.example.net/pub/pool/g?x=1"})

    lab.internet.pages["https://mirror.example.net/pub/pool/f?x=1"] = moved
    lab.internet.pages["https://mirror.example.net/pub/pool/g?x=1"] = Page(b"mirrored")
    lab.internet.pages["http://deb.example.org/other/f"] = Page(b"not mirrored")
    lab.environment = {
        "SAMEBIT_MIRRORS": "http://deb.example.org/debian"
        "=https://me:pl4nted-p%40ss@mirror.example.net/pub/"
    }

    def client(network: Network) -> list[bytes]:
        first = get(network, "deb.example.org", "/debian/pool/f?x=1")
        place = first.headers["location"].removeprefix("http://deb.example.org")
        return [get(network, "deb.example.org", p).body for p in (place, "/other/f")]

    assert lab.both(client) == ([b"mirrored", b"not mirrored"],) * 2
    assert sorted(fetch.key.url for fetch in lab.fetches) == [
        "http://deb.example.org/debian/pool/f?x=1",
        "http://deb.example.org/debian/pool/g?x=1",
        "http://deb.example.org/other/f",
    ]
    assert "mirror" not in repr([fetch.headers for fetch in lab.fetches])
    assert PASSWORD not in repr(lab.fetches)
    assert nothing_of(PASSWORD, tmp_path / "store")
    # Lost bytes come from the mirror again.
    (blob,) = [fetch for fetch in lab.fetches if "/g?" in fetch.key.url]
    lab.store.path(blob.digest).unlink()
    restore(lab.store, lab.fetches, {**lab.internet.environment, **lab.environment})
    assert lab.store.read(blob.digest) == b"mirrored"


def test_a_variable_for_mirrors_that_says_nothing_is_told(lab: Lab) -> None:
    lab.environment = {"SAMEBIT_MIRRORS": "https://user:pl4nted-p@mirror.example.net/"}
    with lab.open(record=True) as network:
        assert inside(network, lambda: get(network, "a.example.org")).status == 502
        (problem,) = network.problems()
    assert "SAMEBIT_MIRRORS: entry 1 is not FROM=TO" in problem.reason
    assert "pl4nted" not in repr(problem)
