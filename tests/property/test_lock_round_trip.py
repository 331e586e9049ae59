from __future__ import annotations

import contextlib
import random
import tomllib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samebit.errors import InputError, SamebitError
from samebit.lock.fetch import (
    FetchKey,
    LockedFetch,
    combine,
    kept_headers,
    make_key,
)
from samebit.lock.fetch_index import FetchIndex
from samebit.lock.model import Lock, LockedBase, Recipe
from samebit.lock.redaction import is_secret, redact_links, redact_location, redact_url
from samebit.lock.toml import format_lock, parse_lock
from samebit.model.digest import Digest
from samebit.model.hardening import HardenedVariable, Hardening, HardeningMode
from samebit.model.platform import Platform
from samebit.model.reference import Reference

# Building a lock takes long where the machine has other work.
patient = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
digests = st.binary(max_size=4).map(Digest.of)
platforms = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]).map(Platform.parse)
names = st.sampled_from(["token", "Sig", "X-Amz-Date", "x%2Damz-a", "se", "page", "a", "", "é"])
queries = st.lists(st.tuples(names, st.sampled_from(["=", ""]), texts, st.sampled_from("&;"))).map(
    lambda parts: "".join(f"{name}{eq}{value}{end}" for name, eq, value, end in parts)
)
urls = st.builds(
    "{}://{}{}{}?{}".format,
    st.sampled_from(["http", "HTTPS", "ssh"]),
    st.sampled_from(["", "user@", "u:p@w@"]),
    st.sampled_from(["example.org", "Example.ORG:8080", "[::1]:443", "host:080", "ö.example"]),
    st.sampled_from(["", "/", "/a/B%2f", "/t/ab-0123456789abcdef/x", "/é ?"]),
    queries,
)
header_names = st.sampled_from(["ETag", "date", "Location", "LINK", "vary", "Set-Cookie"])
headers = st.lists(st.tuples(header_names, texts | urls), max_size=2)


modes: st.SearchStrategy[HardeningMode] = st.sampled_from(("append", "set-if-absent"))
variables = st.builds(HardenedVariable, texts, texts, modes, texts)
hardenings = st.builds(Hardening, st.lists(variables, max_size=2).map(tuple), st.booleans())


@st.composite
def bases(draw: st.DrawFn) -> LockedBase:
    digest = draw(st.none() | digests)
    diff_ids = draw(st.lists(digests, min_size=0 if digest else 1, max_size=3))
    return LockedBase(
        draw(texts), draw(platforms), digest, tuple(diff_ids), draw(st.none() | digests)
    )


@st.composite
def keys(draw: st.DrawFn) -> FetchKey:
    return make_key(
        draw(st.sampled_from(["get", "HEAD", "POST", "PROPFIND"])),
        draw(urls),
        draw(st.sampled_from(["", "*/*", "text/html", "a/b;q=1 ,  c/d"])),
        draw(st.none() | digests),
    )


@st.composite
def fetches(draw: st.DrawFn) -> list[LockedFetch]:
    """Everything that one key was answered with, on some platforms."""
    key = draw(keys())
    count = 1 if key.repeatable else draw(st.integers(1, 3))
    wanted = draw(st.sets(platforms, min_size=1))
    asker = st.builds("{}/{}".format, st.integers(0, 12), st.integers(0, 99))
    asker |= st.sampled_from(["base debian", "base debian.local/go:1"])
    return [
        LockedFetch(
            key=key,
            instruction=draw(asker) if key.repeatable else "0/1",
            platforms=tuple(wanted),
            occurrence=occurrence,
            status=draw(st.sampled_from([200, 204, 301, 404])),
            headers=kept_headers(draw(headers)),
            digest=draw(digests),
            size=draw(st.integers(0, (1 << 63) - 1)),
        )
        for occurrence in range(count)
    ]


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    locked = draw(st.lists(bases(), max_size=4, unique_by=lambda b: (b.name, b.platform)))
    recipe = Recipe(
        draw(digests),
        tuple(base.reference for base in locked),
        draw(st.none() | texts),
        tuple(draw(st.lists(platforms, max_size=3))),
        tuple(draw(st.dictionaries(texts, texts, max_size=4)).items()),
        hardening=draw(hardenings),
    )
    fetched = draw(st.lists(fetches(), max_size=3, unique_by=lambda group: group[0].key))
    inputs = draw(st.none() | digests.map(lambda d: Reference("h.example", "r/i", "1", d)))
    return Lock(
        draw(st.integers(0, (1 << 33) - 1)),
        recipe,
        tuple(locked),
        tuple(fetch for group in fetched for fetch in group),
        inputs,
    )


@given(locks())
@patient
def test_a_lock_survives_its_file(lock: Lock) -> None:
    text = format_lock(lock)
    assert parse_lock(text.encode(), "x") == lock
    assert format_lock(parse_lock(text.encode(), "x")) == text


@given(locks(), st.randoms())
@patient
def test_the_order_of_fetches_does_not_matter(lock: Lock, chance: random.Random) -> None:
    shuffled = list(lock.fetches)
    chance.shuffle(shuffled)
    assert replace(lock, fetches=tuple(shuffled)) == lock


@given(locks(), st.data())
@patient
def test_a_damaged_file_is_an_error_or_the_same_kind_of_lock(
    lock: Lock, data: st.DataObject
) -> None:
    raw = bytearray(format_lock(lock).encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SamebitError):
        parse_lock(bytes(raw), "x")


@given(st.dictionaries(texts, texts, max_size=3))
def test_every_key_and_value_is_toml(arguments: dict[str, str]) -> None:
    recipe = Recipe(Digest.of(b""), (), None, (), tuple(arguments.items()))
    document = tomllib.loads(format_lock(Lock(1, recipe)))
    assert document["recipe"].get("build-args", {}) == arguments


@given(urls)
def test_redaction_is_settled_after_once(url: str) -> None:
    once = redact_url(url)
    assert redact_url(once) == once
    assert redact_location(once) == once
    assert once.isascii()
    assert once.isprintable()
    assert " " not in once


@given(st.text(max_size=40) | urls)
def test_any_text_is_redacted_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert redact_url(redact_url(text)) == redact_url(text)
    assert redact_location(redact_location(text)) == redact_location(text)
    assert redact_links(redact_links(text)) == redact_links(text)


@given(
    st.sampled_from(["token", "TOKEN", "to%6ben", "X-Amz-Credential", "password"]),
    st.text("abc;=%&+/", min_size=1).map(lambda text: f"hunter2{text}"),
    queries,
)
def test_no_secret_value_stays(name: str, value: str, query: str) -> None:
    secret = value.partition("&")[0]
    url = f"https://hunter2:hunter2@h.example/?{query}&{name}={secret}"
    assert is_secret("token", signed=False)
    assert "hunter2" not in make_key("GET", url).url
    link = f"<{url.replace('>', '')}>; rel=next"
    assert "hunter2" not in str(kept_headers([("location", url), ("link", link)]))


@given(headers)
def test_kept_headers_are_settled_after_once(given_headers: list[tuple[str, str]]) -> None:
    once = kept_headers(given_headers)
    assert kept_headers(once) == once
    assert all(name != "set-cookie" for name, _ in once)


@given(st.lists(fetches(), max_size=5))
@patient
def test_what_is_combined_fits_into_a_lock(groups: list[list[LockedFetch]]) -> None:
    given_fetches = [fetch for group in groups for fetch in group]
    together = combine(given_fetches)
    assert combine(together) == together
    first = {
        (fetch.key, fetch.occurrence, platform): fetch.answer
        for fetch in reversed(given_fetches)
        for platform in fetch.platforms
    }
    found = {
        (fetch.key, fetch.occurrence, platform): fetch.answer
        for fetch in together
        for platform in fetch.platforms
    }
    assert found == first


@given(locks(), keys())
@patient
def test_the_index_finds_what_is_there_and_nothing_else(lock: Lock, other: FetchKey) -> None:
    index = FetchIndex(lock.fetches)
    for fetch in lock.fetches:
        for platform in fetch.platforms:
            assert index.find(fetch.key, platform, fetch.occurrence) == fetch
            assert fetch in index.answers(fetch.key, platform)
    known = {fetch.key for fetch in lock.fetches}
    assert (index.find(other) is not None) == (other in known)
    near = index.nearest(other)
    assert near is None or near.fetch in lock.fetches


def test_a_hash_after_the_query_is_no_part_of_a_key() -> None:
    with pytest.raises(InputError):
        make_key("GET", "/relative")
    assert make_key("get", "http://h.example/#x") == FetchKey("GET", "http://h.example/")
