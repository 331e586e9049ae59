"""How much two images have in common: each grade, and that the next better one is not given."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from samebit.model.image_difference import Grade
from samebit.pipeline.diff import diff_images

Make = Callable[..., str]
_STATUS = (
    "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: amd64\nDescription: {}\n"
)


def status(name: str, version: str, words: str = "x") -> bytes:
    return _STATUS.format(name, version, words).encode()


@pytest.mark.parametrize(
    ("one", "other", "grade"),
    [
        ({"data": b"x"}, {"data": b"x"}, Grade.BITWISE),
        ({"data": b"x", "mtime": 5}, {"data": b"x", "mtime": 6}, Grade.SAME_FILES),
        ({"data": b"x", "mode": 0o644}, {"data": b"x", "mode": 0o600}, Grade.SAME_FILES),
        ({"data": b"x", "uid": 1}, {"data": b"x", "uid": 2}, Grade.SAME_FILES),
        ({"data": b"x"}, {"data": b"y"}, Grade.DIFFERENT),
        ({"data": b"x", "name": "srv/f"}, {"data": b"x", "name": "srv/g"}, Grade.DIFFERENT),
    ],
)
def test_without_packages(
    make: Make, build: Any, one: dict[str, Any], other: dict[str, Any], grade: Grade
) -> None:
    a, b = (
        make(name, [build.item(**{"name": "srv/f", **fields})])
        for name, fields in (("a", one), ("b", other))
    )
    assert diff_images(a, b).grade is grade


@pytest.mark.parametrize(
    ("path", "records", "grade"),
    [
        (
            "var/lib/dpkg/status",
            (status("libc6", "2.36", "old words"), status("libc6", "2.36", "new words")),
            Grade.SAME_PACKAGES,
        ),
        (
            "var/lib/dpkg/status",
            (status("libc6", "2.36"), status("libc6", "2.37")),
            Grade.DIFFERENT,
        ),
        (
            "lib/apk/db/installed",
            (b"P:musl\nV:1.2\nt:1\n\n", b"P:musl\nV:1.2\nt:2\n\n"),
            Grade.SAME_PACKAGES,
        ),
        (
            "usr/lib/python3/site-packages/click-8.1.dist-info/RECORD",
            (b"click/__init__.py,,\n", b"click/__init__.py,,\nclick/x.pyc,,\n"),
            Grade.SAME_PACKAGES,
        ),
    ],
)
def test_packages(
    make: Make, build: Any, path: str, records: tuple[bytes, bytes], grade: Grade
) -> None:
    a, b = (
        make(name, [build.item(path, data), build.item("srv/f", name.encode())])
        for name, data in zip("ab", records, strict=True)
    )
    assert diff_images(a, b).grade is grade


def test_the_same_after_normalising_only_where_it_was_asked_for(make: Make, build: Any) -> None:
    """A gzip file's time and the entries' times are what normalising takes away."""
    words = b"words " * 9
    a, b = (
        make(name, [build.item("srv/f.gz", gzip.compress(words, mtime=moment), mtime=moment)])
        for name, moment in (("a", 1777888800), ("b", 1777978800))
    )
    assert diff_images(a, b).grade is Grade.DIFFERENT
    report = diff_images(a, b, normalising=True)
    assert report.grade is Grade.NORMALISED
    assert report.images[0].grade is Grade.NORMALISED
    # Why they differ as they are is told all the same.
    assert report.images[0].layers[0].entries is not None


def test_normalising_mends_no_other_content(make: Make, build: Any) -> None:
    a, b = (make(name, [build.item("srv/f", name.encode())]) for name in "ab")
    assert diff_images(a, b, normalising=True).grade is Grade.DIFFERENT
