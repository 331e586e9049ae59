from __future__ import annotations

from dataclasses import replace

import pytest

from samebit.errors import InputError, InternalError, UsageError
from samebit.lock.fetch import (
    LockedFetch,
    base_instruction,
    combine,
    kept_headers,
    make_key,
    of_base,
    of_steps,
)
from samebit.lock.fetch_index import FetchIndex
from samebit.lock.fetch_toml import format_fetches, parse_fetches
from samebit.lock.model import Lock, Recipe
from samebit.lock.redaction import origin_of, redact_location, redact_text, redact_url
from samebit.lock.toml import format_lock, parse_lock
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
RECIPE = Recipe(ONE, (), None, (AMD, ARM), ())
DEB = "http://deb.example.org/debian/pool/main/h/hello/hello_2.10-3_amd64.deb"


def fetch(url: str = DEB, method: str = "GET", **other: object) -> LockedFetch:
    facts: dict[str, object] = {
        "instruction": "0/1", "platforms": (AMD, ARM), "digest": ONE, "size": 1
    }  # fmt: skip
    return LockedFetch(key=make_key(method, url), **{**facts, **other})  # type: ignore[arg-type]


def lock(*fetches: LockedFetch) -> Lock:
    return Lock(1, RECIPE, (), fetches)


POSTED = replace(
    fetch("https://h.example/rpc", "POST", platforms=(AMD,), status=201),
    key=make_key("POST", "https://h.example/rpc", "text/plain", TWO),
    headers=kept_headers([("ETag", '"x"'), ("Content-Type", "text/plain")]),
)
FULL = replace(
    lock(fetch(), POSTED, replace(POSTED, occurrence=1, digest=TWO)),
    inputs=Reference("h.example", "i", None, ONE),
)
TEXT = format_lock(FULL)


def test_a_fetch_in_the_file() -> None:
    assert (
        TEXT[TEXT.index("[[fetch]]") :]
        == f"""\
[[fetch]]
digest = "{ONE}"
instruction = "0/1"
size = 1
url = "{DEB}"

[[fetch]]
accept = "text/plain"
body = "{TWO}"
digest = "{ONE}"
headers = ["content-type: text/plain", "etag: \\"x\\""]
instruction = "0/1"
method = "POST"
platforms = [
  "linux/amd64",
]
size = 1
status = 201
url = "https://h.example/rpc"

[[fetch]]
accept = "text/plain"
body = "{TWO}"
digest = "{TWO}"
headers = ["content-type: text/plain", "etag: \\"x\\""]
instruction = "0/1"
method = "POST"
occurrence = 1
platforms = [
  "linux/amd64",
]
size = 1
status = 201
url = "https://h.example/rpc"
"""
    )
    assert TEXT.splitlines()[4] == f'inputs = "h.example/i@{ONE}"'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('instruction = "0/1"', 'instruction = "0/01"', "neither <stage>/<ordinal> nor base"),
        ('instruction = "0/1"\n', "", "instruction is missing"),
        ("size = 1", "size = -1", "not a number of bytes"),
        ("size = 1", "size = 1\nline = 3", "line is not a known key"),
        (f'url = "{DEB}"', 'url = "hello.deb"', "not an absolute URL"),
        (f'url = "{DEB}"', 'url = "http://h.example"', "'http://h.example/'"),
        (f'url = "{DEB}"', 'url = "http://u:hunter2@h.example/"', "'http://h.example/'"),
        (f'url = "{DEB}"', 'url = "http://h.example/?token=hunter2"', "token=REDACTED"),
        ('method = "POST"', 'method = "post"', "'POST'"),
        ('method = "POST"', 'method = "P O"', "not an HTTP method"),
        ('accept = "text/plain"', 'accept = "*/*"', "''"),
        (f'body = "{TWO}"', 'body = "md5:1"', "not a sha256 digest"),
        ('headers = ["content-type: ', 'headers = ["set-cookie: ', "kept ones only"),
        ('headers = ["content-type: ', 'headers = ["x: ', "kept ones only"),
        ('headers = ["content-type: ', 'headers = ["content-type', "has no value"),
        ("status = 201", "status = 100", "from 200 to 599"),
        ("occurrence = 1", "occurrence = 2", "occurrence 2 of 2"),
        ("occurrence = 1", "# again", "twice"),
        ("occurrence = 1", "occurrence = -1", "negative"),
        ('platforms = [\n  "linux/amd64",\n]\nsize', "platforms = []\nsize", "is empty"),
        ('platforms = [\n  "linux/amd64",\n]\nsize', 'platforms = ["x86_64"]\nsize', "written as"),
        (f"h.example/i@{ONE}", "h.example/i:1", "names no digest"),
        (f"h.example/i@{ONE}", f"i@{ONE}", "written as docker.io"),
        (f"h.example/i@{ONE}", "h.example/I", "lower case"),
    ],
)
def test_what_we_did_not_write_is_refused(*, old: str, new: str, message: str) -> None:
    text = TEXT.replace(old, new, 1)
    start = next(n for n, (a, b) in enumerate(zip(TEXT, text, strict=False)) if a != b)
    line = text.count("\n", 0, start) + 1
    if message in {"instruction is missing", "occurrence 2 of 2", "twice"}:
        # What concerns the whole fetch is told at its head.
        line = text.count("\n", 0, text.rindex("[[fetch]]", 0, start)) + 1
    with pytest.raises(UsageError) as caught:
        parse_lock(text.encode(), "Dockerfile.lock")
    assert message in caught.value.what
    assert "hunter2" not in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.line == line
    assert caught.value.fix


def test_a_request_has_one_answer_for_a_platform() -> None:
    with pytest.raises(InternalError, match="twice"):
        lock(fetch(), fetch(digest=TWO, platforms=(ARM,)))
    apart = lock(fetch(platforms=(AMD,)), fetch(digest=TWO, platforms=(ARM,)))
    assert parse_lock(format_lock(apart).encode(), "x") == apart
    with pytest.raises(InternalError, match="occurrence 1 of 1"):
        lock(replace(POSTED, occurrence=1))
    with pytest.raises(InternalError, match="must be 0"):
        fetch(occurrence=1)


def test_an_inputs_artifact_is_named_by_its_digest() -> None:
    with pytest.raises(InternalError, match="without a digest"):
        replace(FULL, inputs=Reference("h.example", "i", "1"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Deb.Example.org:80/A%2f?B", "http://deb.example.org/A%2f?B"),
        ("https://h.example:443", "https://h.example/"),
        ("https://h.example:8443/#f", "https://h.example:8443/"),
        ("https://me:pw@h.example/x", "https://h.example/x"),
        ("https://me:p@w@h.example/x", "https://h.example/x"),
        ("https://h.example/é b", "https://h.example/%C3%A9%20b"),
        ("https://h.example/?a=1&Access_Token=s&b=2", "?a=1&Access_Token=REDACTED&b=2"),
        ("https://h.example/?se=1&sp=r", "?se=1&sp=r"),
        ("https://h.example/?se=1&sp=r&sig=x", "?se=REDACTED&sp=REDACTED&sig=REDACTED"),
        ("https://h.example/?Expires=1&Signature=x", "?Expires=REDACTED&Signature=REDACTED"),
        ("https://h.example/?X-Amz-Date=1&x=2", "?X-Amz-Date=REDACTED&x=2"),
        ("https://h.example/?next_token=2&page=3", "?next_token=2&page=3"),
        ("https://h.example/t/ab-0123456789abcdef/c", "/t/REDACTED/c"),
        ("https://h.example/t/short/c", "/t/short/c"),
    ],
)
def test_urls_as_the_lock_holds_them(url: str, expected: str) -> None:
    assert redact_url(url).endswith(expected)


def test_a_redirect_leads_to_the_redacted_request() -> None:
    signed = "https://cdn.example/f?X-Amz-Signature=abc&X-Amz-Date=1"
    other = "https://cdn.example/f?X-Amz-Signature=def&X-Amz-Date=2"
    followed = make_key("GET", redact_location(signed))
    assert followed == make_key("GET", signed) == make_key("GET", other)
    assert redact_location("/f?token=1#a") == "/f?token=REDACTED#a"
    assert redact_location("//me:pw@h.example/f") == "//h.example/f"


def test_what_is_no_url_is_refused_without_its_secrets() -> None:
    with pytest.raises(InputError) as caught:
        redact_url("me:hunter2@h.example/?token=hunter2")
    assert "hunter2" not in caught.value.what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADD https://me:hunter2@h.example/a /a", "ADD https://h.example/a /a"),
        ("RUN curl 'https://h.example/?a=1&token=hunter2' | sh", "token=REDACTED' | sh"),
        ('RUN wget "http://$U:$P@h.example/"', 'RUN wget "http://h.example/"'),
        ("RUN echo a@b c://d e?token=f", "RUN echo a@b c://d e?token=f"),
    ],
)
def test_instructions_are_shown_without_secrets(text: str, expected: str) -> None:
    assert redact_text(text).endswith(expected)


def test_origins() -> None:
    assert origin_of("https://h.example:8443/a?b") == "https://h.example:8443"
    assert origin_of("http://h.example/") == "http://h.example"


def test_the_first_answer_of_a_platform_wins() -> None:
    late = fetch(digest=TWO, instruction="0/2")
    assert combine([fetch(platforms=(AMD,)), fetch(platforms=(ARM,)), late]) == (fetch(),)
    assert combine([fetch(platforms=(AMD,)), late]) == (
        fetch(platforms=(AMD,)),
        replace(late, platforms=(ARM,)),
    )


class TestNearest:
    index = FetchIndex([fetch(), fetch("http://deb.example.org/debian/dists/x/InRelease"), POSTED])

    def test_what_was_recorded_is_found(self) -> None:
        assert self.index.find(make_key("GET", DEB), ARM) == fetch()
        assert self.index.find(POSTED.key, ARM) is None
        assert self.index.find(POSTED.key, AMD, 1) is None
        assert self.index.find(make_key("GET", DEB), AMD, 7) == fetch()

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            (make_key("GET", DEB.replace("2.10-3", "2.10-4")), f"GET {DEB} (another URL)"),
            (make_key("HEAD", DEB), f"GET {DEB} (with the method GET)"),
            (make_key("GET", DEB, "text/html"), f"GET {DEB} (with Accept: */*)"),
            (make_key("POST", POSTED.key.url, "", ONE), "with another request body"),
            (POSTED.key, "fewer times, or on another platform"),
            (make_key("GET", "https://quite.example/else"), ""),
        ],
    )
    def test_the_nearest_is_named_with_its_difference(self, key: object, said: str) -> None:
        near = self.index.nearest(key)  # type: ignore[arg-type]
        assert said in str(near or "")
        assert (near is None) == (said == "")


def test_each_base_has_answers_of_its_own() -> None:
    step = fetch()
    small = fetch(instruction="base debian.local/small:1", digest=TWO)
    other = fetch(instruction="base debian", digest=Digest.of(b"3"))
    assert (step.base, small.base, other.base) == (None, "debian.local/small:1", "debian")
    found = lock(small, step, other)
    assert found.fetches == (step, other, small)
    assert parse_lock(format_lock(found).encode(), "x") == found
    assert combine([small, step, other, step]) == found.fetches
    assert of_steps(found.fetches) == (step,)
    assert of_base(found.fetches, "debian", ARM) == (other,)
    assert of_base(found.fetches, "debian", Platform("linux", "s390x")) == ()
    with pytest.raises(InternalError, match="locked twice"):
        lock(small, replace(small, digest=ONE))


@pytest.mark.parametrize("name", ["", "a b", "a\n", "ä"])
def test_a_base_has_a_name_of_one_word(name: str) -> None:
    with pytest.raises(InternalError, match="instruction"):
        fetch(instruction=base_instruction(name))


def test_fetches_are_remembered_by_themselves() -> None:
    found = (fetch(instruction="base debian"), fetch(DEB + "?", platforms=(AMD,)))
    assert parse_fetches(format_fetches(found, (AMD, ARM)), (AMD, ARM)) == found
    assert parse_fetches(format_fetches((), (AMD,)), (AMD,)) == ()
