from __future__ import annotations

import io

import pytest
from normalising import detector, facts_of

from samebit.image.entry import Entry, Kind
from samebit.model.normalising import NO_CHOICES
from samebit.normalisers.protocol import HEAD
from samebit.normalisers.selection import NormaliserSelection

SELECTION = NormaliserSelection.of(1, NO_CHOICES)
KEY = b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"


def found(path: bytes, data: bytes, base: bytes | None = None) -> dict[str, str]:
    facts = facts_of(path, data, base=None if base is None else {path: base})
    told = {}
    for one in SELECTION.detectors.find(path):
        if one.recognises(data[:HEAD]):
            what = one.inspect(io.BytesIO(data), len(data), facts)
            if what is not None:
                told[one.name] = what
    return told


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        (b"etc/ssh/ssh_host_rsa_key", b"x", "ssh-host-key"),
        (b"etc/ssl/private/ssl-cert-snakeoil.key", KEY, "snake-oil-key"),
        (b"etc/ssl/private/app.key", KEY, "private-key"),
        (b"srv/tls.pem", CERTIFICATE + KEY, "private-key"),
        (b"root/.ssh/id_ed25519", KEY.replace(b"PRIV", b"OPENSSH PRIV"), "private-key"),
        (b"home/a/.ssh/id_rsa", KEY.replace(b"PRIV", b"RSA PRIV"), "private-key"),
        (b"etc/pacman.d/gnupg/private-keys-v1.d/A.key", b"x", "gpg-key"),
        (b"etc/bind/rndc.key", b"x", "service-key"),
        (b"root/.netrc", b"machine x login y password z", "netrc"),
        (b"etc/apt/auth.conf.d/x.conf", b"machine x\nlogin y\npassword z\n", "netrc"),
        (b"root/.git-credentials", b"https://me:token@example.org\n", "git-credentials"),
        (b"srv/.git/config", b"\turl = https://oauth2:token@example.org/x\n", "git-credentials"),
        (b"app/.npmrc", b"//r.example.org/:_authToken=abc\n", "npmrc"),
        (b"root/.docker/config.json", b'{"auths":{"x":{"auth":"abc"}}}', "docker-config"),
        (b"root/.pypirc", b"[x]\npassword = y\n", "pypirc"),
        (b"etc/pip.conf", b"index-url = https://u:p@example.org/simple\n", "pip-config"),
        (b"root/.aws/credentials", b"[default]\naws_secret_access_key = x\n", "cloud"),
        (b"root/.config/gh/hosts.yml", b"x:\n  oauth_token: y\n", "tokens"),
        (b"root/.cargo/credentials.toml", b'[registry]\ntoken = "x"\n', "cargo"),
        (b"root/.gem/credentials", b":rubygems_api_key: x\n", "gem"),
        (b"root/.m2/settings.xml", b"<password>x</password>", "maven"),
    ],
)
def test_a_secret_is_found_and_never_shown(path: bytes, data: bytes, name: str) -> None:
    told = found(path, data)
    assert f"secret/{name}" in told
    assert not any(word in text for text in told.values() for word in ("abc", "MIIE"))


@pytest.mark.parametrize(
    ("path", "data"),
    [
        (b"etc/ssh/ssh_host_rsa_key", b""),
        (b"etc/ssh/ssh_host_rsa_key.pub", b"ssh-rsa x"),
        (b"etc/ssl/certs/app.pem", CERTIFICATE),
        (b"usr/lib/python3/dist-packages/x/tests/key.pem", KEY),
        (b"app/node_modules/x/test/key.pem", KEY),
        (b"usr/share/doc/openssl/key.pem", KEY),
        (b"srv/notes.key", b"the key is under the mat"),
        (b"root/.netrc", b"machine x login y\n"),
        (b"root/.gitconfig", b"[url]\n\tinsteadOf = https://example.org/\n"),
        (b"app/.npmrc", b"//r.example.org/:_authToken=${TOKEN}\nfund=false\n"),
        (b"root/.docker/config.json", b'{"auths":{}}'),
        (b"etc/apt/sources.list", b"deb https://deb.example.org/debian bookworm main\n"),
        (b"etc/pip.conf", b"index-url = https://${USER}:${PASS}@example.org/simple\n"),
        (b"root/.m2/settings.xml", b"<password>${env.X}</password>"),
        (b"root/.cargo/credentials.toml", b""),
    ],
)
def test_what_is_no_secret_is_not_told(path: bytes, data: bytes) -> None:
    assert found(path, data) == {}


def test_passwords_that_the_build_set() -> None:
    base = b"root:$y$old:1:0:99999:7:::\nbin:*:1::::::\n"
    data = base + b"new:$6$salt$hash:2::::::\nlocked:!:2::::::\nbad:!$6$s$h:2::::::\n"
    told = found(b"etc/shadow", data, base)
    assert told == {
        "secret/password-salt": "has the password of bad, new, with a salt that may be random"
    }
    assert found(b"etc/shadow", base, base) == {}
    assert found(b"etc/shadow", base.replace(b"old", b"other"), base) != {}


def test_identities_and_databases() -> None:
    assert "random/identity" in found(b"etc/nvme/hostid", b"uuid")
    assert "random/postgresql-cluster" in found(
        b"var/lib/postgresql/15/main/global/pg_control", b"x"
    )
    assert "random/mysql-data" in found(b"var/lib/mysql/ibdata1", b"x")


def test_very_large_files_are_not_read() -> None:
    one = detector("secret/private-key")
    entry = Entry(b"a.pem", Kind.FILE, 0o644, size=1 << 40)
    assert one.inspect(io.BytesIO(KEY), entry.size, facts_of(b"a.pem", KEY)) is None
