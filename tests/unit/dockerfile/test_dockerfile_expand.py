"""Every modifier, quote and escape, as a table: word, then what it becomes."""

from __future__ import annotations

import pytest

from samebit.dockerfile.expand import expand, expand_text, expand_words
from samebit.errors import DockerfileError, Place

ENV = {
    "V": "value",
    "EMPTY": "",
    "PATHS": "/usr/local/lib/x.tar.gz",
    "STAR": "a*b?c",
    "WORDS": "one two",
    "N": "8080 9090",
    "LINES": "one\ntwo",
    "名": "n",
}

TABLE = [
    # Plain variables.
    ("$V", "value"),
    ("${V}", "value"),
    ("a${V}b", "avalueb"),
    ("$Vx", ""),
    ("$V.x", "value.x"),
    ("$名", "n"),
    ("$UNSET", ""),
    ("${UNSET}", ""),
    ("$", "$"),
    ("a$ b", "a$ b"),
    ("$/x", "$/x"),
    ("$1x", "x"),
    ("$12x", "x"),
    ("$?$#x", "x"),
    ("$$", ""),
    # Default, alternative.
    ("${V:-w}", "value"),
    ("${UNSET:-w}", "w"),
    ("${EMPTY:-w}", "w"),
    ("${EMPTY-w}", ""),
    ("${UNSET-w}", "w"),
    ("${V:+w}", "w"),
    ("${EMPTY:+w}", ""),
    ("${EMPTY+w}", "w"),
    ("${UNSET+w}", ""),
    ("${UNSET:+w}", ""),
    ("${V:?must}", "value"),
    ("${EMPTY?must}", ""),
    ("${V?}", "value"),
    # Words nest, and keep quotes and escapes to themselves.
    ("${UNSET:-${V}}", "value"),
    ("${UNSET:-${UNSET2:-x}y}z", "xyz"),
    ('${UNSET:-"a b"}', "a b"),
    ("${UNSET:-'$V'}", "$V"),
    (r"${UNSET:-\}}", "}"),
    (r"${UNSET:-\$V}", "$V"),
    ("${UNSET:-a:b}", "a:b"),
    # Prefixes and suffixes, shortest and longest.
    ("${PATHS#*/}", "usr/local/lib/x.tar.gz"),
    ("${PATHS##*/}", "x.tar.gz"),
    ("${PATHS%.*}", "/usr/local/lib/x.tar"),
    ("${PATHS%%.*}", "/usr/local/lib/x"),
    ("${PATHS#/usr/*/}", "lib/x.tar.gz"),
    ("${PATHS%no}", "/usr/local/lib/x.tar.gz"),
    ("${V#?}", "alue"),
    ("${V%?}", "valu"),
    ("${V#}", "value"),
    ("${V##}", "value"),
    (r"${STAR#a\*}", "b?c"),
    (r"${STAR%\?c}", "a*b"),
    ("${UNSET#x}", ""),
    ("${V#${UNSET:-va}}", "lue"),
    ("${LINES#*w}", "one\ntwo"),
    # Replacement.
    ("${PATHS/lib/bin}", "/usr/local/bin/x.tar.gz"),
    ("${PATHS/l/L}", "/usr/Local/lib/x.tar.gz"),
    ("${PATHS//l/L}", "/usr/LocaL/Lib/x.tar.gz"),
    (r"${PATHS//\//-}", "-usr-local-lib-x.tar.gz"),
    ("${PATHS/a*a/_}", "/usr/loc_r.gz"),
    ("${PATHS//./}", "/usr/local/lib/xtargz"),
    ("${V//?/x}", "xxxxx"),
    ("${V//*/x}", "x"),
    ("${V/a/$V}", "vvaluelue"),
    ("${V//a/${UNSET:-o}}", "volue"),
    ("${V/no/x}", "value"),
    ("${UNSET/a/b}", ""),
    # Quotes.
    ('"$V"', "value"),
    ("'$V'", "$V"),
    ('"it\'s $V"', "it's value"),
    ("'say \"x\"'", 'say "x"'),
    ("a'b'c\"d\"e", "abcde"),
    ("''", ""),
    # Escapes.
    (r"\$V", "$V"),
    (r"\${V}", "${V}"),
    (r"\\$V", r"\value"),
    (r"a\bc", "abc"),
    (r'"a\bc"', r"a\bc"),
    (r'"\$V \" \\"', '$V " \\'),
    (r"'\$V'", r"\$V"),
    ("a\\", "a"),
    ("a b  c", "a b  c"),
    ("a<b<<c", "a<b<<c"),
]


@pytest.mark.parametrize(("word", "expected"), TABLE)
def test_word(word: str, expected: str) -> None:
    assert expand(word, ENV) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("`$V", "$V"), (r"C:\dir\$V", r"C:\dir\value"), ('"a`"b"', 'a"b'), ("a``b", "a`b")],
)
def test_other_escape_character(word: str, expected: str) -> None:
    assert expand(word, ENV, escape="`") == expected


@pytest.mark.parametrize(
    ("word", "fragment"),
    [
        ("'a", "single quote"),
        ('"a', "double quote"),
        ('"a\\', "double quote"),
        ("${V", "missing '}'"),
        ("${V:-a", "missing '}'"),
        ("${V/a}", "missing '/'"),
        ("${V/a/b", "missing '}'"),
        ("${}", "variable name"),
        ("${{V}}", "variable name"),
        ("${:-x}", "variable name"),
        ("${.}", "unsupported modifier '.'"),
        ("${V:=x}", "unsupported modifier ':='"),
        ("${V:x}", "unsupported modifier ':x'"),
        ("${V:#x}", "unsupported modifier ':#'"),
        ("${V^^}", "unsupported modifier '^'"),
        ("${UNSET?}", "UNSET: must not be unset"),
        ("${UNSET:?}", "UNSET: must not be unset"),
        ("${EMPTY:?}", "EMPTY: must not be empty"),
        ("${UNSET:?set it with --build-arg}", "UNSET: set it with --build-arg"),
        (r"${V#\a}", "invalid escape"),
        ("${V#a\\", "missing '}'"),
        ("${X:-" * 200 + "}" * 200, "nested deeper"),
    ],
)
def test_error(word: str, fragment: str) -> None:
    where = Place("Dockerfile", 3, 7)
    with pytest.raises(DockerfileError) as caught:
        expand(word, ENV, where=where)
    assert fragment in caught.value.what
    assert caught.value.where == where


def test_doubling_is_bounded() -> None:
    with pytest.raises(DockerfileError, match="longer than"):
        expand("$A$A$A", {"A": "x" * (8 << 20)})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$N", ("8080", "9090")),
        ('"$N"', ("8080 9090",)),
        ("1$N", ("18080", "9090")),
        ("$UNSET", ()),
        ("80${UNSET:-80} 1", ("8080", "1")),
        ("'a b' c\\ d", ("a b", "c d")),
        ('""', ()),
    ],
)
def test_words(word: str, expected: tuple[str, ...]) -> None:
    assert expand_words(word, ENV) == expected


def test_heredoc_bodies_keep_their_quotes() -> None:
    body = "it's \"$V\" \\$V ${UNSET:-'x'}\n"
    assert expand_text(body, ENV) == "it's \"value\" $V 'x'\n"
