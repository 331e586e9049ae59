"""HTTP_PROXY and its like."""

from __future__ import annotations

import pytest

from samebit.network.proxies import Proxy, UnusableProxyError, choose_proxy, parse_proxy


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("a.example.org", True),
        (".example.org", True),
        ("example.org", True),
        ("*.example.org", True),
        ("A.EXAMPLE.ORG", True),
        ("b.example.org, a.example.org", True),
        ("ample.org", False),
        ("a.example.org:443", True),
        ("a.example.org:80", False),
    ],
)
def test_exceptions(no_proxy: str, direct: bool) -> None:
    environment = {"https_proxy": "http://proxy:3128", "NO_PROXY": no_proxy}
    found = choose_proxy("https", "a.example.org", 443, environment)
    assert (found is None) is direct


def test_exceptions_by_network() -> None:
    environment = {"ALL_PROXY": "proxy", "no_proxy": "10.0.0.0/8"}
    assert choose_proxy("http", "10.1.2.3", 80, environment) is None
    assert choose_proxy("http", "11.1.2.3", 80, environment) == Proxy("http", "proxy", 80)


def test_each_scheme_has_its_own() -> None:
    environment = {"HTTP_PROXY": "http://one:1", "HTTPS_PROXY": "https://two"}
    assert choose_proxy("http", "h", 80, environment) == Proxy("http", "one", 1)
    assert choose_proxy("https", "h", 443, environment) == Proxy("https", "two", 443)


def test_credentials_are_sent_and_never_shown() -> None:
    proxy = parse_proxy("http://me:p%40ss@proxy:3128", "http_proxy")
    assert proxy.authorization == "Basic bWU6cEBzcw=="
    assert "p%40ss" not in repr(proxy)
    assert "bWU6" not in repr(proxy)


@pytest.mark.parametrize("value", ["socks5://user:secret@h:1", "http://user:secret@h:x", "http://"])
def test_what_is_no_http_proxy_is_told_without_its_secret(value: str) -> None:
    with pytest.raises(UnusableProxyError) as caught:
        parse_proxy(value, "all_proxy")
    assert "secret" not in str(caught.value)
    assert "ALL_PROXY" in str(caught.value)
