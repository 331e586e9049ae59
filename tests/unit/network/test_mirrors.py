"""SAMEBIT_MIRRORS."""

from __future__ import annotations

import pytest

from samebit.network.mirrors import UnusableMirrorError, choose_mirror, read_mirrors

TWO = (
    "https://pkg.example.org/=https://me:p%40ss@mirror.example.net:8443/pkg"
    " https://pkg.example.org/simple=http://other.example.net/s/"
)


def test_the_longest_that_fits_is_taken() -> None:
    mirrors = read_mirrors({"SAMEBIT_MIRRORS": TWO})
    found = choose_mirror(mirrors, "https", "PKG.example.org", 443, "/simple/x/?a=b")
    assert found is not None
    assert found.target.authority == "other.example.net"
    assert found.there("/simple/x/?a=b") == "/s/x/?a=b"
    found = choose_mirror(mirrors, "https", "pkg.example.org", 443, "/simplex")
    assert found is not None
    assert found.target.authority == "mirror.example.net:8443"
    assert found.there("/simplex") == "/pkg/simplex"
    for scheme, host, port in (
        ("http", "pkg.example.org", 443),
        ("https", "pkg.example.org", 8443),
        ("https", "a.pkg.example.org", 443),
    ):
        assert choose_mirror(mirrors, scheme, host, port, "/simple/x") is None
    assert read_mirrors({}) == ()


def test_redirects_lead_back() -> None:
    mirror = read_mirrors({"SAMEBIT_MIRRORS": TWO})[-1]
    assert mirror.back("https://mirror.example.net:8443/pkg/a?b") == "https://pkg.example.org/a?b"
    assert mirror.back("/pkg/a") == "https://pkg.example.org/a"
    assert mirror.back("a/b") == "a/b"
    for other in ("/elsewhere", "https://cdn.example.net/a"):
        assert mirror.back(other).endswith(other)
    assert "p%40ss" not in repr(mirror)
    assert mirror.authorization == "Basic bWU6cEBzcw=="
    assert mirror.authorization not in repr(mirror)


@pytest.mark.parametrize(
    "value",
    [
        "https://a.example.org/",
        "https://a.example.org/=ftp://b.example.org/",
        "https://a.example.org/=https://u:secret@b.example.org:x/",
        "https://a.example.org/?secret=https://b.example.org/",
        "=https://b.example.org/",
    ],
)
def test_what_is_no_mirror_is_told_without_its_secret(value: str) -> None:
    with pytest.raises(UnusableMirrorError, match="SAMEBIT_MIRRORS: entry 1") as caught:
        read_mirrors({"SAMEBIT_MIRRORS": value})
    assert "secret" not in str(caught.value)
