"""Our order of versions against the programs and libraries that define it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from samebit.lock.versions import deb, gem, maven, pep440, rpm, semver

numbers = st.integers(0, 12).map(str)
releases = st.lists(numbers, min_size=1, max_size=3).map(".".join)


def suffix(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *texts])


python_versions = st.builds(
    "{}{}{}{}{}{}".format,
    suffix("1!", "v"),
    releases,
    suffix("a1", "b2", ".rc3", "-alpha.1", "c1", "preview"),
    suffix(".post1", "-2", "rev3", ".post"),
    suffix(".dev1", "dev", "-dev2"),
    suffix("+local", "+1", "+1.a-2"),
)
debian_versions = st.builds(
    "{}{}{}".format,
    suffix("0:", "1:"),
    st.text("019ab.+~", min_size=1, max_size=6).map(lambda text: f"1{text}"),
    suffix("-1", "-1~x", "-a", "-0", "-1+b1"),
)
words = st.lists(
    st.sampled_from(["1", "0", "10", "a", "rc", "final", "sp", "x", "."]), max_size=5
).map(lambda parts: "1" + ".".join(parts).replace("...", "-"))


@given(python_versions, python_versions)
@settings(max_examples=200)
def test_python_versions_against_packaging(one: str, other: str) -> None:
    first, second = Version(one), Version(other)
    assert pep440.compare(one, other) == (first > second) - (first < second)


@given(debian_versions, debian_versions)
@settings(max_examples=60, deadline=None)
def test_debian_versions_against_dpkg(one: str, other: str) -> None:
    expected = 0
    for word, value in (("lt", -1), ("gt", 1)):
        done = subprocess.run(
            ["dpkg", "--compare-versions", one, word, other], check=False, capture_output=True
        )
        assert done.returncode in {0, 1}, done.stderr
        expected += value if done.returncode == 0 else 0
    assert deb.compare(one, other) == expected


@pytest.mark.parametrize(
    "compare",
    [deb.compare, rpm.compare, semver.compare, pep440.compare, gem.compare, maven.compare],
)
def test_every_order_is_one(compare: Callable[[str, str], int | None]) -> None:
    @given(words, words, words)
    def check(one: str, two: str, three: str) -> None:
        forth, back = compare(one, two), compare(two, one)
        assert (forth is None) == (back is None)
        if forth is not None and back is not None:
            assert forth == -back
        assert compare(one, one) in {0, None}
        if forth == -1 and compare(two, three) == -1:
            assert compare(one, three) == -1

    check()
