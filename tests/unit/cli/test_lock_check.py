from __future__ import annotations

from pathlib import Path

import pytest
from command_output import CommandLine

from samebit.dockerfile.parser import parse
from samebit.lock.model import BaseReference, Lock, LockedBase, make_recipe
from samebit.lock.toml import write_lock
from samebit.model.digest import Digest
from samebit.model.platform import Platform

# Nothing listens there: whoever asks it for a base fails.
BASE = "127.0.0.1:1/base:1"
TEXT = f"FROM {BASE}\nARG A\nRUN make\n"


@pytest.fixture
def locked(context: Path) -> Path:
    """A context whose lock is fresh and whose base is nowhere."""
    (context / "Dockerfile").write_text(TEXT)
    write(context, bases=(BASE,), build_args={})
    return context


def write(context: Path, *, bases: tuple[str, ...], build_args: dict[str, str]) -> None:
    native = Platform.native()
    recipe = make_recipe(
        parse(TEXT, "Dockerfile").instructions,
        bases=[BaseReference(name, native) for name in bases],
        target=None,
        platforms=[native],
        build_args=build_args,
    )
    pinned = tuple(LockedBase(name, native, Digest.of(name.encode())) for name in bases)
    write_lock(context / "Dockerfile.lock", Lock(1, recipe, pinned))


def test_a_fresh_lock_is_checked_without_its_base(command_line: CommandLine, locked: Path) -> None:
    command_line.succeed("lock", "--check", locked)
    assert not list((command_line.home / "store" / "blobs" / "sha256").iterdir())


def test_what_a_trigger_of_an_unknown_base_may_use_is_no_reason(
    command_line: CommandLine, context: Path
) -> None:
    (context / "Dockerfile").write_text(TEXT)
    write(context, bases=(BASE, "127.0.0.1:1/tools:1"), build_args={"B": "1"})
    command_line.succeed("lock", "--check", "--build-arg", "B=1", context)
    failed = command_line.fail("lock", "--check", "--build-arg", "B=2", context)
    assert failed.status == 4
    assert "build arg B is in the lock but not used any more" in failed.detail


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--build-arg", "A=1"), "build arg A is not in the lock"),
        (("--source-date-epoch", "2"), "--source-date-epoch is 2, but the lock says 1"),
        (("--platform", "linux/s390x"), "the platforms are linux/s390x"),
    ],
)
def test_a_stale_one_is_told(
    command_line: CommandLine, locked: Path, options: tuple[str, ...], words: str
) -> None:
    failed = command_line.fail("lock", "--check", *options, locked)
    assert failed.status == 4
    assert words in "\n".join((failed.what, *failed.detail))


def test_other_instructions_and_another_base_are_told(
    command_line: CommandLine, locked: Path
) -> None:
    (locked / "Dockerfile").write_text(TEXT.replace("base:1", "base:2"))
    said = command_line.fail("lock", "--check", locked).detail
    assert "the Dockerfile's instructions changed" in said
    assert any("127.0.0.1:1/base:2" in line for line in said)


def test_no_lock_is_told(command_line: CommandLine, context: Path) -> None:
    failed = command_line.fail("lock", "--check", context)
    assert (failed.status, failed.where) == (4, "ctx/Dockerfile.lock")
    assert "there is no lock" in failed.what
