from __future__ import annotations

import json
from pathlib import Path

import pytest
from json_schema import faults

from samebit.model.lock_difference import ChangeKind, InputChange, LockDifference, SettingChange
from samebit.report.lock_diff_json import lock_diff_json
from samebit.report.lock_diff_text import lock_diff_lines, lock_diff_markdown

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "lock-diff.schema.json").read_text("utf-8")
)
FULL = LockDifference(
    (SettingChange("epoch", "1", "2"), SettingChange("build arg A", None, "'x'"),
     SettingChange("target", "run", None)),
    (
        InputChange(ChangeKind.SUSPICIOUS, "deb", "a:amd64 1", ("sha256:1",), ("sha256:2",),
                    ("http://h/a_1_amd64.deb",)),
        InputChange(ChangeKind.SUSPICIOUS, "url", "http://h/x", ("sha256:1",), ("sha256:2",),
                    ("http://h/x",)),
        InputChange(ChangeKind.ADDED, "npm", "@a/b_c", (), ("1.0.0", "2.0.0")),
        InputChange(ChangeKind.REMOVED, "url", "http://h/y"),
        InputChange(ChangeKind.UPGRADED, "crate", "serde", ("1.0.1",), ("1.0.2",)),
        InputChange(ChangeKind.MOVED, "url", "http://h/dists/x/InRelease"),
    ),
    3,
)  # fmt: skip


@pytest.mark.parametrize("difference", [FULL, LockDifference()])
def test_the_document_is_what_the_schema_says(difference: LockDifference) -> None:
    document = json.loads(lock_diff_json(difference))
    assert faults(document, SCHEMA) == []
    assert document["identical"] == (difference == LockDifference())


def test_one_line_a_change() -> None:
    assert list(lock_diff_lines(FULL)) == [
        "suspicious deb a:amd64 1 sha256:1 -> sha256:2 (http://h/a_1_amd64.deb)",
        "suspicious url http://h/x sha256:1 -> sha256:2",
        "changed setting epoch: 1 -> 2",
        "added setting build arg A: 'x'",
        "removed setting target: run",
        "added npm @a/b_c 1.0.0, 2.0.0",
        "removed url http://h/y",
        "upgraded crate serde 1.0.1 -> 1.0.2",
        "moved url http://h/dists/x/InRelease",
        "3 more fetches differ: indexes asked for or not, headers, steps or platforms",
    ]
    assert list(lock_diff_lines(LockDifference())) == []


def test_markdown() -> None:
    assert (
        "\n".join(lock_diff_markdown(FULL))
        == r"""### Suspicious: other bytes under the same name

| | Name | Before | After |
|---|---|---|---|
| deb | a:amd64 1<br>http://h/a\_1\_amd64.deb | sha256:1 | sha256:2 |
| url | http://h/x | sha256:1 | sha256:2 |

### Added

| | Name | Before | After |
|---|---|---|---|
| npm | \@a/b\_c |  | 1.0.0, 2.0.0 |

### Removed

| | Name | Before | After |
|---|---|---|---|
| url | http://h/y |  |  |

### Upgraded

| | Name | Before | After |
|---|---|---|---|
| crate | serde | 1.0.1 | 1.0.2 |

### Moved indexes, redirects and answers

- http://h/dists/x/InRelease

### Settings of the lock

| Setting | Before | After |
|---|---|---|
| epoch | 1 | 2 |
| build arg A |  | 'x' |
| target | run |  |

3 more fetches differ: indexes asked for or not, headers, steps or platforms."""
    )
    assert list(lock_diff_markdown(LockDifference())) == ["The locks are the same."]


def test_hostile_names_stay_on_their_line() -> None:
    name = "x\n| <b> [a](b) \x1b[2J"
    change = LockDifference((), (InputChange(ChangeKind.ADDED, "url", name),))
    (line,) = lock_diff_lines(change)
    assert line == r"added url x\x0a| <b> [a](b) \x1b[2J"
    text = "\n".join(lock_diff_markdown(change))
    assert r"x\\x0a\| \<b\> \[a\](b) \\x1b\[2J" in text
