"""Private keys: made at random by a package, or brought along."""

from __future__ import annotations

import re
from typing import BinaryIO

from samebit.normalisers.protocol import Detector, Facts

_KINDS = (
    b"PRIVATE KEY",
    b"ENCRYPTED PRIVATE KEY",
    b"RSA PRIVATE KEY",
    b"DSA PRIVATE KEY",
    b"EC PRIVATE KEY",
    b"OPENSSH PRIVATE KEY",
    b"PGP PRIVATE KEY BLOCK",
)
_BEGIN = re.compile(rb"^-----BEGIN (?:" + b"|".join(_KINDS) + rb")-----", re.MULTILINE)
_LARGEST = 1 << 20
# Keys that programs bring for their own tests and documents are public, and nobody's.
_OF_PROGRAMS = re.compile(
    rb"(?:.*/)?(?:tests?|testdata|testing|fixtures|examples?|samples?|node_modules|site-packages"
    rb"|dist-packages|gems)/.*"
    rb"|usr/(?:lib|lib64|libexec|share|src|include)/.*"
    rb"|usr/local/(?:lib|share|go|rustup)/.*",
    re.DOTALL,
)


def _host_key(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    return "is a host key: everyone who has the image can pose as this host" if size else None


def _snake_oil(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    return "is the key of a self-signed certificate, made at random" if size else None


def _pem(source: BinaryIO, size: int, facts: Facts) -> str | None:
    if size > _LARGEST or _OF_PROGRAMS.fullmatch(facts.entry.path):
        return None
    if not _BEGIN.search(source.read(size)):
        return None
    return "is a private key: everyone who has the image has it"


def _any(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    return "is a private key: everyone who has the image has it" if size else None


SSH_HOST_KEYS = Detector(
    name="secret/ssh-host-key",
    paths=(b"etc/ssh/ssh_host_*_key", b"etc/dropbear/dropbear_*_host_key"),
    inspect=_host_key,
    fix="remove /etc/ssh/ssh_host_* in the step that installs the server, and run ssh-keygen -A at"
    " the first start",
    reference="ssh-keygen(1), -A",
)
SNAKE_OIL = Detector(
    name="secret/snake-oil-key",
    paths=(b"etc/ssl/private/ssl-cert-snakeoil.key",),
    inspect=_snake_oil,
    fix="remove /etc/ssl/private/ssl-cert-snakeoil.key and its certificate in the step that"
    " installs ssl-cert, and run make-ssl-cert generate-default-snakeoil at the first start",
    reference="make-ssl-cert(8)",
)
PEM_KEYS = Detector(
    name="secret/private-key",
    paths=(
        b"**/*.key",
        b"**/*.pem",
        b"**/.ssh/id_rsa",
        b"**/.ssh/id_dsa",
        b"**/.ssh/id_ecdsa",
        b"**/.ssh/id_ed25519",
        b"**/.ssh/identity",
    ),
    magic=((0, b"-----BEGIN "), (0, b"Bag Attr"), (0, b"subject=")),
    inspect=_pem,
    fix="give it to the step that needs it with RUN --mount=type=secret, and to the container when"
    " it starts",
    reference="RFC 7468; Dockerfile reference, RUN --mount=type=secret",
)
GPG_KEYS = Detector(
    name="secret/gpg-key",
    paths=(
        b"**/private-keys-v1.d/*.key",
        b"**/.gnupg/secring.gpg",
        b"etc/pacman.d/gnupg/secring.gpg",
    ),
    inspect=_any,
    fix="remove the key ring in the step that makes it (for pacman: rm -r /etc/pacman.d/gnupg), or"
    " use a temporary GNUPGHOME",
    reference="gpg-agent(1), FILES",
)
SERVICE_KEYS = Detector(
    name="secret/service-key",
    paths=(
        b"etc/bind/rndc.key",
        b"etc/rndc.key",
        b"etc/munge/munge.key",
        b"etc/krb5.keytab",
        b"var/lib/rabbitmq/.erlang.cookie",
        b"var/lib/tor/keys/*",
        b"etc/wireguard/*.conf",
        b"var/lib/cloud/seed/**",
    ),
    inspect=_any,
    fix="remove it in the step that makes it, and make it at the first start",
    reference="rndc.conf(5); munge(7)",
)
