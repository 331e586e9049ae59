"""apk over HTTP and HTTPS against a repository of the test's own, with an apk that is given.

Debian has none: SAMEBIT_TEST_APK names a program that was built from apk-tools 3, for a system that
has OpenSSL's and zlib's libraries only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from client_builds import BASE, Client, folder_of, prove_clients, recipe
from fake_internet import Page, fake_internet
from samebit_command import Samebit

APK = os.environ.get("SAMEBIT_TEST_APK", "")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.prove,
    pytest.mark.skipif(not APK, reason="SAMEBIT_TEST_APK names no apk, and Debian has none"),
]

NOTE = "built from apk-tools; a repository of the test's own"
ADD = (
    "/context/apk --initdb --allow-untrusted --no-cache --repositories-file /dev/null"
    " --repository {scheme}://apk-{scheme}.example.org/Packages.adb {words}"
)
CLIENTS = {
    "apk (HTTP)": Client(
        ADD.format(scheme="http", words="--root $PWD/got add hello"), "/context/apk --version", NOTE
    ),
    # Its records are where a system has them, and name a package that has a time for a version.
    "apk (HTTPS)": Client(
        ADD.format(scheme="https", words="add --virtual .own hello") + " && cp /usr/share/hello .",
        "/context/apk --version",
        NOTE,
    ),
}


def make_repository(folder: Path) -> dict[str, bytes]:
    """Give the files of a repository with one package, by name."""
    (folder / "tree/usr/share").mkdir(parents=True)
    (folder / "tree/usr/share/hello").write_text("from the apk\n")
    facts = ("name:hello", "version:1.0-r0", "arch:noarch", "description:says hello")
    info = [word for fact in facts for word in ("--info", fact)]
    package = "hello-1.0-r0.apk"
    for words in (
        ["mkpkg", *info, "--files", "tree", "--output", package],
        ["mkndx", "--allow-untrusted", "--output", "Packages.adb", package],
    ):
        subprocess.run([APK, *words], cwd=folder, check=True)
    return {name: (folder / name).read_bytes() for name in (package, "Packages.adb")}


def test_apk_needs_no_network_a_second_time(clients_base: Samebit, tmp_path: Path) -> None:
    files = make_repository(tmp_path)
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(APK, context / "apk")
    (context / "Dockerfile").write_text(recipe(BASE, CLIENTS))
    with fake_internet(tmp_path / "internet") as internet:
        for scheme in ("http", "https"):
            for name, content in files.items():
                internet.pages[f"{scheme}://apk-{scheme}.example.org/{name}"] = Page(content)
        online = Samebit(clients_base.home, internet.environment)
        image = prove_clients(online, context, CLIENTS)
    for path in ("got/usr/share/hello", "hello"):
        client = "apk (HTTP)" if path.startswith("got") else "apk (HTTPS)"
        assert image.text(f"{folder_of(client)}/{path}") == "from the apk\n"
