"""apk itself answers the same of a normalised database, with an apk that is given.

Debian has none: SAMEBIT_TEST_APK names a program that was built from apk-tools.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from normalising import facts_of, named, rewritten

APK = os.environ.get("SAMEBIT_TEST_APK", "")
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(not APK, reason="SAMEBIT_TEST_APK names no apk, and Debian has none"),
]

INSTALLED = Path("lib/apk/db/installed")
WORLD = Path("etc/apk/world")
SCRIPTS = (Path("lib/apk/db/scripts.tar"), Path("lib/apk/db/scripts.tar.gz"))
# What a root of its own has no right to run.
CHANGES = ("add", "del", "fix")
QUESTIONS = (
    "info",
    "info -a hello",
    "info -L hello",
    "info -r hello",
    "info --who-owns /usr/bin/hello",
    "info --installed hello .own",
    "info -R .own",
    "list --installed --quiet",
    "audit --full",
    "version",
    "fix --simulate",
    "del --simulate .own",
)


def apk(root: Path, *words: str) -> str:
    scripts = ["--no-scripts"] if {*CHANGES} & {*words} else []
    command = [APK, "--root", root, "--no-network", "--no-cache", *scripts, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def make_package(folder: Path) -> Path:
    tree = folder / "tree/usr/bin"
    tree.mkdir(parents=True)
    (tree / "hello").write_text("#!/bin/sh\necho hello\n")
    (folder / "script").write_text("#!/bin/sh\n")
    facts = ("name:hello", "version:1.0-r0", "arch:noarch", "description:says hello")
    info = [word for fact in facts for word in ("--info", fact)]
    scripts = ["--script", "post-install:script", "--script", "trigger:script", "--trigger", "/usr"]
    package = folder / "hello-1.0-r0.apk"
    words = ["mkpkg", *info, *scripts, "--files", "tree", "--output", package]
    subprocess.run([APK, *words], cwd=folder, check=True)
    return package


def install(root: Path, package: Path) -> None:
    root.mkdir()
    for words in (
        ["--initdb", "add", str(package)],
        ["add", "--virtual", ".own", "hello"],
    ):
        apk(root, "--allow-untrusted", "--repositories-file", "/dev/null", *words)


def normalise(root: Path) -> None:
    database = (root / INSTALLED).read_bytes()
    for name, path in (
        ("alpine/apk-world", WORLD),
        ("alpine/apk-installed", INSTALLED),
        ("alpine/apk-scripts", SCRIPTS[0]),
        ("formats/gzip", SCRIPTS[1]),
    ):
        if not (root / path).exists():
            continue
        data, where = (root / path).read_bytes(), os.fsencode(path)
        facts = facts_of(where, data, layer={os.fsencode(INSTALLED): database})
        (root / path).write_bytes(rewritten(named(name), data, where, facts))
    (root / "var/log/apk.log").unlink(missing_ok=True)
    (root / "lib/apk/db/lock").unlink(missing_ok=True)


def contents(root: Path) -> dict[Path, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root): path.read_bytes() for path in files}


def answers(root: Path) -> list[str]:
    # A virtual package's version is what was rewritten, and a folder's name is in some answers.
    return [
        re.sub(r"\b\d{8}\.\d{6}\b", "VERSION", apk(root, *question.split())).replace(str(root), "")
        for question in QUESTIONS
    ]


def test_apk_answers_the_same(tmp_path: Path) -> None:
    package = make_package(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    install(one, package)
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.05)
    install(two, package)
    assert contents(one) != contents(two)
    before = answers(one)
    assert all(before)
    shutil.copytree(one, tmp_path / "as it was")
    normalise(one)
    normalise(two)
    assert contents(one) == contents(two)
    assert contents(one) != contents(tmp_path / "as it was")
    assert answers(one) == before
    # It goes on from there: the virtual package can be removed.
    apk(one, "del", ".own")
    assert (one / "usr/bin/hello").exists()
    assert b"P:.own" not in (one / INSTALLED).read_bytes()
