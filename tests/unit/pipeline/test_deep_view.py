"""`samebit diff --deep` with the real diffoscope."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebit.pipeline.deep_view import DeepView
from samebit.pipeline.diff import diff_images
from samebit.report.diff_html import diff_html
from samebit.report.diff_text import diff_lines

Make = Callable[..., str]
PROGRAM = shutil.which("diffoscope")
pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(PROGRAM is None, reason="diffoscope is not installed"),
]
KEY = b"-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----\n"


def test_what_it_sees_is_told(make: Make, build: Any) -> None:
    words = [gzip.compress(text, mtime=0) for text in (b"one \x1b[31m\n", b"two \x1b[31m\n")]
    a, b = (
        make(name, [build.item("srv/f.gz", data)]) for name, data in zip("ab", words, strict=True)
    )
    report = diff_images(a, b, diffoscope=PROGRAM)
    text = "\n".join(line.text for line in diff_lines(report, None))
    assert "diffoscope: --- a/f.gz" in text
    assert "-one" in text
    assert "+two" in text
    # Nothing of an image steers a terminal.
    assert "\x1b" not in text
    assert "+two" in diff_html(report)
    assert "diffoscope" not in "".join(line.text for line in diff_lines(diff_images(a, b), None))


def test_a_secret_is_not_shown(make: Make, build: Any) -> None:
    keys = [KEY % (letter * 64) for letter in (b"A", b"B")]
    a, b = (
        make(name, [build.item("etc/x.pem", key)]) for name, key in zip("ab", keys, strict=True)
    )
    text = "\n".join(line.text for line in diff_lines(diff_images(a, b, diffoscope=PROGRAM), None))
    assert "AAAA" not in text


@pytest.mark.parametrize("code", [2, 3])
def test_its_failure_is_told(tmp_path: Path, code: int) -> None:
    program = tmp_path / "diffoscope"
    program.write_text(f"#!/bin/sh\necho no such tool >&2\nexit {code}\n")
    program.chmod(0o755)
    for name in "ab":
        (tmp_path / name).write_text(name)
    with open(tmp_path / "a", "rb") as a, open(tmp_path / "b", "rb") as b:
        assert DeepView(str(program), tmp_path).look(b"x", a, b) == (
            "diffoscope failed: no such tool",
        )
