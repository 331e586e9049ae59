"""Bases that are recorded, and made again from the lock and its bytes alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from command_output import Failure, read_failure
from fake_internet import Page, fake_internet
from loopback_registry import LoopbackRegistry
from offline_builds import offline
from ordinary_user import can_read_this_checkout, give, new_folder, samebit_of_user
from samebit_command import Samebit

from samebit.debian.recipe import DebianBase
from samebit.lock.fetch import LockedFetch, make_key
from samebit.lock.model import Lock, LockedBase, make_recipe
from samebit.lock.toml import read_lock, write_lock
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed"),
]

WORDS = ("base", "debian", "--suite", "bookworm", "--variant", "essential", "--progress", "plain")
RECIPE = DebianBase("bookworm", "essential")
TOML = '[bases."debian.local/small:1"]\nsuite = "bookworm"\nvariant = "essential"\n'


def lock_at(path: Path) -> Lock:
    found = read_lock(path)
    assert found is not None
    return found


def a_lock(*fetches: LockedFetch, name: str = "debian") -> Lock:
    """Give the lock of a base that nobody has made."""
    here = Platform.native()
    base = LockedBase(name, here, Digest.of(b"some image"), (), RECIPE.checksum)
    recipe = make_recipe((), bases=[base.reference], target=None, platforms=[here], build_args={})
    return Lock(315619200, recipe, (base,), fetches)


def bytes_only(lock: Path, store: Path, home: Path) -> Samebit:
    """Give a samebit whose state is nothing but the recorded bytes of a lock."""
    new = Store(home / "store")
    for fetch in lock_at(lock).fetches:
        with Store(store).open_verified(fetch.digest) as stream:
            assert new.put(stream.read()) == fetch.digest
    return Samebit(home)


def failure(done: subprocess.CompletedProcess[str]) -> Failure:
    assert done.stdout == ""
    return read_failure(done.returncode, done.stderr, progress=True)


def a_package(lock: Lock) -> LockedFetch:
    return next(f for f in lock.fetches if re.search(r"/dash_[^/]*\.deb$", f.key.url))


def test_what_is_not_in_the_lock_is_a_miss(samebit: Samebit, tmp_path: Path) -> None:
    lock = tmp_path / "base.lock"
    write_lock(lock, a_lock())
    before = lock.read_bytes()
    failed = failure(offline(samebit, *WORDS, "--lock", lock))
    assert (failed.status, failed.code) == (4, "lock")
    assert re.fullmatch(
        r"base image debian: GET http://\S+/dists/\S+/InRelease is not in the lock", failed.what
    )
    assert failed.where == str(lock)
    assert f"{RECIPE.command()} --lock {lock} --update" in failed.fix
    assert lock.read_bytes() == before

    # Of another recipe nothing is made, and no Dockerfile's lock is overwritten.
    failed = failure(samebit.run(*WORDS, "--include", "tzdata", "--lock", lock))
    assert (failed.status, failed.code) == (4, "lock")
    assert "is of another base" in failed.what
    write_lock(lock, a_lock(name="debian:12"))
    failed = failure(samebit.run(*WORDS, "--lock", lock, "--update"))
    assert failed.status == 2
    assert "the lock of a Dockerfile" in failed.what
    assert samebit.run(*WORDS, "--update").returncode == 2


def test_the_bytes_of_a_base_are_published_and_brought(
    samebit: Samebit, registry: LoopbackRegistry, tmp_path: Path
) -> None:
    body = b"Package: dash\n" * 100
    lock = tmp_path / "base.lock"
    fetch = LockedFetch(
        key=make_key("GET", "http://deb.example.org/debian/pool/dash_1_all.deb"),
        instruction="base debian",
        platforms=(Platform.native(),),
        digest=Store(samebit.home / "store").put(body),
        size=len(body),
    )
    write_lock(lock, a_lock(fetch))
    name = f"{registry.address}/base/inputs:1"
    done = samebit.run("inputs", "push", name, "--lock", lock)
    assert done.returncode == 2
    assert "--origin http://deb.example.org" in done.stderr
    origin = ("--origin", "http://deb.example.org")
    done = samebit.run("inputs", "push", name, "--lock", lock, *origin)
    assert done.returncode == 0, done.stderr
    new = samebit.with_home(tmp_path / "new")
    assert new.run("inputs", "verify", lock).returncode == 5
    done = new.run("inputs", "pull", "--lock", lock)
    assert done.returncode == 0, done.stderr
    assert new.run("inputs", "verify", lock).returncode == 0
    assert Store(new.home / "store").read(fetch.digest) == body


def test_apt_trusts_the_recorder_for_an_archive_with_tls(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "samebit.toml").write_text(TOML + 'mirror = "https://deb.example.org/debian"\n')
    (context / "Dockerfile").write_text("\n\nFROM debian.local/small:1\n")
    index = "https://deb.example.org/debian/dists/bookworm/InRelease"
    with fake_internet(tmp_path / "internet") as internet:
        internet.pages[index] = Page(b"nobody has signed this\n")
        user = Samebit(samebit.home, internet.environment)
        failed = failure(user.run("build", "--progress", "plain", context))
        assert internet.asked(index) == 1
    assert (failed.status, failed.code) == (5, "input")
    assert failed.where.endswith("Dockerfile:3:1")
    assert failed.what.startswith("base image debian.local/small:1: ")
    assert "certificate" not in " ".join(failed.detail)
    assert not (context / "Dockerfile.lock").exists()


@pytest.mark.prove
def test_recorded_once_and_made_again_from_the_lock_alone(tmp_path: Path) -> None:
    lock = tmp_path / "base.lock"
    recording = Samebit(tmp_path / "recording")
    done = recording.run(*WORDS, "--lock", lock)
    assert done.returncode == 0, done.stderr
    assert f"wrote {lock}" in done.stderr
    first = done.stdout
    # How it was fetched shows in nothing.
    assert recording.run(*WORDS).stdout == first
    text = lock.read_bytes()
    assert text.count(b'instruction = "base debian"') == text.count(b"[[fetch]]") > 20
    store = recording.home / "store"

    cold = bytes_only(lock, store, tmp_path / "cold")
    done = offline(cold, *WORDS, "--lock", lock)
    assert (done.returncode, done.stdout) == (0, first), done.stderr
    assert lock.read_bytes() == text

    # One byte of a package is another one; the rest of the store is as it was.
    package = a_package(lock_at(lock))
    damaged = bytes_only(lock, store, tmp_path / "damaged")
    blob = damaged.home / "store" / "blobs" / "sha256" / package.digest.hex
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    failed = failure(offline(damaged, *WORDS, "--lock", lock))
    assert (failed.status, failed.code) == (5, "input")
    assert str(package.key) in failed.what
    assert not blob.exists()
    done = damaged.run(*WORDS, "--lock", lock)
    assert (done.returncode, done.stdout) == (0, first), done.stderr

    # One fetch is not in the lock.
    known = lock_at(lock)
    write_lock(lock, replace(known, fetches=tuple(f for f in known.fetches if f != package)))
    failed = failure(offline(cold, *WORDS, "--lock", lock))
    assert (failed.status, failed.code) == (4, "lock")
    assert failed.what == f"base image debian: {package.key} is not in the lock"
    assert failed.where == str(lock)


@pytest.mark.prove
def test_a_base_of_samebit_toml_is_made_again_from_the_lock_alone(
    samebit: Samebit, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "samebit.toml").write_text(TOML)
    (context / "Dockerfile").write_text(
        "FROM debian.local/small:1\nRUN dpkg-query -W dpkg > /out\n"
    )
    own = samebit.with_home(tmp_path / "own")
    first = own.build(context)
    lock = context / "Dockerfile.lock"
    text = lock.read_bytes()
    assert b'instruction = "base debian.local/small:1"' in text
    cold = bytes_only(lock, own.home / "store", tmp_path / "cold")
    done = offline(cold, "build", "--progress", "plain", "--locked", context)
    assert (done.returncode, done.stdout.strip()) == (0, first), done.stderr
    assert lock.read_bytes() == text

    package = a_package(lock_at(lock))
    known = lock_at(lock)
    write_lock(lock, replace(known, fetches=tuple(f for f in known.fetches if f != package)))
    again = bytes_only(lock, own.home / "store", tmp_path / "again")
    failed = failure(offline(again, "build", "--progress", "plain", context))
    assert (failed.status, failed.code) == (4, "lock")
    assert failed.what == f"base image debian.local/small:1: {package.key} is not in the lock"
    assert failed.where.endswith("Dockerfile:1:1")
    assert "samebit lock" in failed.fix


@pytest.mark.prove
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_an_ordinary_user_gets_the_same(tmp_path: Path) -> None:
    if not can_read_this_checkout():
        pytest.skip("the ordinary user cannot read this checkout")
    theirs = new_folder("base")
    give(theirs)
    own = samebit_of_user(theirs / "state")
    digests = []
    for _ in ("recorded", "replayed"):
        done = own.run(*WORDS, "--lock", theirs / "base.lock", cwd=theirs)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout)
    assert len(set(digests)) == 1
    lock = tmp_path / "base.lock"
    shutil.copy(theirs / "base.lock", lock)
    as_root = bytes_only(lock, own.home / "store", tmp_path / "root")
    assert offline(as_root, *WORDS, "--lock", lock).stdout == digests[0]
