"""Addresses as messages may show them."""

from __future__ import annotations


def redact(url: str) -> str:
    """Give the URL without user, password and query values, for messages."""
    import httpx2  # noqa: PLC0415 - it takes 0.1 s, and most builds fetch nothing

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return url.split("?", maxsplit=1)[0]
    query = {"query": b"..."} if parsed.query else {}
    return str(parsed.copy_with(username=None, password=None, fragment=None, **query))
