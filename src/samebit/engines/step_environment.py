"""What every RUN step finds in its environment beyond what the Dockerfile says."""

from __future__ import annotations

import os

from samebit.engines.protocol import TRUST_PATH
from samebit.errors import InternalError

# One variable for each family of clients: OpenSSL and Go, curl, Python's requests and pip, Node,
# git, cargo. The file is bound into /dev, so nothing of it can stay in the image.
_TRUST = (
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY")


def environment_set(version: int, epoch: int) -> dict[str, str]:
    """Give the variables of an environment set (DESIGN.md 4), each set only where it is absent.

    Version 1: SOURCE_DATE_EPOCH (reproducible-builds.org specification), PYTHONHASHSEED and
    ZERO_AR_DATE. Raises InternalError for a version that does not exist.
    """
    if version != 1:
        raise InternalError(f"there is no environment set {version}")
    return {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "ZERO_AR_DATE": "1"}


def trust_variables() -> dict[str, str]:
    """Point TLS clients at the CA bundle that the shim binds."""
    return dict.fromkeys(_TRUST, TRUST_PATH)


def proxy_variables() -> dict[str, str]:
    """Pass the host's proxies on, in both spellings that programs read."""
    found = {}
    for name in _PROXIES:
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            found[name] = found[name.lower()] = value
    return found
