"""How each client inside RUN learns to trust the run's authority: files and variables.

The files are bound below /dev/.samebit, which leaves nothing in the image. A variable is set only
where the Dockerfile and the base do not set it: what they say goes, and is told as a finding. dnf
knows no variable and gets a plugin beside its own; the shim removes what it makes for that.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = "/dev/.samebit"
BUNDLE = f"{DIRECTORY}/ca.pem"
"""The authority's certificate."""
_APT = f"{DIRECTORY}/apt.conf"
_PHP = f"{DIRECTORY}/php.ini"
_WGETRC = f"{DIRECTORY}/wgetrc"
_JAVA = f"{DIRECTORY}/java.jks"
# Where each distribution has dnf's own module: plugins are looked for beside it.
_DNF = ("/usr/lib/python3*/dist-packages/dnf", "/usr/lib/python3*/site-packages/dnf")
_DNF_PLUGIN = f"""\
import os

import dnf


class Trust(dnf.Plugin):
    name = "samebit-trust"

    def config(self):
        if not self.base.conf.sslcacert:
            self.base.conf.sslcacert = "{BUNDLE}"


# Python has just written it.
try:
    os.unlink(__cached__)
    os.rmdir(os.path.dirname(__cached__))
except (NameError, OSError, TypeError):
    pass
"""

# Whose trust a variable decides, in the order of the names.
_BUNDLE_VARIABLES = (
    "AWS_CA_BUNDLE",
    "BUNDLE_SSL_CA_CERT",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "DENO_CERT",
    "GIT_SSL_CAINFO",
    "HEX_CACERTS_PATH",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    # Of npm, pnpm and yarn 1: an npmrc that names a bundle would win over Node's.
    "NPM_CONFIG_CAFILE",
    "PERL_LWP_SSL_CA_FILE",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    # libfetch: apk.
    "SSL_CA_CERT_FILE",
    # OpenSSL, Go, Ruby, uv.
    "SSL_CERT_FILE",
    # Yarn from 2 on.
    "YARN_HTTPS_CA_FILE_PATH",
)
_VARIABLES: Mapping[str, str] = {
    **dict.fromkeys(_BUNDLE_VARIABLES, BUNDLE),
    "APT_CONFIG": _APT,
    "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={_JAVA}"
    " -Djavax.net.ssl.trustStoreType=jks -Djavax.net.ssl.trustStorePassword=changeit",
    # PHP's curl looks at no variable. The empty first part is PHP's own folder.
    "PHP_INI_SCAN_DIR": f":{DIRECTORY}",
    # Wget 2, which is Fedora's wget.
    "SYSTEM_WGET2RC": _WGETRC,
    "SYSTEM_WGETRC": _WGETRC,
}
_JKS_MAGIC, _JKS_VERSION, _JKS_TRUSTED = 0xFEEDFEED, 2, 2
_JKS_WHITENER = b"Mighty Aphrodite"
_JKS_PASSWORD = "changeit"  # noqa: S105 - what every Java trust store has


@dataclass(frozen=True, slots=True)
class Companion:
    """A file for a program that no variable tells: bound only into steps that have the program.

    `program` is a directory inside, one of whose names may end in `*`; `path` is relative to the
    directory that holds it.
    """

    program: str
    path: str
    source: Path


@dataclass(frozen=True, slots=True)
class Trust:
    """What is bound into steps, by path inside, and what is set where it is absent."""

    files: Mapping[str, Path]
    variables: Mapping[str, str]
    companions: tuple[Companion, ...]


def trust_variables() -> Mapping[str, str]:
    """Give the variables by which clients are told."""
    return _VARIABLES


def write_trust(pem: bytes, der: bytes, folder: Path, *, replays: bool) -> Trust:
    """Write the files for an authority below `folder`, readable by everyone in a step.

    A replay may be years later: then apt must not judge an index by its date.
    """
    apt = f'Acquire::https::CaInfo "{BUNDLE}";\n'
    if replays:
        apt += 'Acquire::Check-Valid-Until "false";\n'
    contents = {
        BUNDLE: pem,
        _APT: apt.encode("ascii"),
        _PHP: f'curl.cainfo = "{BUNDLE}"\n'.encode("ascii"),
        # The file takes the place of /etc/wgetrc, in which Debian and others say nothing.
        _WGETRC: f"ca_certificate = {BUNDLE}\n".encode("ascii"),
        _JAVA: java_trust_store(der),
    }
    files = {
        inside: _place(folder, inside.rpartition("/")[2], content)
        for inside, content in contents.items()
    }
    plugin = _place(folder, "samebit_trust.py", _DNF_PLUGIN.encode("ascii"))
    companions = tuple(Companion(program, f"dnf-plugins/{plugin.name}", plugin) for program in _DNF)
    return Trust(files, _VARIABLES, companions)


def _place(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def java_trust_store(der: bytes) -> bytes:
    """Give a JKS key store of one trusted certificate, readable by every Java since 1.2."""
    alias = b"samebit"
    store = (
        struct.pack("!III", _JKS_MAGIC, _JKS_VERSION, 1)
        + struct.pack("!IH", _JKS_TRUSTED, len(alias))
        + alias
        + struct.pack("!QH", 0, len(b"X.509"))
        + b"X.509"
        + struct.pack("!I", len(der))
        + der
    )
    seal = hashlib.sha1(usedforsecurity=False)
    seal.update(_JKS_PASSWORD.encode("utf-16-be") + _JKS_WHITENER + store)
    return store + seal.digest()
