import os
import stat
import tarfile
from pathlib import Path

import pytest

from samebit.context.select import find_matches, is_archive, materialise
from samebit.context.tree_copy import NotInTreeError, resolve
from samebit.dockerfile.lowering_model import Layout, Selection, TreeKind, TreeRef
from samebit.errors import DockerfileError, MachineError, Place

PLACE = Place("Dockerfile", 3)
ROOT = os.geteuid() == 0


def select(root: Path, out: Path, *sources: str, **options: object) -> list[str]:
    selection = Selection(
        directory="0",
        tree=TreeRef(TreeKind.CONTEXT),
        sources=sources,
        layout=options.pop("layout", Layout.MERGED),  # type: ignore[arg-type]
        place=PLACE,
        **options,  # type: ignore[arg-type]
    )
    materialise(root, selection, out)
    return sorted(str(p.relative_to(out)) for p in out.rglob("*"))


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        target = root / path
        if path.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(path)
    return root


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    return tree(
        tmp_path / "t",
        "test/a/b/c/d/foo", "test/a/b/c/d/e/bay", "test/a/b2/c/d/e/bar",
        "test/a/b/c2/d/e/baz", "test/a/b/c2/d/e2/baz",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["/test/a/b/./c/d"], ["c/d/e/bay", "c/d/foo"]),
        (["/test/a/b/c/d/."], ["test/a/b/c/d/e/bay", "test/a/b/c/d/foo"]),
        (["./test/a/b/c/d"], ["test/a/b/c/d/e/bay", "test/a/b/c/d/foo"]),
        (["/test/a/./b/./c"], ["b/c/d/e/bay", "b/c/d/foo"]),
        (["/test/a/./*/c"], ["b/c/d/e/bay", "b/c/d/foo", "b2/c/d/e/bar"]),
        (["/test/a/b*/./c/**/e"], ["c/d/e/bar", "c/d/e/bay"]),
        (
            ["/test/a/b/c*/./d/**/baz", "/test/a/b*/./c/**/bar"],
            ["c/d/e/bar", "d/e/baz", "d/e2/baz"],
        ),
        (["/test/a/b9*/c"], []),
        (["/test/a/b/./c9*"], []),
        (["test/**/ba?"], [
            "test/a/b/c/d/e/bay", "test/a/b/c2/d/e/baz", "test/a/b/c2/d/e2/baz",
            "test/a/b2/c/d/e/bar",
        ]),
    ],
)  # fmt: skip
def test_parents_as_buildkit_defines_them(
    nested: Path, tmp_path: Path, sources: list[str], expected: list[str]
) -> None:
    out = tmp_path / "out"
    found = select(nested, out, *sources, parents=True)
    assert [p for p in found if (out / p).is_file()] == expected


def test_parents_of_a_missing_literal_path_is_an_error(nested: Path, tmp_path: Path) -> None:
    with pytest.raises(DockerfileError, match="/test/none: not found in the build context"):
        select(nested, tmp_path / "out", "/test/none", parents=True)


@pytest.mark.parametrize(
    ("sources", "exclude", "expected"),
    [
        (["."], ["*/*.png", "*/*.jpeg"], ["d1/a.txt", "d3/m.mp3", "d4/l"]),
        (["d3"], ["*.mp3"], []),
        (["d*"], ["*.mp3", "*.png"], ["a.txt", "b.jpeg", "l"]),
        (["d*"], ["*"], []),
        (["d1"], ["*", "!*.png"], ["c.png"]),
        (["."], ["**", "!d1/a.txt"], ["d1/a.txt"]),
        (["d1/*"], ["*.png"], ["a.txt", "b.jpeg"]),
        (["d1/a.txt", "d1/c.png"], ["d1/*.png"], ["a.txt"]),
    ],
)
def test_exclude(
    tmp_path: Path, sources: list[str], exclude: list[str], expected: list[str]
) -> None:
    root = tree(tmp_path / "t", "d1/a.txt", "d1/b.jpeg", "d1/c.png", "d3/m.mp3", "d4/")
    (root / "d4" / "l").symlink_to("nowhere")
    out = tmp_path / "out"
    found = select(root, out, *sources, exclude=tuple(exclude))
    assert [p for p in found if not (out / p).is_dir()] == expected


def test_chmod_changes_files_and_directories_not_links(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "d/run", "d/data", "d/sub/")
    (root / "d" / "run").chmod(0o700)
    (root / "d" / "data").chmod(0o600)
    (root / "d" / "l").symlink_to("data")
    out = tmp_path / "out"
    select(root, out, "d", chmod="u=rwX,go=rX")
    modes = {n: stat.S_IMODE((out / n).lstat().st_mode) for n in ("run", "data", "sub", "l")}
    assert modes == {"run": 0o755, "data": 0o644, "sub": 0o755, "l": 0o777}


@pytest.mark.skipif(not ROOT, reason="needs root to make owners and capabilities")
def test_owners_xattrs_hard_links_and_devices_are_kept(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "d/a", "d/sub/")
    os.link(root / "d" / "a", root / "d" / "sub" / "b")
    os.chown(root / "d" / "a", 12, 34)
    os.chown(root / "d" / "sub", 56, 78)
    (root / "d" / "sub").chmod(0o2750)
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(root / "d" / "a", "security.capability", capability)
    os.setxattr(root / "d" / "a", "user.x", b"1")
    os.setxattr(root / "d" / "a", "trusted.x", b"1")
    (root / "d" / "a").chmod(0o4755)
    os.mkfifo(root / "d" / "pipe")
    os.utime(root / "d" / "a", (5, 5))
    os.utime(root / "d" / "sub", (6, 6))
    out = tmp_path / "out"
    select(root, out, "d")
    a, b, sub = ((out / n).lstat() for n in ("a", "sub/b", "sub"))
    assert a.st_ino == b.st_ino
    assert (a.st_uid, a.st_gid, stat.S_IMODE(a.st_mode), a.st_mtime) == (12, 34, 0o4755, 5)
    assert (sub.st_uid, sub.st_gid, stat.S_IMODE(sub.st_mode), sub.st_mtime) == (56, 78, 0o2750, 6)
    assert sorted(os.listxattr(out / "a")) == ["security.capability", "user.x"]
    assert stat.S_ISFIFO((out / "pipe").lstat().st_mode)


def test_symlinks_never_lead_out_of_the_tree(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "etc/secret", "in/")
    tree(tmp_path, "etc/secret2", "outside")
    (root / "up").symlink_to("../../../../etc")
    (root / "absolute").symlink_to("/etc/secret")
    (root / "out").symlink_to("../outside")
    (root / "loop").symlink_to("loop")
    assert resolve(os.fsencode(root), b"up/secret") == b"etc/secret"
    assert resolve(os.fsencode(root), b"absolute") == b"etc/secret"
    assert select(root, tmp_path / "one", "absolute") == ["absolute"]
    assert (tmp_path / "one" / "absolute").read_text() == "etc/secret"
    assert select(root, tmp_path / "two", "up") == ["secret"]
    for bad in ("out", "loop", "etc/secret/x", "../t2"):
        with pytest.raises((DockerfileError, NotInTreeError)):
            select(root, tmp_path / f"bad-{bad.replace('/', '')}", bad)


def test_a_link_inside_a_copied_directory_stays_a_link(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "d/a")
    (root / "d" / "passwd").symlink_to("/etc/passwd")
    (root / "d" / "dir").symlink_to("/etc")
    select(root, tmp_path / "out", "d", exclude=("none",))
    assert os.readlink(tmp_path / "out" / "passwd") == "/etc/passwd"
    assert os.readlink(tmp_path / "out" / "dir") == "/etc"


def test_later_sources_replace_earlier_ones(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "a/x", "b/x", "b/y")
    select(root, tmp_path / "out", "a", "b")
    assert (tmp_path / "out" / "x").read_text() == "b/x"


def test_layouts(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "a/x", "f")
    assert select(root, tmp_path / "1", "a", layout=Layout.NAMED) == ["a", "a/x"]
    assert select(root, tmp_path / "2", "f", layout=Layout.NAMED) == ["f"]
    assert select(root, tmp_path / "3", "a", layout=Layout.WHOLE) == ["content", "content/x"]
    assert select(root, tmp_path / "4", "", layout=Layout.WHOLE) == [
        "content", "content/a", "content/a/x", "content/f",
    ]  # fmt: skip
    assert select(root, tmp_path / "5", "f", layout=Layout.WHOLE) == ["content"]


def test_a_pattern_that_hits_a_file_needs_a_slash(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "a1", "a2/x")
    with pytest.raises(MachineError, match="to a new name"):
        select(root, tmp_path / "out", "a*", directory_only=True)
    assert select(root, tmp_path / "out2", "a2*", directory_only=True) == ["x"]


def test_archives_are_told_apart(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "plain.tar", "empty/")
    with tarfile.open(root / "real.tgz", "w:gz") as archive:
        archive.add(root / "plain.tar", "x")
    (root / "zero.tar").touch()
    assert is_archive(os.fsencode(root / "real.tgz"))
    assert not is_archive(os.fsencode(root / "plain.tar"))
    assert not is_archive(os.fsencode(root / "zero.tar"))
    assert not is_archive(os.fsencode(root / "empty"))
    select(root, tmp_path / "1", "plain.tar", refuse_archives=True)
    with pytest.raises(MachineError, match="archive"):
        select(root, tmp_path / "2", "real.tgz", refuse_archives=True)


def test_patterns_stay_within_a_name(tmp_path: Path) -> None:
    root = tree(tmp_path / "t", "a/x.c", "a/b/y.c", "a[0].txt", "b/x.c")
    (root / "link").symlink_to("a")
    here = os.fsencode(root)
    assert find_matches(here, "*/*.c", PLACE) == [b"a/x.c", b"b/x.c"]
    assert find_matches(here, "**/*.c", PLACE) == [b"a/x.c", b"b/x.c"]
    assert find_matches(here, "a[[]0].txt", PLACE) == [b"a[0].txt"]
    # Without wildcards a path is a name, backslashes included.
    assert find_matches(here, r"a\[0\].txt", PLACE) == [rb"a\[0\].txt"]
    assert find_matches(here, "../a/*.c", PLACE) == [b"a/x.c"]
    assert find_matches(here, "none/*", PLACE) == []
    with pytest.raises(DockerfileError, match="malformed pattern"):
        find_matches(here, "a[", PLACE)
