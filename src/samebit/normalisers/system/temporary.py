"""Temporary files whose very names are random, so that no recipe can mean them."""

from __future__ import annotations

import re

from samebit.normalisers.protocol import Action, Normaliser

_PLACES = (b"tmp/", b"var/tmp/")
_NAMES = (
    b"tmp.??????????",
    b"ca-certificates.tmp.??????",
    b"fileutl.message.??????",
    b"apt.conf.??????",
    b"apt.data.??????",
    b"apt.sig.??????",
    b"apt-key-gpghome.??????????",
    b"dpkg-deb.??????",
    b"ccache??????.??????",
    b"cc??????.*",
    b"go-build*",
    b"npm-*-????????",
    b"pip-*-????????",
    b"sh-thd.??????",
    b"v8-compile-cache-*",
)
# What fits by length alone must not be a word that a person chose, such as tmp.production.
_RANDOM = re.compile(
    rb"(?:var/)?tmp/(?:"
    rb"tmp\.(?=(?:[a-z0-9]*[A-Z]){3}|(?=.*[0-9]).*[A-Z])[A-Za-z0-9]{10}"
    rb"|(?:ca-certificates\.tmp|fileutl\.message|apt\.conf|apt\.data|apt\.sig|dpkg-deb|sh-thd)"
    rb"\.[A-Za-z0-9]{6}"
    rb"|apt-key-gpghome\.[A-Za-z0-9]{10}"
    rb"|ccache[A-Za-z0-9]{6}\.[A-Za-z0-9]{6}"
    rb"|cc[A-Za-z0-9]{6}\.(?:s|o|c|i|ii|ld|le|res)"
    rb"|go-build[0-9]+"
    rb"|npm-[0-9]+-[0-9a-f]{8}"
    rb"|pip-[a-z-]+-[a-z0-9_]{8}"
    rb"|v8-compile-cache-[0-9]+"
    rb")(?:/.*)?",
    re.DOTALL,
)

TEMPORARY = Normaliser(
    name="system/temporary",
    action=Action.REMOVE,
    paths=tuple(
        place + name + below for place in _PLACES for name in _NAMES for below in (b"", b"/**")
    ),
    only=_RANDOM,
    why="Left by mktemp, compilers and package managers under a random name, which nothing that is"
    " built from a recipe can refer to. Everything else in /tmp stays.",
    reference="mktemp(1); file-hierarchy(7)",
)
# One name in seventy that mktemp makes does not look random; its mode tells it from chosen names.
# One in six thousand is of small letters only, and stays: it could be a word.
PRIVATE = Normaliser(
    name="system/private-temporary",
    action=Action.REMOVE,
    paths=tuple(place + b"tmp.??????????" + below for place in _PLACES for below in (b"", b"/**")),
    only=re.compile(rb"((?:var/)?tmp/tmp\.(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{10})(?:/.*)?", re.DOTALL),
    private=True,
    why="Left by mktemp under a random name that could be a word, but closed to everybody but its"
    " owner.",
    reference="mktemp(1); file-hierarchy(7)",
)
JVM_COUNTERS = Normaliser(
    name="java/hsperfdata",
    action=Action.REMOVE,
    paths=(b"tmp/hsperfdata_*", b"tmp/hsperfdata_*/*"),
    why="Counters of Java processes that ran during the build, named by their numbers.",
    reference="jps(1); java(1), -XX:+UsePerfData",
)
