from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import UsageError
from samebit.model.digest import Digest
from samebit.model.reference import Reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        ("library/debian", "docker.io/library/debian:latest"),
        ("me/tool", "docker.io/me/tool:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/debian", "docker.io/library/debian:latest"),
        ("docker.io/me/tool:1", "docker.io/me/tool:1"),
        ("localhost/tool", "localhost/tool:latest"),
        ("localhost:5000/tool:1", "localhost:5000/tool:1"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
        ("registry.example.org/a/b/c:v1.0", "registry.example.org/a/b/c:v1.0"),
        ("registry.example.org:443/a", "registry.example.org:443/a:latest"),
        ("[::1]:5000/a:b", "[::1]:5000/a:b"),
        ("Host/a", "Host/a:latest"),
        ("debian.local/go:1", "debian.local/go:1"),
        (f"debian@sha256:{HEX}", f"docker.io/library/debian@sha256:{HEX}"),
        (f"debian:12@sha256:{HEX}", f"docker.io/library/debian:12@sha256:{HEX}"),
        (f"h.example.org:5000/a:b@sha256:{HEX}", f"h.example.org:5000/a:b@sha256:{HEX}"),
        ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest"),
        ("a:_X.y-Z", "docker.io/library/a:_X.y-Z"),
        (f"me/{HEX}", f"docker.io/me/{HEX}:latest"),
    ],
)
def test_references(text: str, full: str) -> None:
    assert str(Reference.parse(text)) == full
    assert str(Reference.parse(full)) == full


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Debian", "must be lower case: 'Debian'"),
        ("me/Tool", "must be lower case: 'Tool'"),
        ("debian:", "'' is not a tag"),
        ("debian:a b", "'a b' is not a tag"),
        ("debian:-x", "is not a tag"),
        ("debian:" + "x" * 129, "is not a tag"),
        ("debian@", "not a sha256 digest"),
        ("debian@md5:00", "not a sha256 digest"),
        (f"debian@sha256:{HEX.upper()}", "not a sha256 digest"),
        ("/debian", "empty"),
        ("debian/", "empty"),
        ("a//b", "empty"),
        ("a/.b", "cannot be part"),
        ("a___b", "cannot be part"),
        ("a..b", "cannot be part"),
        ("-a", "cannot be part"),
        (" debian", "cannot be part"),
        ("debian\n", "cannot be part"),
        ("déb", "cannot be part"),
        ("example.org/", "repository is missing"),
        ("-x.example.org/a", "not a registry host"),
        ("host:port/a", "not a registry host"),
        ("https://example.org/a", "not a registry host"),
        (HEX, "image ID"),
        ("x/" * 130 + "x", "longer than 255"),
    ],
)
def test_malformed(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        Reference.parse(text)
    assert caught.value.fix


def test_parts() -> None:
    found = Reference.parse("localhost:5000/a/b:c")
    assert (found.registry, found.repository, found.tag, found.digest) == (
        "localhost:5000",
        "a/b",
        "c",
        None,
    )
    assert found.name == "localhost:5000/a/b"
    assert str(found.with_digest(Digest(HEX))) == f"localhost:5000/a/b:c@sha256:{HEX}"


@given(st.text(max_size=40) | st.from_regex(r"[a-zA-Z0-9./:@_-]{0,30}", fullmatch=True))
def test_whatever_is_accepted_is_stable(text: str) -> None:
    with contextlib.suppress(UsageError):
        found = Reference.parse(text)
        assert Reference.parse(str(found)) == found
