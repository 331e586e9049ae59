"""Another copy of a context holds the same for a build, and looks different to everything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from samebit.context.ignore import NO_RULES, read_ignore
from samebit.context.stage import Modes, digest_context
from samebit.pipeline.varied_context import copy_context
from samebit.variations.protocol import ContextConditions

ALL = ContextConditions(moved=True, times=True, owner=True, modes=True, attributes=True, order=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_text("file")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("deep/er/file")
    (folder / "empty").mkdir()
    (folder / os.fsdecode(b"not-\xff-text")).write_text("x")
    return folder


def test_every_copy_has_the_digest_of_the_original(context: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    expected = digest_context(context, NO_RULES)
    for number, conditions in enumerate((ContextConditions(moved=True), ALL)):
        copy = tmp_path / f"copy-{number}"
        copy_context(context, NO_RULES, copy, conditions)
        assert digest_context(copy, NO_RULES) == expected


def test_what_is_not_varied_is_kept(context: Path, tmp_path: Path) -> None:
    os.utime(context / "run", (5, 5))
    copy_context(context, NO_RULES, tmp_path / "copy", ContextConditions(moved=True))
    before, after = (context / "run").stat(), (tmp_path / "copy" / "run").stat()
    assert (before.st_mode, before.st_mtime, before.st_uid) == (
        after.st_mode,
        after.st_mtime,
        after.st_uid,
    )
    kept = digest_context(context, NO_RULES, modes=Modes.KEEP)
    assert digest_context(tmp_path / "copy", NO_RULES, modes=Modes.KEEP) == kept


def test_each_condition_shows(context: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    copy = tmp_path / "copy"
    copy_context(context, NO_RULES, copy, ALL)
    before, after = (context / "run").stat(), (copy / "run").stat()
    assert before.st_mtime != after.st_mtime
    assert before.st_uid != after.st_uid
    assert after.st_mode & 0o777 == 0o770
    assert (copy / "deep" / "er" / "file").stat().st_mode & 0o777 == 0o660
    assert digest_context(copy, NO_RULES, modes=Modes.KEEP) != digest_context(
        context, NO_RULES, modes=Modes.KEEP
    )


def test_what_is_ignored_or_excluded_is_not_copied(context: Path, tmp_path: Path) -> None:
    (context / ".dockerignore").write_text("deep\n")
    rules = read_ignore(context, context / "Dockerfile")
    conditions = ContextConditions(moved=True, order=True)
    copy_context(context, rules, tmp_path / "copy", conditions, [context / "run"])
    names = {path.name for path in (tmp_path / "copy").iterdir()}
    assert "deep" not in names
    assert "run" not in names
    assert "empty" in names
