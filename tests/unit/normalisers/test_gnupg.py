from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from normalising import matches, named, rewritten

KEYBOX = named("gnupg/keybox")
TRUST = named("gnupg/trustdb")
PATH = b"root/.gnupg/pubring.kbx"
PARAMETERS = """\
%no-protection
Key-Type: eddsa
Key-Curve: ed25519
Name-Real: {}
Name-Email: e@example.org
Expire-Date: 0
%commit
"""


class Gpg:
    """gpg with home directories below one that is short enough for its sockets."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, home: str, *arguments: str, stdin: str = "", when: str = "") -> str:
        folder = self._root / home
        folder.mkdir(mode=0o700, exist_ok=True)
        faked = ("--faked-system-time", when) if when else ()
        command = ("gpg", "--homedir", folder, "--batch", "--quiet", *faked, *arguments)
        done = subprocess.run(
            command, input=stdin, check=True, capture_output=True, text=True, env=dict(os.environ)
        )
        return done.stdout

    def read(self, home: str, name: str) -> bytes:
        return (self._root / home / name).read_bytes()

    def write(self, home: str, name: str, data: bytes) -> None:
        (self._root / home / name).write_bytes(data)

    def stop(self) -> None:
        for home in self._root.iterdir():
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


@pytest.fixture(scope="module")
def gpg() -> Iterator[Gpg]:
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        tool = Gpg(Path(folder))
        for number in (1, 2):
            tool(f"k{number}", "--gen-key", stdin=PARAMETERS.format(f"Key {number}"))
            keys = tool(f"k{number}", "--armor", "--export")
            for home, when in (("a", "20300101T120000"), ("b", "20300202T130000")):
                tool(home, "--import", stdin=keys, when=f"{when}!")
        for home, when in (("a", "20300101T120000"), ("b", "20300202T130000")):
            tool(home, "--check-trustdb", when=f"{when}!")
        yield tool
        tool.stop()


def test_two_rings_become_one(gpg: Gpg) -> None:
    one, two = gpg.read("a", "pubring.kbx"), gpg.read("b", "pubring.kbx")
    assert one != two
    assert matches(KEYBOX, PATH, one)
    new = rewritten(KEYBOX, one, PATH)
    assert new == rewritten(KEYBOX, two, PATH)
    listed = gpg("a", "--list-keys", "--with-colons")
    gpg.write("a", "pubring.kbx", new)
    assert gpg("a", "--list-keys", "--with-colons") == listed
    assert "Key 2" in listed


def test_two_trust_databases_become_one(gpg: Gpg) -> None:
    one, two = gpg.read("a", "trustdb.gpg"), gpg.read("b", "trustdb.gpg")
    assert one != two
    assert matches(TRUST, b"root/.gnupg/trustdb.gpg", one)
    assert rewritten(TRUST, one) == rewritten(TRUST, two)


def test_damaged_rings_stay(gpg: Gpg) -> None:
    data = gpg.read("b", "pubring.kbx")
    middle = len(data) // 2
    for bad in (data[:-1], data[:40], data[:middle] + b"\xff" + data[middle + 1 :], data + b"x"):
        assert rewritten(KEYBOX, bad, PATH) == bad


def test_rings_of_other_kinds_are_left() -> None:
    assert not matches(KEYBOX, b"usr/share/keyrings/a.gpg", b"\x98\x33\x04")
    assert not matches(KEYBOX, b"srv/pubring.kbx", b"\0\0\0 \1\1\0\2KBXf")
