from __future__ import annotations

import dataclasses

import pytest

from samebit.lock.difference import diff_locks
from samebit.lock.fetch import LockedFetch, make_key
from samebit.lock.model import BaseReference, Lock, LockedBase, Recipe
from samebit.model.digest import Digest
from samebit.model.lock_difference import ChangeKind, InputChange, LockDifference, SettingChange
from samebit.model.platform import Platform

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
POOL = "http://deb.example/debian/pool/main"


def fetch(url: str, content: str = "", method: str = "GET", **other: object) -> LockedFetch:
    facts: dict[str, object] = {
        "instruction": "0/1", "platforms": (AMD,), "digest": Digest.of((content or url).encode()),
        "size": 1,
    }  # fmt: skip
    accept = other.pop("accept", "")
    return LockedFetch(key=make_key(method, url, accept), **{**facts, **other})  # type: ignore[arg-type]


def lock(*fetches: LockedFetch, bases: tuple[LockedBase, ...] = (), epoch: int = 1) -> Lock:
    recipe = Recipe(ONE, tuple(base.reference for base in bases), None, (AMD,), ())
    return Lock(epoch, recipe, bases, fetches)


def told(old: Lock, new: Lock) -> list[str]:
    difference = diff_locks(old, new)
    assert difference.identical == (old == new)
    assert diff_locks(old, old) == LockDifference()
    return [
        " ".join((change.kind.value, change.ecosystem, change.name,
                  "->".join(",".join(side) for side in (change.old, change.new))))
        for change in difference.inputs
    ]  # fmt: skip


def test_packages_speak_in_versions() -> None:
    old = lock(
        fetch(f"{POOL}/o/openssl/libssl3_3.0.15-1_amd64.deb"),
        fetch(f"{POOL}/z/zlib/zlib1g_1.3-1_amd64.deb"),
        fetch(f"{POOL}/g/gone/gone_1_all.deb"),
        fetch("https://npm.example/a/-/a-1.0.0.tgz"),
        fetch("https://npm.example/a/-/a-2.0.0.tgz"),
        fetch("https://npm.example/b/-/b-weird.tgz"),
    )
    new = lock(
        fetch(f"{POOL}/o/openssl/libssl3_3.0.16-1_amd64.deb"),
        fetch(f"{POOL}/z/zlib/zlib1g_1.3~rc1-1_amd64.deb"),
        fetch(f"{POOL}/n/new/new_1_all.deb"),
        fetch("https://npm.example/a/-/a-2.0.0.tgz"),
        fetch("https://npm.example/a/-/a-10.0.0.tgz"),
        fetch("https://npm.example/a/-/a-9.0.0.tgz"),
        fetch("https://npm.example/b/-/b-odd.tgz"),
    )
    assert told(old, new) == [
        "added deb new:all ->1",
        "removed deb gone:all 1->",
        "upgraded deb libssl3:amd64 3.0.15-1->3.0.16-1",
        "downgraded deb zlib1g:amd64 1.3-1->1.3~rc1-1",
        "changed npm a 1.0.0->9.0.0,10.0.0",
        "changed npm b weird->odd",
    ]


def test_other_bytes_under_one_url_are_suspicious() -> None:
    url = f"{POOL}/o/openssl/libssl3_3.0.15-1_amd64.deb"
    script = "https://get.example/install.sh"
    old, new = lock(fetch(url), fetch(script)), lock(fetch(url, "x"), fetch(script, "x"))
    before, after = Digest.of(url.encode()), Digest.of(b"x")
    assert told(old, new) == [
        f"suspicious deb libssl3:amd64 3.0.15-1 {before}->{after}",
        f"suspicious url {script} {Digest.of(script.encode())}->{after}",
    ]
    assert diff_locks(old, new).inputs[0].urls == (url,)


def test_other_bytes_of_one_package_file_from_elsewhere_are_suspicious() -> None:
    first, second = ("https://a.example/x/-/x-1.0.0.tgz", "https://b.example/x/-/x-1.0.0.tgz")
    found = diff_locks(lock(fetch(first)), lock(fetch(second))).inputs
    assert [(change.kind, change.urls) for change in found] == [
        (ChangeKind.SUSPICIOUS, (first, second))
    ]
    assert not diff_locks(lock(fetch(first, "x")), lock(fetch(second, "x"))).inputs
    # Wheels for two machines are two files.
    wheel = "https://a.example/packages/x-1.0-cp311-cp311-{}.whl"
    assert not diff_locks(
        lock(fetch(wheel.format("linux_x86_64"))), lock(fetch(wheel.format("any")))
    ).inputs


def test_indexes_redirects_and_answers_only_move() -> None:
    release = "http://deb.example/dists/x/InRelease"
    latest = "https://get.example/latest"
    missing = "https://get.example/missing"
    audit = "https://npm.example/-/npm/v1/audit"
    old = lock(
        fetch(release),
        fetch("https://npm.example/a", accept="application/vnd.npm.install-v1+json"),
        fetch(latest, status=302, headers=(("location", "https://get.example/1"),)),
        fetch(missing, status=404),
        fetch(audit, method="POST"),
    )
    new = lock(
        fetch(release, "x"),
        fetch("https://npm.example/a", "x", accept="application/vnd.npm.install-v1+json"),
        fetch(latest, status=302, headers=(("location", "https://get.example/2"),)),
        fetch(missing, status=200),
        fetch(audit, "x", method="POST"),
    )
    assert told(old, new) == [
        f"added url {missing} ->",
        f"moved url {release} ->",
        f"moved url {latest} ->",
        f"moved url {missing} ->",
        f"moved url {audit} ->",
        "moved url https://npm.example/a ->",
    ]


def test_plain_urls_come_and_go() -> None:
    old, new = lock(fetch("https://h.example/a")), lock(fetch("https://h.example/b"))
    assert told(old, new) == [
        "added url https://h.example/b ->",
        "removed url https://h.example/a ->",
    ]


def test_what_says_nothing_about_packages_is_counted() -> None:
    old = lock(fetch("https://h.example/a"), fetch("https://h.example/dists/x/Release"))
    new = lock(fetch("https://h.example/a", headers=(("date", "x"),)))
    found = diff_locks(old, new)
    assert (found.inputs, found.details, found.identical) == ((), 2, False)
    # A second platform that was given what one was given before is no news.
    wide = lock(fetch("https://h.example/a", platforms=(AMD, ARM)))
    assert diff_locks(lock(fetch("https://h.example/a")), wide).details == 1


def test_bases() -> None:
    def bases(*names: str, digest: Digest = ONE) -> tuple[LockedBase, ...]:
        return tuple(LockedBase(name, AMD, digest) for name in names)

    old = lock(bases=bases("a:1", "debian:12", "go:1.22-slim", "same:1", "x:1", "x:2"))
    new = lock(
        bases=(*bases("b:1", "debian:13", "go:1.23", "x:3"), *bases("same:1", digest=TWO)), epoch=2
    )
    assert told(old, new) == [
        f"added base image b:1 (linux/amd64) ->{ONE}",
        f"added base image x:3 (linux/amd64) ->{ONE}",
        f"removed base image a:1 (linux/amd64) {ONE}->",
        f"removed base image x:1 (linux/amd64) {ONE}->",
        f"removed base image x:2 (linux/amd64) {ONE}->",
        "upgraded base image debian (linux/amd64) 12->13",
        "changed base image go (linux/amd64) 1.22-slim->1.23",
        f"changed base image same:1 (linux/amd64) {ONE}->{TWO}",
    ]
    assert diff_locks(old, new).settings == (SettingChange("epoch", "1", "2"),)
    made = LockedBase("a", AMD, None, (ONE, TWO), ONE)
    assert diff_locks(lock(), lock(bases=(made,))).inputs == (
        InputChange(
            ChangeKind.ADDED, "base image", "a (linux/amd64)", (),
            (f"diff ID {ONE}, diff ID {TWO}, made from {ONE}",),
        ),
    )  # fmt: skip


def test_settings() -> None:
    old = dataclasses.replace(lock(), recipe=Recipe(ONE, (), "x", (AMD,), (("A", "1"), ("B", "1"))))
    new = dataclasses.replace(
        lock(), recipe=Recipe(TWO, (BaseReference("d", AMD),), None, (AMD, ARM), (("B", "2"),)),
        bases=(LockedBase("d", AMD, ONE),),
    )  # fmt: skip
    assert [(c.subject, c.old, c.new) for c in diff_locks(old, new).settings] == [
        ("instructions", str(ONE), str(TWO)),
        ("platforms", "linux/amd64", "linux/amd64, linux/arm64"),
        ("build arg B", "'1'", "'2'"),
        ("target", "x", None),
        ("build arg A", "'1'", None),
    ]


@pytest.mark.parametrize("content", ["", "x"])
def test_a_git_checkout_has_its_commit_for_a_version(content: str) -> None:
    url = "https://git.example/r.git#ref=main"
    one, two = (f'"{digit * 40}"' for digit in "12")
    old = lock(fetch(url, method="GIT", headers=(("etag", one),)))
    new = lock(fetch(url, content, method="GIT", headers=(("etag", two),)))
    assert told(old, new) == [f"changed git git.example/r.git (ref=main) {'1' * 40}->{'2' * 40}"]
