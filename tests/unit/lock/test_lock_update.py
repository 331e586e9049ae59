from __future__ import annotations

from dataclasses import replace

import pytest

from samebit.lock.fetch import LockedFetch, make_key
from samebit.lock.update import matching_origins, settle, without_origins
from samebit.model.digest import Digest
from samebit.model.platform import Platform

AMD, ARM, S390 = (Platform("linux", name) for name in ("amd64", "arm64", "s390x"))
ONE, TWO = Digest.of(b"1"), Digest.of(b"2")


def fetch(url: str, *platforms: Platform, location: str = "", digest: Digest = ONE) -> LockedFetch:
    return LockedFetch(
        key=make_key("GET", url),
        instruction="0/1",
        platforms=platforms or (AMD,),
        status=302 if location else 200,
        headers=(("location", location),) if location else (),
        digest=digest,
        size=1,
    )


KNOWN = (
    fetch("http://deb.example/dists/x/InRelease"),
    fetch("http://deb.example/pool/a.deb"),
    fetch("http://deb.example:8080/pool/a.deb"),
    fetch("https://py.example/simple/a/"),
    fetch("https://get.example/a", location="https://cdn.example/a?token=REDACTED"),
    fetch("https://get.example/b", location="/c"),
    fetch("https://cdn.example/a?token=REDACTED", location="//far.example/a"),
    fetch("https://far.example/a"),
)


@pytest.mark.parametrize(
    ("pattern", "origins"),
    [
        ("*", {"http://deb.example", "http://deb.example:8080", "https://py.example",
               "https://get.example", "https://cdn.example", "https://far.example"}),
        ("deb.example", {"http://deb.example"}),
        ("http://deb.example", {"http://deb.example"}),
        ("deb.example*", {"http://deb.example", "http://deb.example:8080"}),
        ("*/InRelease", {"http://deb.example"}),
        ("far.example", {"https://far.example"}),
        ("https://get.example/b", {"https://get.example", "https://cdn.example",
                                   "https://far.example"}),
        ("deb", set()),
        ("DEB.example", set()),
    ],
)  # fmt: skip
def test_a_pattern_means_whole_origins_and_where_they_lead(pattern: str, origins: set[str]) -> None:
    assert matching_origins(KNOWN, pattern) == origins


def test_nothing_of_an_updated_origin_stays() -> None:
    left = without_origins(KNOWN, matching_origins(KNOWN, "*/InRelease"))
    assert {fetch.key.url for fetch in KNOWN} - {fetch.key.url for fetch in left} == {
        "http://deb.example/dists/x/InRelease",
        "http://deb.example/pool/a.deb",
    }


class TestSettle:
    both = fetch("http://h.example/both", AMD, ARM)
    other = fetch("http://h.example/other", ARM, S390)
    fresh = fetch("http://h.example/new")

    def test_what_a_full_recording_did_not_ask_for_is_dropped(self) -> None:
        assert settle([self.both, self.other], {AMD: [self.fresh]}, [AMD]) == (self.fresh,)

    def test_of_platforms_that_were_not_built_everything_stays(self) -> None:
        assert settle([self.both, self.other], {AMD: [self.fresh]}, [AMD, ARM]) == (
            replace(self.both, platforms=(ARM,)),
            self.fresh,
            replace(self.other, platforms=(ARM,)),
        )

    def test_without_a_build_only_the_recipe_s_platforms_count(self) -> None:
        assert settle([self.both, self.other], {}, [AMD]) == (replace(self.both, platforms=(AMD,)),)

    def test_one_answer_for_two_platforms_is_one_fetch(self) -> None:
        used = {AMD: [fetch("http://h.example/a", AMD)], ARM: [fetch("http://h.example/a", ARM)]}
        assert settle([], used, [AMD, ARM]) == (fetch("http://h.example/a", AMD, ARM),)


def test_what_bases_are_made_from_is_not_settled_with_the_steps() -> None:
    base = replace(KNOWN[0], instruction="base debian", digest=TWO)
    elsewhere = replace(KNOWN[1], instruction="base debian", platforms=(S390,))
    found = settle((KNOWN[0], base, elsewhere), {AMD: (KNOWN[1],)}, (AMD,))
    assert set(found) == {KNOWN[1], base, elsewhere}
