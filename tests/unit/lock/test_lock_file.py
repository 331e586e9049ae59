from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest

from samebit.errors import MachineError, UsageError
from samebit.lock import toml
from samebit.lock.difference import diff_locks
from samebit.lock.model import BaseReference, Lock, LockedBase, make_recipe
from samebit.lock.staleness import staleness
from samebit.lock.toml import (
    format_lock,
    lock_path,
    parse_lock,
    read_lock,
    temporary_prefix,
    write_lock,
)
from samebit.model.digest import Digest
from samebit.model.normalising import NormaliserChoices, PathRule
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
ONE = Digest.of(b"1")


def make(epoch: int = 1700000000, *, args: dict[str, str] | None = None) -> Lock:
    bases = [LockedBase("debian:12", AMD, ONE), LockedBase("local", AMD, None, (ONE, ONE), ONE)]
    recipe = make_recipe(
        [],
        bases=[BaseReference(b.name, b.platform, b.made_from) for b in bases],
        target="run",
        platforms=[AMD],
        build_args={"VERSION": "1.2"} if args is None else args,
    )
    return Lock(epoch, recipe, tuple(bases))


TEXT = format_lock(make())


def test_the_whole_file() -> None:
    recipe = make().recipe
    expected = f"""\
# Written by samebit: what this image is made from. Commit this file.
canonical-form = 1
environment = 1
epoch = 1700000000
normalisers = 1
version = 1

[recipe]
checksum = "{recipe.checksum}"
instructions = "{recipe.instructions}"
platforms = [
  "linux/amd64",
]
target = "run"

[recipe.build-args]
VERSION = "1.2"

[[base]]
digest = "{ONE}"
name = "debian:12"
platform = "linux/amd64"

[[base]]
diff-ids = [
  "{ONE}",
  "{ONE}",
]
made-from = "{ONE}"
name = "local"
platform = "linux/amd64"
"""
    assert expected == TEXT


def test_the_place_is_beside_the_dockerfile() -> None:
    assert lock_path(Path("a/web.Dockerfile")) == Path("a/web.Dockerfile.lock")
    assert temporary_prefix(Path("a/Dockerfile.lock")) == "Dockerfile.lock.tmp"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("version = 1", "version = 2", 6, "this samebit knows 1 at most"),
        ("canonical-form = 1", "canonical-form = 9", 2, "this samebit knows 1 at most"),
        ("normalisers = 1", "normalisers = 7", 5, "this samebit knows 1 at most"),
        ("environment = 1", "environment = 0", 3, "must be 1 or more"),
        ("environment = 1\n", "", None, "environment is missing"),
        ("epoch = 1700000000", "epoch = -1", 4, "must be from 0"),
        ("epoch = 1700000000", "epoch = 8589934592", 4, "must be from 0"),
        ("epoch = 1700000000", "epoch = '1'", 4, "must be an integer"),
        ("epoch = 1700000000", "epoch = 1.0", 4, "must be an integer"),
        ("epoch = 1700000000", "epoch = true", 4, "must be an integer"),
        ("version = 1", "version = 1\nfetches = 1", 7, "fetches is not a known key"),
        ('target = "run"', 'target = "run"\nlabel = "x"', 15, "recipe.label is not a known key"),
        ('target = "run"', 'target = "walk"', 9, "edited by hand"),
        ('VERSION = "1.2"', 'VERSION = "1.3"', 9, "edited by hand"),
        ('name = "debian:12"', 'name = "debian:13"', 9, "edited by hand"),
        ('name = "debian:12"\n', "", 19, "base[0].name is missing"),
        ('name = "debian:12"', 'name = "local"', 24, "twice"),
        (f'digest = "{ONE}"\n', "", 19, "neither digest nor diff-ids"),
        (f'digest = "{ONE}"', 'digest = "sha256:12"', 20, "not a sha256 digest"),
        (f'digest = "{ONE}"', f'digest = "{ONE}"\nsize = 1', 21, "size is not a known key"),
        ('platform = "linux/amd64"', 'platform = "linux/x86_64"', 22, "written as linux/amd64"),
        ("version = 1", "version = 1\n<<<<<<< HEAD", 7, "merge conflict"),
        ("version = 1", "version = ", 6, "not valid TOML"),
    ],
)
def test_what_we_did_not_write_is_refused(
    *, old: str, new: str, line: int | None, message: str
) -> None:
    assert old in TEXT
    data = TEXT.replace(old, new, 1).encode()
    with pytest.raises(UsageError) as caught:
        parse_lock(data, "Dockerfile.lock")
    assert message in caught.value.what
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == ("Dockerfile.lock", line)
    assert caught.value.exit_code == 2


def test_a_newer_lock_advises_to_upgrade() -> None:
    with pytest.raises(UsageError) as caught:
        parse_lock(TEXT.replace("version = 1", "version = 2").encode(), "Dockerfile.lock")
    assert "upgrade samebit" in (caught.value.fix or "")


def test_order_and_layout_of_a_hand_merged_file_do_not_matter() -> None:
    head, first, second = TEXT.split("[[base]]")
    assert parse_lock(f"{head}[[base]]{second}[[base]]{first}".encode(), "x") == make()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Dockerfile.lock"


def test_no_file_is_no_lock(path: Path) -> None:
    assert read_lock(path) is None


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(UsageError, match="cannot read the lock"):
        read_lock(path)


def test_writing_twice_touches_once(path: Path) -> None:
    assert write_lock(path, make())
    before = path.stat()
    assert not write_lock(path, make())
    assert path.stat().st_ino == before.st_ino
    assert read_lock(path) == make()
    assert write_lock(path, make(2))
    assert os.listdir(path.parent) == [path.name]


def test_a_new_file_obeys_the_umask_and_an_old_one_keeps_its_mode(path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_lock(path, make())
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_lock(path, make(2))
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(old)


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "shared" / "real.lock"
    real.parent.mkdir()
    path.symlink_to(real)
    write_lock(path, make())
    assert path.is_symlink()
    assert read_lock(real) == make()


def test_a_failed_write_leaves_the_old_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lock(path, make())
    names = []

    def full(_: int) -> None:
        names.extend(sorted(os.listdir(path.parent)))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toml.os, "fsync", full)
    with pytest.raises(MachineError, match="No space left"):
        write_lock(path, make(2))
    assert os.listdir(path.parent) == [path.name]
    assert read_lock(path) == make()
    assert names[1].startswith(temporary_prefix(path))


def test_text_that_is_not_utf8_is_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        write_lock(path, make(args={"V": "\udcff"}))
    assert not path.exists()


def test_choices_of_normalisers_are_kept() -> None:
    choices = NormaliserChoices(
        ("a/b", "c/*"), ("srv/**",), (PathRule("x", "remove", "r"), PathRule("y", "revert", "s"))
    )
    recipe = dataclasses.replace(make().recipe, normalising=choices)
    lock = dataclasses.replace(make(), recipe=recipe)
    text = format_lock(lock)
    assert parse_lock(text.encode(), "l") == lock
    assert recipe.checksum != make().recipe.checksum
    assert staleness(make(), recipe) == ("samebit.toml chooses other normalisers",)
    changes = [(one.subject, one.old, one.new) for one in diff_locks(make(), lock).settings]
    assert changes == [
        ("normaliser a/b", None, "off"),
        ("normaliser c/*", None, "off"),
        ("normalising of srv/**", None, "off"),
        ("rule for x", None, "remove: r"),
        ("rule for y", None, "revert: s"),
    ]
    with pytest.raises(UsageError, match="action is 'rewrite'"):
        parse_lock(text.replace('"revert"', '"rewrite"').encode(), "l")


def test_a_lock_of_set_0_is_read_and_kept() -> None:
    text = TEXT.replace("normalisers = 1", "normalisers = 0")
    lock = parse_lock(text.encode(), "l")
    assert lock.normalisers == 0
    assert format_lock(lock) == text


def test_a_folder_that_does_not_exist_is_told_early(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="its folder does not exist"):
        toml.check_writable(tmp_path / "nowhere" / "x.lock")
    toml.check_writable(tmp_path / "x.lock")
