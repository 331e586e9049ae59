"""What a client in RUN sees of the network, while recording and while replaying: real sockets in
the real namespaces, without an engine."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from fake_internet import Page, Seen, zipped
from network_lab import Client, Lab, ask, get, inside

from samebit.errors import InputError
from samebit.network.problems import ProblemKind
from samebit.network.restore import restore
from samebit.network.session import Network

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="enters network namespaces: needs root"),
]


@pytest.mark.parametrize("place", ["files.example.org", "files.example.org:8123"])
def test_plain_http_on_any_port(lab: Lab, place: str) -> None:
    lab.internet.pages[f"http://{place}/a"] = Page(b"hello", headers={"ETag": '"1"'})
    first, second = lab.both(lambda n: get(n, place, "/a"))
    assert (first.status, first.body) == (200, b"hello")
    assert second.body == first.body
    assert second.headers["etag"] == '"1"'
    assert lab.fetches[0].key.url == f"http://{place}/a"
    assert lab.fetches[0].instruction == "0/1"


@pytest.mark.parametrize("place", ["files.example.org", "files.example.org:8443"])
def test_tls_on_any_port(lab: Lab, place: str) -> None:
    lab.internet.pages[f"https://{place}/a"] = Page(b"secure")
    first, second = lab.both(lambda n: get(n, place, "/a", tls=True))
    assert first.body == second.body == b"secure"


def test_one_connection_carries_many_requests(lab: Lab) -> None:
    for number in range(20):
        lab.internet.pages[f"https://a.example.org/{number}"] = Page(b"x" * number)

    def client(network: Network) -> list[bytes]:
        with closing(Client(network, "a.example.org", tls=True)) as connection:
            return [connection.ask("GET", f"/{number}").body for number in range(20)]

    first, second = lab.both(client)
    assert first == second == [b"x" * number for number in range(20)]


def test_connections_side_by_side_get_one_answer(lab: Lab) -> None:
    answers = iter(range(100))
    lab.internet.pages["http://a.example.org/"] = lambda _: Page(
        b"%d" % next(answers) * 50_000, slow=0.1
    )
    with lab.open(record=True) as network:
        found: list[bytes] = []
        threads = [
            threading.Thread(
                target=lambda: found.append(
                    inside(network, lambda: get(network, "a.example.org").body)
                )
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert lab.internet.asked("http://a.example.org/") == 1


def test_only_the_whole_is_recorded_and_parts_are_answered_here(lab: Lab) -> None:
    body = bytes(range(256)) * 1000
    headers = {"ETag": '"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    lab.internet.pages["http://a.example.org/f"] = Page(body, headers=headers)

    def client(network: Network) -> list[tuple[int, int, str]]:
        asked: list[dict[str, str]] = [
            {"Range": "bytes=10-19"},
            {"Range": "bytes=-5"},
            {"Range": "bytes=999999-"},
            {"Range": "bytes=0-9", "If_Range": '"other"'},
            {"If_None_Match": '"v1"'},
            {"If_Modified_Since": "Tue, 02 Jan 2024 00:00:00 GMT"},
            {"If_None_Match": '"v0"'},
        ]
        replies = [get(network, "a.example.org", "/f", **headers) for headers in asked]
        assert replies[0].body == body[10:20]
        assert replies[1].body == body[-5:]
        return [(r.status, len(r.body), r.headers.get("content-range", "")) for r in replies]

    first, second = lab.both(client)
    assert (
        first
        == second
        == [
            (206, 10, f"bytes 10-19/{len(body)}"),
            (206, 5, f"bytes {len(body) - 5}-{len(body) - 1}/{len(body)}"),
            (416, 0, f"bytes */{len(body)}"),
            (200, len(body), ""),
            (304, 0, ""),
            (304, 0, ""),
            (200, len(body), ""),
        ]
    )
    (request,) = lab.internet.seen
    assert not {"Range", "If-None-Match", "If-Range"} & set(request.headers)
    assert request.headers["Accept-Encoding"] == "identity"


def test_what_comes_encoded_all_the_same_stays_so(lab: Lab) -> None:
    lab.internet.pages["http://a.example.org/"] = zipped(b"text" * 100)
    first, second = lab.both(lambda n: get(n, "a.example.org"))
    assert first.headers["content-encoding"] == second.headers["content-encoding"] == "gzip"
    assert first.body == second.body


def test_redirects_and_definite_refusals_are_recorded(lab: Lab) -> None:
    pages = lab.internet.pages
    pages["http://a.example.org/old"] = Page(
        b"moved", 302, {"Location": "https://b.example.org/new", "Set-Cookie": "s=1"}
    )
    pages["http://a.example.org/private"] = Page(
        b"who are you", 401, {"WWW-Authenticate": 'Basic realm="a"'}
    )
    pages["http://a.example.org/gone"] = Page(b"", 410)

    def client(network: Network) -> list[tuple[int, str | None]]:
        found = [get(network, "a.example.org", f"/{p}") for p in ("old", "private", "gone", "no")]
        assert found[1].headers["www-authenticate"] == 'Basic realm="a"'
        return [(reply.status, reply.headers.get("location")) for reply in found]

    first, second = lab.both(client)
    assert first == second
    assert first == [(302, "https://b.example.org/new"), (401, None), (410, None), (404, None)]
    assert "cookie" not in repr(lab.fetches).lower()


def test_posts_are_a_list_for_each_body(lab: Lab) -> None:
    answers = iter(range(100))
    lab.internet.pages["http://a.example.org/api"] = lambda seen: Page(
        seen.body + b"=%d" % next(answers)
    )

    def client(network: Network) -> list[bytes]:
        return [ask(network, "POST", "/api", b).body for b in (b"x", b"y", b"x", b"x")]

    first, second = lab.both(client)
    assert first == second == [b"x=0", b"y=1", b"x=2", b"x=3"]
    with lab.open(record=False) as network:
        inside(network, lambda: client(network))
        reply = inside(network, lambda: ask(network, "POST", "/api", b"x"))
        assert reply.status == 403
        (problem,) = network.problems()
        assert problem.reason == "is in the lock 3 times only"


def test_head_is_answered_from_get_or_recorded_itself(lab: Lab) -> None:
    lab.internet.pages["http://a.example.org/f"] = Page(b"12345")

    def client(network: Network) -> tuple[int, str | None, int]:
        get(network, "a.example.org", "/f")
        one = ask(network, "HEAD", "/f")
        other = ask(network, "HEAD", "/none")
        return one.status, one.headers.get("content-length"), other.status

    first, second = lab.both(client)
    assert first == second == (200, "5", 404)
    assert [s.method for s in lab.internet.seen] == ["GET", "HEAD"]


def test_expect_continue_and_chunked_bodies(lab: Lab) -> None:
    lab.internet.pages["http://a.example.org/up"] = lambda seen: Page(seen.body[::-1], chunked=True)

    def client(network: Network) -> bytes:
        address = (str(network.names.address("a.example.org")), 80)
        with socket.create_connection(address, 30) as connection:
            connection.sendall(
                b"POST /up HTTP/1.1\r\nHost: a.example.org\r\nExpect: 100-continue\r\n"
                b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 100")
            connection.sendall(b"3\r\nabc\r\n0\r\n\r\n")
            received = b""
            while piece := connection.recv(1000):
                received += piece
            return received.partition(b"\r\n\r\n")[2]

    first, second = lab.both(client)
    # It came in chunks, and is told with its length once that is known.
    assert first.replace(b"\r\n", b"").translate(None, b"0123456789") == b"cba"
    assert second == b"cba"


def test_pipelined_requests(lab: Lab) -> None:
    for name in ("a", "b"):
        lab.internet.pages[f"http://a.example.org/{name}"] = Page(name.encode() * 3)

    def client(network: Network) -> bytes:
        address = (str(network.names.address("a.example.org")), 80)
        with socket.create_connection(address, 30) as connection:
            head = "Host: a.example.org\r\n"
            connection.sendall(
                f"GET /a HTTP/1.1\r\n{head}\r\n"
                f"GET /b HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode()
            )
            received = b""
            while piece := connection.recv(1000):
                received += piece
            return received

    for received in lab.both(client):
        assert received.count(b"200") == 2
        assert received.index(b"aaa") < received.index(b"bbb")


def test_what_passes_is_retried_and_what_stays_is_told(lab: Lab) -> None:
    lab.internet.pages["http://a.example.org/soon"] = Page(b"there", fails=2)
    lab.internet.pages["http://a.example.org/never"] = Page(b"", fails=100)
    with lab.open(record=True) as network:
        assert inside(network, lambda: get(network, "a.example.org", "/soon")).body == b"there"
        assert network.problems() == ()
        assert inside(network, lambda: get(network, "a.example.org", "/never")).status == 503
        (problem,) = network.problems()
    assert problem.kind is ProblemKind.UNAVAILABLE
    assert problem.subject == "GET http://a.example.org/never"
    assert [fetch.key.url for fetch in lab.fetches] == ["http://a.example.org/soon"]


def test_a_body_that_breaks_off_goes_on_or_is_not_recorded(lab: Lab) -> None:
    body = bytes(range(256)) * 4000
    headers = {"ETag": '"strong"'}
    lab.internet.pages["http://a.example.org/on"] = Page(body, headers=headers, cut=1)
    lab.internet.pages["http://a.example.org/off"] = Page(body, cut=100)
    with lab.open(record=True) as network:
        assert inside(network, lambda: get(network, "a.example.org", "/on")).body == body
        with pytest.raises((OSError, Exception)):
            inside(network, lambda: get(network, "a.example.org", "/off"))
        (problem,) = network.problems()
    assert problem.kind is ProblemKind.UNAVAILABLE
    assert [fetch.key.url for fetch in lab.fetches] == ["http://a.example.org/on"]
    with lab.open(record=False) as network:
        assert inside(network, lambda: get(network, "a.example.org", "/on")).body == body


def test_a_client_that_has_enough_leaves_a_whole_recording(lab: Lab) -> None:
    body = b"abc" * 2_000_000
    lab.internet.pages["http://a.example.org/f"] = Page(body)

    def some(network: Network) -> bytes:
        address = (str(network.names.address("a.example.org")), 80)
        with socket.create_connection(address, 30) as connection:
            connection.sendall(b"GET /f HTTP/1.1\r\nHost: a.example.org\r\n\r\n")
            return connection.recv(1000)

    with lab.open(record=True) as network:
        inside(network, lambda: some(network))
        # The second waits for the first to be recorded.
        assert inside(network, lambda: get(network, "a.example.org", "/f")).body == body
    assert lab.internet.asked("http://a.example.org/f") == 1


def test_credentials_pass_and_are_kept_nowhere(lab: Lab, tmp_path: Path) -> None:
    secrets = ["hunter2", "c00kie", "t0ken-value"]

    def page(seen: Seen) -> Page:
        if seen.headers.get("Authorization") != "Basic hunter2":
            return Page(b"", 401, {"WWW-Authenticate": "Basic"})
        assert seen.headers["Cookie"] == "id=c00kie"
        assert seen.url.endswith("t0ken-value")
        return Page(b"private thing")

    lab.internet.pages["https://a.example.org/f?access_token=t0ken-value"] = page

    def client(network: Network) -> list[tuple[int, bytes]]:
        path = "/f?access_token=t0ken-value"
        first = get(network, "a.example.org", path, tls=True)
        second = get(
            network, "a.example.org", path, tls=True,
            Authorization="Basic hunter2", Cookie="id=c00kie",
        )  # fmt: skip
        return [(first.status, first.body), (second.status, second.body)]

    first, second = lab.both(client)
    assert first == [(401, b""), (200, b"private thing")]
    # The answer to who may ask stands for all: a replay has nothing to protect.
    assert second == [(200, b"private thing")] * 2
    for secret in secrets:
        assert secret not in repr(lab.fetches)
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_two_things_under_one_redacted_address_are_refused(lab: Lab) -> None:
    for token in ("a", "b"):
        lab.internet.pages[f"http://a.example.org/f?token={token}"] = Page(token.encode())
    with lab.open(record=True) as network:
        inside(network, lambda: get(network, "a.example.org", "/f?token=a"))
        inside(network, lambda: get(network, "a.example.org", "/f?token=b"))
        (problem,) = network.problems()
    assert problem.kind is ProblemKind.AMBIGUOUS


def test_signed_redirects_lead_to_the_recorded_address(lab: Lab) -> None:
    signed = "https://cdn.example.org/blob?X-Amz-Signature=abcdef&X-Amz-Date=20260101"
    lab.internet.pages["https://a.example.org/f"] = Page(b"", 307, {"Location": signed})
    lab.internet.pages[signed] = Page(b"blob")

    def client(network: Network) -> bytes:
        first = get(network, "a.example.org", "/f", tls=True)
        host, _, path = first.headers["location"].removeprefix("https://").partition("/")
        return get(network, host, "/" + path, tls=True).body

    assert lab.both(client) == (b"blob", b"blob")
    assert "abcdef" not in repr(lab.fetches)


def test_a_damaged_blob_is_cut_off_and_told(lab: Lab) -> None:
    body = b"0123456789" * 100_000
    lab.internet.pages["http://a.example.org/f"] = Page(body)
    with lab.open(record=True) as network:
        inside(network, lambda: get(network, "a.example.org", "/f"))
    path = lab.store.path(lab.fetches[0].digest)
    path.write_bytes(body[:-1] + b"!")
    with lab.open(record=False) as network:
        with pytest.raises((OSError, Exception)):
            inside(network, lambda: get(network, "a.example.org", "/f"))
        (problem,) = network.problems()
    assert problem.kind is ProblemKind.DAMAGED
    assert not path.exists()


def test_lost_bytes_are_fetched_again_from_the_begin_of_a_chain(lab: Lab) -> None:
    signed = "https://cdn.example.org/blob?X-Amz-Signature={}"
    pages = lab.internet.pages
    pages["https://a.example.org/f"] = Page(b"", 302, {"Location": "/g"})
    pages["https://a.example.org/g"] = Page(b"", 307, {"Location": signed.format("one")})
    pages[signed.format("one")] = Page(b"blob")

    def client(network: Network) -> bytes:
        found = get(network, "a.example.org", "/f", tls=True)
        while 300 <= found.status < 400:
            place = found.headers["location"].removeprefix("https://")
            host, _, path = place.partition("/")
            found = get(network, host or "a.example.org", "/" + path, tls=True)
        return found.body

    assert lab.both(client) == (b"blob", b"blob")
    (blob,) = [fetch for fetch in lab.fetches if fetch.size]
    seen = len(lab.internet.seen)
    restore(lab.store, lab.fetches, lab.internet.environment)
    assert len(lab.internet.seen) == seen
    # The first signature has expired, and another one is given out now.
    pages["https://a.example.org/g"] = Page(b"", 307, {"Location": signed.format("two")})
    pages[signed.format("two")] = Page(b"blob")
    del pages[signed.format("one")]
    lab.store.path(blob.digest).unlink()
    restore(lab.store, lab.fetches, lab.internet.environment)
    with lab.open(record=False) as network:
        assert inside(network, lambda: client(network)) == b"blob"
    pages[signed.format("two")] = Page(b"blot")
    lab.store.path(blob.digest).unlink()
    with pytest.raises(InputError, match="something else at that address"):
        restore(lab.store, lab.fetches, lab.internet.environment)
