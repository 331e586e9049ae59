from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten

CACERTS = named("java/cacerts")
PATH = b"etc/ssl/certs/java/cacerts"
JVM = b"usr/lib/jvm/java-17/lib/security/cacerts"


def entry(alias: str, date: int, certificate: bytes = b"certificate", tag: int = 2) -> bytes:
    name = alias.encode()
    return (
        struct.pack(">IH", tag, len(name))
        + name
        + struct.pack(">qH", date, 5)
        + b"X.509"
        + struct.pack(">I", len(certificate))
        + certificate
    )


def store(*entries: bytes, password: str = "changeit", count: int | None = None) -> bytes:
    number = len(entries) if count is None else count
    content = struct.pack(">III", 0xFEEDFEED, 2, number) + b"".join(entries)
    salt = password.encode("utf-16-be") + b"Mighty Aphrodite"
    return content + hashlib.sha1(salt + content).digest()


def test_dates_and_order() -> None:
    data = store(entry("debian:b", 1795614580123), entry("debian:a", 1795614580125, b"other"))
    assert matches(CACERTS, PATH, data)
    assert matches(named("java/cacerts-of-jdk"), JVM, data)
    wanted = store(entry("debian:a", EPOCH * 1000, b"other"), entry("debian:b", EPOCH * 1000))
    assert rewritten(CACERTS, data, PATH) == wanted


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (store(entry("a", 1), password="secret"), "another password"),
        (store(entry("a", 1), entry("b", 1, tag=1)), "private keys"),
        (store(entry("a", 1), count=2), "private keys"),
        (store(entry("a", 1), count=0), "private keys"),
        (store(entry("a", 1))[:-1] + b"x", "another password"),
    ],
)
def test_what_cannot_be_written_again_is_reported(data: bytes, why: str) -> None:
    facts = facts_of(PATH, data)
    assert rewritten(CACERTS, data, PATH, facts) == data
    assert why in facts.remarks[0]


def test_other_stores_are_left() -> None:
    assert not matches(CACERTS, b"srv/app/keystore.jks", store())
    assert not matches(CACERTS, PATH, b"\x30\x82\x01\x02")
    other = named("java/cacerts-pkcs12")
    data = b"\x30\x82\x01\x02\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
    assert matches(other, PATH, data)
    assert not matches(other, JVM, data), "a JDK brings it: it is the same in every build"
    facts = facts_of(PATH, data)
    assert rewritten(other, data, PATH, facts) == data
    assert "PKCS #12" in facts.remarks[0]
    plain = facts_of(PATH, data[:4])
    assert rewritten(other, data[:4], PATH, plain) == data[:4]
    assert not plain.remarks


def test_keytool_reads_it(tmp_path: Path) -> None:
    if shutil.which("keytool") is None:
        pytest.skip("no Java is installed; tests/corpus/java has it")
    certificate = tmp_path / "c.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null"),
            *("-subj", "/CN=x", "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    made = tmp_path / "store"
    tool = ["keytool", "-keystore", str(made), "-storepass", "changeit", "-noprompt"]
    for alias in ("b", "a"):
        command = [*tool, "-importcert", "-storetype", "JKS", "-alias", alias]
        subprocess.run([*command, "-file", certificate], check=True, capture_output=True)
    made.write_bytes(rewritten(CACERTS, made.read_bytes(), PATH))
    listed = subprocess.check_output([*tool, "-list"], text=True)
    assert "Jan 2, 1980" in listed
    assert "2 entries" in listed
