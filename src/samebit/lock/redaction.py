"""URLs as a lock may hold them: normalised, and without what only one person may know.

docs/lock.md, "URLs" is the normative text: a redacted URL is the same in every run, so that a
request with another token, or a redirect signed anew, still finds what was recorded.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from samebit.errors import InputError

REDACTED = "REDACTED"
"""What stands in place of a secret value."""

_SECRET_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_SIGNATURES = frozenset({"sig", "signature", "sign", "hmac", "q-signature"})
_SECRETS = _SIGNATURES | frozenset(
    {
        "access_key", "access_token", "accesskey", "accesstoken", "api-key", "api_key", "apikey",
        "auth", "auth_token", "authorization", "authtoken", "awsaccesskeyid", "bearer",
        "client_secret", "credential", "deploy_token", "feed_token", "googleaccessid", "hdnea",
        "hdnts", "id_token", "job_token", "jwt", "key", "key-pair-id", "oauth_token",
        "ossaccesskeyid", "passwd", "password", "personal_access_token", "private_token", "pwd",
        "refresh_token", "rss_token", "secret", "session", "session_id", "session_token",
        "sessionid", "subscription-key", "token", "verify",
    }
)  # fmt: skip
# Times, rights and keys that signed addresses name beside the signature; alone they say what is
# asked for and stay.
_BESIDE_SIGNATURE = frozenset(
    {
        "expires", "expiry", "keyname", "policy", "q-ak", "q-header-list", "q-key-time",
        "q-sign-algorithm", "q-sign-time", "q-url-param-list", "se", "ske", "skoid", "sks", "skt",
        "sktid", "skv", "sp", "spr", "sr", "st", "sv",
    }
)  # fmt: skip
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]*))?\Z")
_PLAIN = frozenset(range(0x21, 0x7F))
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Conda's servers take a token at the path's begin: two letters and a UUID, or many characters.
_PATH_TOKEN = re.compile(r"^/t/(?:[A-Za-z]{2}-[0-9A-Fa-f-]{12,}|[A-Za-z0-9_-]{32,}|REDACTED)/")
_IN_TEXT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#'\"]*@)?([^\s?#'\"]*)(\?[^\s#'\"]*)?")
_LINK = re.compile(r"<([^>]*)>")


def redact_url(url: str) -> str:
    """Give an absolute URL as a lock holds it; of its own results nothing changes.

    Scheme and host in lower case, the scheme's own port left out, an empty path as `/`; no user,
    password or fragment; secret values replaced (`is_secret`). Percent-encoding stays as it was
    sent; a byte that no URL may hold is percent-encoded. Raises InputError for what is no URL with
    a host.
    """
    match = _URL.match(url)
    if match is None:
        raise _malformed(url)
    scheme = match[1].lower()
    query = match[4] or ""
    return f"{scheme}://{_host(url, scheme, match[2])}{_path(match[3])}{redact_query(query)}"


def redact_location(value: str) -> str:
    """Give a redirect's target, absolute or relative, redacted as `redact_url` does.

    A client that follows it asks for exactly the URL whose redacted form was recorded. A fragment
    is redacted as a query is.
    """
    rest, hash_mark, fragment = value.partition("#")
    fragment = hash_mark + redact_query(f"?{fragment}")[1:]
    try:
        return redact_url(rest) + fragment
    except InputError:
        pass
    path, mark, query = rest.partition("?")
    if path.startswith("//"):
        # Without a scheme, user and password may stand before the host all the same.
        authority, slash, below = path[2:].partition("/")
        path = f"//{authority.rpartition('@')[2]}{slash}{below}"
    return _plain(path) + redact_query(mark + query) + fragment


def redact_links(value: str) -> str:
    """Give a `Link` header (RFC 8288) with every target redacted."""
    return _LINK.sub(lambda match: f"<{redact_location(match[1])}>", value)


def redact_text(text: str) -> str:
    """Give a text, for people to read, without the secrets of the addresses in it."""
    return _IN_TEXT.sub(lambda match: match[1] + match[2] + redact_query(match[3] or ""), text)


def redact_query(query: str) -> str:
    """Give a query, its `?` included, with secret values replaced; names and order stay."""
    if not query:
        return ""
    text = query.removeprefix("?")
    names = [_name(piece) for piece in re.split("[&;]", text)]
    signed = any(name in _SIGNATURES or name.endswith("-signature") for name in names)
    pieces = [_redact_piece(piece, signed=signed) for piece in text.split("&")]
    return "?" + _plain("&".join(pieces))


def is_secret(name: str, *, signed: bool) -> bool:
    """Tell whether a query parameter's value is kept out; `signed`: a signature stands beside it.

    `name` is decoded and in lower case.
    """
    if name.startswith(_SECRET_PREFIXES) or name in _SECRETS:
        return True
    return signed and name in _BESIDE_SIGNATURE


def origin_of(url: str) -> str:
    """Give `scheme://host[:port]` of a redacted URL: what a lock updates and publishes as one."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}"


def _redact_piece(piece: str, *, signed: bool) -> str:
    """Redact what stands between two ampersands: a semicolon may divide parameters or be a value's.

    From the first secret on nothing is kept, because it may all be its value.
    """
    kept: list[str] = []
    for part in piece.split(";"):
        name, equals, _ = part.partition("=")
        if equals and is_secret(_name(part), signed=signed):
            return ";".join([*kept, f"{name}={REDACTED}"])
        kept.append(part)
    return piece


def _host(url: str, scheme: str, authority: str) -> str:
    match = _HOST.match(authority.rpartition("@")[2])
    if match is None:
        raise _malformed(url)
    host, port = match[1].lower(), (match[2] or "").lstrip("0")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise _malformed(url) from None
    if not all(ord(character) in _PLAIN for character in host):
        raise _malformed(url)
    return f"{host}:{port}" if port and port != _DEFAULT_PORTS.get(scheme) else host


def _path(path: str) -> str:
    return _plain(_PATH_TOKEN.sub(f"/t/{REDACTED}/", path or "/"))


def _name(piece: str) -> str:
    raw = piece.partition("=")[0].replace("+", " ")
    return unquote_to_bytes(raw.encode("utf-8", "surrogateescape")).decode("latin-1").lower()


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data)


def _malformed(url: str) -> InputError:
    # Never the whole: what is malformed cannot be redacted with certainty.
    shown = re.split("[?#]", url, maxsplit=1)[0].rpartition("@")[2]
    return InputError(f"not an absolute URL: {shown[:200]!a}", fix="check the address")
