from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samebit.normalisers.patterns import PatternTable, matcher, regex_of

CASES = [
    (b"var/log/dpkg.log", b"var/log/dpkg.log", True),
    (b"var/log/dpkg.log", b"var/log/dpkg.log.1", False),
    (b"var/log/*.log", b"var/log/a.log", True),
    (b"var/log/*.log", b"var/log/apt/a.log", False),
    (b"var/log/**", b"var/log/apt/a.log", True),
    (b"var/log/**", b"var/log", False),
    (b"**/*.pyc", b"a.pyc", True),
    (b"**/*.pyc", b"usr/lib/a.pyc", True),
    (b"**/*.pyc", b"usr/lib/a.pyc/x", False),
    (b"**/*.tar.gz", b"x/a.tar.gz", True),
    (b"**/*.tar.gz", b"x/a.gz", False),
    (b"**/.netrc", b".netrc", True),
    (b"**/.netrc", b"root/.netrc", True),
    (b"**/.netrc", b"root/x.netrc", False),
    (b"**/.cache/pip/**", b"root/.cache/pip/http/x", True),
    (b"**/.cache/pip/**", b"root/.cache/pip", False),
    (b"a/**/b", b"a/b", True),
    (b"a/**/b", b"a/x/y/b", True),
    (b"etc/shadow?", b"etc/shadow-", True),
    (b"etc/shadow?", b"etc/shadow", False),
    (b"a.b", b"axb", False),
    (b"x*y/z", b"x\n\xffy/z", True),
]


@pytest.mark.parametrize(("pattern", "path", "fits"), CASES)
def test_patterns(pattern: bytes, path: bytes, fits: bool) -> None:
    assert (re.fullmatch(regex_of(pattern), path, re.DOTALL) is not None) is fits
    assert PatternTable([((pattern,), "x")]).find(path) == (["x"] if fits else [])
    compiled = matcher([b"nothing", pattern])
    assert compiled is not None
    assert (compiled.fullmatch(path) is not None) is fits


def test_a_value_is_found_once_and_in_order() -> None:
    table = PatternTable(
        [((b"**/*.log", b"var/**"), 1), ((), 2), ((b"var/a.log",), 3), ((b"etc/**",), 4)]
    )
    assert table.find(b"var/a.log") == [1, 2, 3]
    assert table.find(b"x") == [2]


part = st.sampled_from([b"a", b"b.c", b"*", b"?", b"**", b"*.c", b"a*"])
name = st.sampled_from([b"a", b"b.c", b"ab", b"x.c", b"aa"])


@settings(deadline=None)
@given(
    st.lists(st.lists(part, min_size=1, max_size=4).map(b"/".join), max_size=8),
    st.lists(name, min_size=1, max_size=5).map(b"/".join),
)
def test_the_table_agrees_with_single_patterns(patterns: list[bytes], path: bytes) -> None:
    table = PatternTable([((pattern,), number) for number, pattern in enumerate(patterns)])
    expected = [
        number
        for number, pattern in enumerate(patterns)
        if re.fullmatch(regex_of(pattern), path, re.DOTALL)
    ]
    assert table.find(path) == expected
