from __future__ import annotations

import contextlib
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from samebit.errors import InputError
from samebit.model.image_difference import Grade
from samebit.pipeline.diff import diff_images

NAMES = st.text("abcé.-_ \\", min_size=1, max_size=6).filter(lambda n: n not in (".", ".."))
FIELDS: dict[str, Callable[[Any], Any]] = {
    "mode": lambda item: replace(item, mode=item.mode ^ 0o111),
    "uid": lambda item: replace(item, uid=item.uid + 1),
    "gid": lambda item: replace(item, gid=item.gid + 70000),
    "mtime": lambda item: replace(item, mtime=item.mtime + 1),
    "content": lambda item: replace(item, data=bytes([item.data[0] ^ 1]) + item.data[1:]),
    "uname": lambda item: replace(item, uname=item.uname + "x"),
}


def files(item: Any) -> st.SearchStrategy[list[Any]]:
    one = st.builds(
        item,
        name=NAMES,
        data=st.binary(min_size=1, max_size=40),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 1 << 20),
        gid=st.integers(0, 1 << 20),
        mtime=st.integers(0, 1 << 31),
    )
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda found: found.name)


def placed(build: Any, root: Path, name: str, layers: Sequence[Sequence[Any]]) -> str:
    layout = build.layout(root / name)
    return str(layout.name(layout.image(*(build.archive(layer) for layer in layers))))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_an_image_equals_itself(build: Any, data: st.DataObject) -> None:
    items = data.draw(files(build.item))
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        a = placed(build, root, "a", [items])
        b = placed(build, root, "b", [items])
        assert diff_images(a, b).identical


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_change_is_told_at_its_place_and_nowhere_else(build: Any, data: st.DataObject) -> None:
    layers = [data.draw(files(build.item)) for _ in range(data.draw(st.integers(1, 3)))]
    number = data.draw(st.integers(0, len(layers) - 1))
    place = data.draw(st.integers(0, len(layers[number]) - 1))
    field = data.draw(st.sampled_from(sorted(FIELDS)))
    changed = [list(layer) for layer in layers]
    changed[number][place] = FIELDS[field](layers[number][place])
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        report = diff_images(placed(build, root, "a", layers), placed(build, root, "b", changed))
    image = report.images[0]
    for position, layer in enumerate(image.layers):
        if position != number:
            assert layer.verdict.value == "same"
            continue
        assert layer.entries is not None
        found = layer.entries
        assert (found.changed_count, found.only_a_count, found.only_b_count) == (1, 0, 0)
        assert found.order is None
        (change,) = found.changed
        name = layers[number][place].name
        assert change.path == "/" + name.replace("\\", "\\\\")
        assert [one.field for one in change.fields] == ([] if field == "content" else [field])
        assert (change.content is not None) == (field == "content")
        assert found.fields == ((field, 1),)
    # A container sees it unless it is a name of a user, or hidden by a file of an upper layer.
    hidden = any(
        item.name == layers[number][place].name for above in layers[number + 1 :] for item in above
    )
    seen = field != "uname" and not hidden
    grade = Grade.DIFFERENT if field == "content" else Grade.SAME_FILES
    assert report.grade is (grade if seen else Grade.SAME_TREE)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_compared_or_refused(build: Any, data: st.DataObject) -> None:
    """No bytes that a stranger puts into a layer give anything but a report or an InputError."""
    items = [
        build.directory("d"),
        build.item("d/f", b"x" * 600, pax={"SCHILY.xattr.user.x": "1"}),
        build.item("l", type=tarfile.LNKTYPE, linkname="d/f"),
        build.item("n" * 120, b"y"),
    ]
    plain = build.archive(items)
    broken = bytearray(plain[: data.draw(st.integers(0, len(plain)))])
    for _ in range(data.draw(st.integers(0, 6))):
        if broken:
            start = data.draw(st.integers(0, len(broken) - 1))
            broken[start : start + 1] = data.draw(st.binary(max_size=12))
    if data.draw(st.booleans()):
        _sum_headers(broken)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        first, second = build.layout(root / "a"), build.layout(root / "b")
        a = str(first.name(first.image(plain, plain)))
        b = str(second.name(second.image(plain, bytes(broken))))
        with contextlib.suppress(InputError):
            report = diff_images(a, b)
            assert report.identical == (bytes(broken) == plain)


def _sum_headers(archive: bytearray) -> None:
    """Make the checksums right again, so that what is behind them is reached too."""
    for start in range(0, len(archive) - 511, 512):
        block = archive[start : start + 512]
        if block[257:262] == b"ustar":
            total = sum(block[:148]) + sum(block[156:]) + 8 * 0x20
            archive[start + 148 : start + 156] = b"%06o\0 " % total
