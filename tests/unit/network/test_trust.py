"""What tells clients to trust the recorder."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from samebit.network.authority import Authority
from samebit.network.trust import java_trust_store, trust_variables, write_trust


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("private"))


def test_every_variable_names_a_file_that_is_bound(authority: Authority, tmp_path: Path) -> None:
    trust = write_trust(authority.pem, authority.der, tmp_path, replays=True)
    variables = dict(trust_variables())
    # PHP scans a folder, the one that holds every file, for all that ends in .ini.
    assert variables.pop("PHP_INI_SCAN_DIR") == ":/dev/.samebit"
    assert [path for path in trust.files if path.endswith(".ini")] == ["/dev/.samebit/php.ini"]
    for value in variables.values():
        assert any(path in value for path in trust.files)
    for path in (*trust.files.values(), *(c.source for c in trust.companions)):
        assert path.stat().st_mode & 0o777 == 0o644
    assert b"Check-Valid-Until" in trust.files["/dev/.samebit/apt.conf"].read_bytes()


def test_a_recording_lets_apt_judge_dates(authority: Authority, tmp_path: Path) -> None:
    trust = write_trust(authority.pem, authority.der, tmp_path, replays=False)
    assert b"Check-Valid-Until" not in trust.files["/dev/.samebit/apt.conf"].read_bytes()


def test_no_key_is_left_in_a_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority._context("a.example.org")
    write_trust(authority.pem, authority.der, tmp_path, replays=True)
    for path in tmp_path.iterdir():
        assert b"PRIVATE" not in path.read_bytes()


def test_the_bundle_is_a_bundle(authority: Authority) -> None:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    assert len(context.get_ca_certs()) == 1


def test_java_reads_the_key_store(authority: Authority, tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None:
        pytest.skip("no Java here: tests/e2e/clients has one")
    (tmp_path / "store.jks").write_bytes(java_trust_store(authority.der))
    done = subprocess.run(
        [keytool, "-list", "-keystore", tmp_path / "store.jks", "-storepass", "changeit"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "samebit" in done.stdout
    assert "trustedCertEntry" in done.stdout
