"""Archives of one directory, packed by programs that list it in different orders."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from normalising import EPOCH, named, rewritten

from samebit.formats.walk_order import walk_order

TAR = named("formats/tar")
CPIO = named("formats/cpio")


def walk(folder: Path, order: random.Random, name: str) -> list[str]:
    """List a directory as a walk does it, in an order of its own."""
    found = [name]
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        inside = os.listdir(path)
        order.shuffle(inside)
        for each in inside:
            found += walk(folder, order, f"{name}/{each}")
    return found


def tree(folder: Path, links: bool) -> None:
    for directory in ("d", "d/a", "d/a.b", "d/z", "d/z/deep", "e"):
        (folder / directory).mkdir()
    for number, name in enumerate(("d/a/x", "d/a.b/y", "d/B", "d/z/deep/w", "d/z/v", "e/1", "e/2")):
        (folder / name).write_text(name * 200 * number)
    (folder / "d/soft").symlink_to("B")
    os.mkfifo(folder / "e/pipe")
    if links:
        os.link(folder / "d/z/v", folder / "d/a/v")
        os.link(folder / "d/z/v", folder / "e/0")
        os.link(folder / "d/B", folder / "d/A")


def listed(folder: Path) -> dict[str, tuple[int, int, object]]:
    """Tell of every path its mode, its number of names and its content."""
    found: dict[str, tuple[int, int, object]] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_text()
        links = 1 if path.is_dir() else status.st_nlink
        found[str(path.relative_to(folder))] = (status.st_mode, links, content)
    return found


@pytest.mark.parametrize("links", [False, True], ids=["plain", "hard links"])
@pytest.mark.parametrize("form", ["posix", "gnu", "ustar", "oldgnu", "newc", "crc", "odc"], ids=str)
def test_one_archive_of_every_order(tmp_path: Path, form: str, links: bool) -> None:
    source = tmp_path / "source"
    source.mkdir()
    tree(source, links)
    is_tar = form not in ("newc", "crc", "odc")
    results = set()
    for seed in range(6):
        order = random.Random(seed)
        names = "\n".join([*walk(source, order, "d"), *walk(source, order, "e")]).encode()
        packer = ["tar", f"--format={form}", "--no-recursion", "-cf", "-", "-T", "-"]
        if not is_tar:
            packer = ["cpio", "--quiet", "-o", "-H", form]
        made = subprocess.run(packer, input=names, cwd=source, check=True, capture_output=True)
        results.add(rewritten(TAR if is_tar else CPIO, made.stdout))
    assert len(results) == 1
    out = tmp_path / "out"
    out.mkdir()
    unpacker = ["tar", "-xf", "-"] if is_tar else ["cpio", "--quiet", "-idm"]
    result = results.pop()
    done = subprocess.run(unpacker, input=result, cwd=out, check=True, capture_output=True)
    assert not done.stderr
    assert listed(out) == listed(source)
    if is_tar:
        assert len(result) % 10240 == 0
        with tarfile.open(fileobj=io.BytesIO(result)) as archive:
            first = [name for name in archive.getnames() if name.count("/") == 1]
        linked = ["d/A"] if links else []
        begin = [*linked, "d/B", "d/a", "d/a.b", "d/soft", "d/z"]
        assert first[: len(begin)] == begin


@pytest.mark.parametrize("dot", ["./", "."])
def test_a_walk_from_the_directory_itself(tmp_path: Path, dot: str) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("a")
    orders = ([dot, "./b", "./a"], [dot, "./a", "./b"])
    for normaliser, packer in (
        (TAR, ["tar", "--no-recursion", "-cf", "-", "-T", "-"]),
        (CPIO, ["cpio", "--quiet", "-o", "-H", "newc"]),
    ):
        first, second = (
            subprocess.run(
                packer,
                input="\n".join(names).encode(),
                cwd=tmp_path,
                check=True,
                capture_output=True,
            ).stdout
            for names in orders
        )
        assert first != second
        assert rewritten(normaliser, first) == rewritten(normaliser, second)


NAMES = st.sampled_from([b"a", b"b", b"a.b", b"c-d"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)


@given(st.lists(st.tuples(PATHS, st.booleans()), max_size=12))
def test_an_order_is_a_walk_or_none(members: list[tuple[bytes, bool]]) -> None:
    order = walk_order(members)
    if order is None:
        return
    assert sorted(order) == list(range(len(members)))
    again = [members[index] for index in order]
    assert walk_order(again) == sorted(order)
    directories = {name for name, is_directory in members if is_directory}
    placed = [name for name, _ in again]
    for number, (name, _) in enumerate(members):
        above = name.rpartition(b"/")[0]
        if above in directories and [n for n, _ in members].index(above) < number:
            assert placed.index(above) < placed.index(name)


@pytest.mark.parametrize(
    ("members", "order"),
    [
        ([b"d/", b"d/b", b"d/a"], [0, 2, 1]),
        ([b"./", b"./b", b"./a"], [0, 2, 1]),
        ([b"/", b"/b", b"/a"], [0, 2, 1]),
        ([b".", b"b", b"a"], [0, 2, 1]),
        # What was named one by one stays as it was named.
        ([b"z", b"d/", b"d/b", b"d/a", b"c"], [0, 1, 3, 2, 4]),
        ([b"z/", b"z/1", b"a/", b"a/2", b"a/1"], [0, 1, 2, 4, 3]),
        # Without the directory itself.
        ([b"p", b"d/b", b"d/a.b/x", b"d/a/x", b"a"], [0, 2, 3, 1, 4]),
        ([b"./b", b"./a", b"./c/x"], [1, 0, 2]),
        ([b"d/e/", b"d/e/2", b"d/e/1", b"d/a"], [3, 0, 2, 1]),
        ([b"d/b", b"a", b"d/a"], [0, 1, 2]),
        # The directory comes last where its mode would forbid to write into it.
        ([b"d/b", b"d/a", b"d/"], [0, 1, 2]),
        ([b"d/e/b", b"d/e/a", b"d/e/"], [0, 1, 2]),
        # A directory's content goes with it; `a.b` is behind all that is in `a`.
        ([b"d/", b"d/a.b", b"d/a/", b"d/a/x"], [0, 2, 3, 1]),
        # No single walk wrote these.
        ([b"d/", b"d/b", b"d/b", b"d/a"], None),
        ([b"d/", b"d/b", b"e", b"d/a"], None),
        ([b"d/", b"d/e/x", b"d/a"], None),
        ([b"d/", b"./d/", b"d/a"], None),
        ([b"d/", b"d/e/", b"d/f", b"d/e/x"], None),
    ],
)
def test_orders(members: list[bytes], order: list[int] | None) -> None:
    assert walk_order([(name, name.endswith((b"/", b"."))) for name in members]) == order


def members_of(*names: str, **fields: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, **fields) as made:  # type: ignore[call-overload]
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.mtime = EPOCH
            made.addfile(info)
    return buffer.getvalue()


def test_what_keeps_its_order() -> None:
    assert rewritten(TAR, members_of("d/", "d/b", "d/a")) == members_of("d/", "d/a", "d/b")
    # The last of two members of one name wins.
    twice = members_of("d/", "d/b", "d/a", "d/b")
    assert rewritten(TAR, twice) == twice
    # A global header speaks of what follows, as git archive's does.
    commit = members_of("d/", "d/b", "d/a", pax_headers={"comment": "1" * 40})
    with tarfile.open(fileobj=io.BytesIO(rewritten(TAR, commit))) as archive:
        assert archive.getnames() == ["d", "d/b", "d/a"]


def test_long_names_are_put_in_order_with_their_members(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    long = "n" * 150
    for name in ("b", long, "z"):
        (tmp_path / "d" / name).write_text(name)
    for form in ("gnu", "posix"):
        results = set()
        for names in (["b", "z", long], [long, "z", "b"]):
            text = "\n".join(["d", *(f"d/{name}" for name in names)])
            command = ["tar", f"--format={form}", "--no-recursion", "-cf", "-", "-T", "-"]
            done = subprocess.run(
                command, input=text.encode(), cwd=tmp_path, check=True, capture_output=True
            )
            results.add(rewritten(TAR, done.stdout))
        (result,) = results
        with tarfile.open(fileobj=io.BytesIO(result)) as archive:
            assert archive.getnames() == ["d", "d/b", f"d/{long}", "d/z"]
            for name in ("b", long, "z"):
                content = archive.extractfile(f"d/{name}")
                assert content is not None
                assert content.read() == name.encode()


@settings(max_examples=50)
@given(st.integers(0, 5000), st.integers(0, 255))
def test_damaged_archives_are_survived(at: int, value: int) -> None:
    data = bytearray(members_of("d/", "d/b", "d/a", "d/" + "n" * 120))
    data[at % len(data)] = value
    rewritten(TAR, bytes(data))
