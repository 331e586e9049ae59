"""COPY from the build context: what goes where, under which name, with which attributes."""

from __future__ import annotations

import os

import pytest
from step_builds import Item, Steps, busybox_items, directory, write_image

pytestmark = pytest.mark.e2e


def test_files_and_directories_and_slashes(steps: Steps) -> None:
    steps.write({"f": "file", "d/a": "a", "d/.dot": "dot", "d/sub/b": "b", "e/a": "other"})
    (steps.context / "empty").mkdir()
    built = steps.build(
        "FROM base\n"
        "RUN mkdir -p /there /full && touch /full/a\n"
        "COPY f /as-file\n"
        "COPY f /as-dir/\n"
        "COPY f /there\n"
        "COPY f /new/deep/name\n"
        "COPY d /dir\n"
        "COPY d/ /dir-slash\n"
        "COPY d /into/\n"
        "COPY d e /both/\n"
        "COPY f d /mixed/\n"
        "COPY d /full\n"
        "COPY empty /empty\n"
        'COPY ["f", "/json name"]\n'
        "WORKDIR /w\n"
        "COPY f .\nCOPY f ./g\nCOPY f sub/\nCOPY ./d/../f x\nCOPY /f ../up\nCOPY ../../f y\n"
        "COPY . /all/\n",
        same_on_vfs=True,
    )
    files = {path: item.text for path, item in built.layer.items() if item.kind == "file"}
    tree = {"a": "a", ".dot": "dot", "sub/b": "b"}
    assert {path: text for path, text in files.items() if not path.startswith("all")} == {
        "as-file": "file", "as-dir/f": "file", "there/f": "file", "new/deep/name": "file",
        **{f"{top}/{name}": text for top in ("dir", "dir-slash", "into", "full")
           for name, text in tree.items()},
        "both/a": "other", "both/.dot": "dot", "both/sub/b": "b",
        "mixed/f": "file", "mixed/a": "a", "mixed/.dot": "dot", "mixed/sub/b": "b",
        "json name": "file", "w/f": "file", "w/g": "file", "w/sub/f": "file", "w/x": "file",
        "up": "file", "w/y": "file",
    }  # fmt: skip
    assert built.layer["empty"] == directory()
    assert set(built.paths("all/")) == {
        "all/Dockerfile", "all/d", "all/d/.dot", "all/d/a", "all/d/sub", "all/d/sub/b", "all/e",
        "all/e/a", "all/empty", "all/f",
    }  # fmt: skip


def test_modes_and_owners(steps: Steps) -> None:
    steps.write({"run": "x", "plain": "y", "d/f": "z"})
    (steps.context / "run").chmod(0o700)
    (steps.context / "plain").chmod(0o660)
    (steps.context / "d").chmod(0o700)
    other = write_image(
        steps.base.parent / "modes",
        busybox_items({"kept": directory(0o1770, (9, 9)), "kept/d": directory(0o700, (8, 8))}),
        {"Env": ["PATH=/bin"], "User": "app"},
    )
    recipe = (
        "FROM modes\n"
        "COPY run plain /m/\nCOPY d /m/d\n"
        # The destination keeps its attributes, a directory in it takes those of the source.
        "COPY . /kept/\n"
        "COPY --chown=app plain /o/name\nCOPY --chown=app:extra plain /o/pair\n"
        "COPY --chown=5 plain /o/number\nCOPY --chown=5:7 d /o/tree\n"
        "COPY --chown=:7 plain /o/group\nCOPY --chown=5:extra plain /o/mixed\n"
        "ARG WHO=6\nCOPY --chown=$WHO:${NONE:-7} plain /o/arg\n"
    )
    option = f"--build-context=modes=oci-layout://{other}"
    built = steps.build(recipe, option, same_on_vfs=True)
    assert built.shape("m") == {
        "m": ("directory", "755", (0, 0)),
        "m/d": ("directory", "755", (0, 0)),
        "m/d/f": ("file", "644", (0, 0)),
        "m/plain": ("file", "644", (0, 0)),
        "m/run": ("file", "755", (0, 0)),
    }
    assert built.layer["kept"] == directory(0o1770, (9, 9))
    assert built.layer["kept/d"] == directory(0o755, (0, 0))
    owners = {path: item.owner for path, item in built.layer.items() if path.startswith("o")}
    assert owners == {
        "o": (1001, 1002),
        "o/arg": (6, 7),
        "o/group": (0, 7),
        "o/mixed": (5, 1003),
        "o/name": (1001, 1002),
        "o/number": (5, 5),
        "o/pair": (1001, 1003),
        "o/tree": (5, 7),
        "o/tree/f": (5, 7),
    }
    kept = steps.build("FROM base\nCOPY run plain d /m/\n", "--context-modes=keep")
    assert kept.shape("m/")["m/run"][1] == "700"
    assert kept.shape("m/")["m/plain"][1] == "660"


def test_symlinks(steps: Steps) -> None:
    steps.write({"real": "r", "dir/x": "x", "tree/file": "f"})
    for name, target in (
        ("link", "real"), ("dirlink", "dir"), ("absolute", "/real"), ("tree/in", "file"),
        ("tree/dangling", "/no/where"), ("tree/up", "../real"), ("tree/d", "../dir"),
    ):  # fmt: skip
        (steps.context / name).symlink_to(target)
    built = steps.build(
        "FROM base\nRUN mkdir /real-dir && ln -s /real-dir /to-dir && ln -s /new-file /to-file\n"
        # A source that is a link stands for what it points to, under its own name.
        "COPY link /one\nCOPY link /dir/\nCOPY absolute /two\nCOPY dirlink /three\n"
        "COPY dirlink/x /four\nCOPY l*k /wild/\n"
        # Inside a directory links stay links.
        "COPY tree /tree\n"
        # A destination behind a link.
        "COPY real /to-dir/\nCOPY real /to-dir/named\n",
        same_on_vfs=True,
    )
    text = {path: item.text for path, item in built.layer.items() if item.kind == "file"}
    assert text == {
        "one": "r", "dir/link": "r", "two": "r", "three/x": "x", "four": "x", "wild/link": "r",
        "tree/file": "f", "real-dir/real": "r", "real-dir/named": "r",
    }  # fmt: skip
    links = {path: item.link for path, item in built.layer.items() if item.kind == "symlink"}
    assert links == {
        "to-dir": "/real-dir", "to-file": "/new-file", "tree/in": "file",
        "tree/dangling": "/no/where", "tree/up": "../real", "tree/d": "../dir",
    }  # fmt: skip


def test_wildcards(steps: Steps) -> None:
    steps.write({"a1.txt": "1", "a2.txt": "2", "b.md": "b", ".h.txt": "h", "p/x/f.c": "x"})
    steps.write({"p/y/f.c": "y", "p/y/deep/f.c": "d", "star*": "s", "a[b]": "ab", "q?": "q"})
    built = steps.build(
        "FROM base\n"
        "COPY *.txt /txt/\n"
        "COPY a?.txt b.* /some/\n"
        "COPY [^b]*.txt /class/\nCOPY p/*/f.c /flat/\n"
        "COPY p/* /dirs/\n"
        "COPY **/f.c /double/\n"
        "COPY *.none /nothing/\n"
        "COPY *.none b.md /part/\n"
        "COPY a1* /exact\n"
        'COPY star\\* /star/\nCOPY "a[[]b]" /bracket/\nCOPY q\\? /q/\n',
        same_on_vfs=True,
    )
    files = {path: item.text for path, item in built.layer.items() if item.kind == "file"}
    assert files == {
        "txt/a1.txt": "1", "txt/a2.txt": "2", "txt/.h.txt": "h",
        "some/a1.txt": "1", "some/a2.txt": "2", "some/b.md": "b",
        "class/a1.txt": "1", "class/a2.txt": "2", "class/.h.txt": "h",
        "flat/f.c": "y", "dirs/f.c": "y", "dirs/deep/f.c": "d",
        "part/b.md": "b", "exact": "1",
        "star/star*": "s", "bracket/a[b]": "ab", "q/q?": "q",
    }  # fmt: skip


def test_names_that_are_not_text_and_special_ones(steps: Steps) -> None:
    names = [b"bad\xff\xfe", "ünï".encode(), b"new\nline", b"-dash", b"sp ace", b"$HOME", b"q\"'`"]
    for name in [*names, b".wh_not"]:
        with open(os.path.join(os.fsencode(steps.context), name), "wb") as stream:
            stream.write(name)
        os.makedirs(os.path.join(os.fsencode(steps.context), b"d", name))
    built = steps.build(
        'FROM base\nCOPY . /all/\nCOPY bad* /wild/\nCOPY ünï /one\nCOPY ["sp ace", "/two 2"]\n'
        "COPY -dash /three\nCOPY \\$HOME /four\n",
        same_on_vfs=True,
    )
    for name in names:
        assert built.layer[f"all/{os.fsdecode(name)}"].content == name
        assert built.layer[f"all/d/{os.fsdecode(name)}"].kind == "directory"
    assert built.layer["wild/bad\udcff\udcfe"].content == b"bad\xff\xfe"
    assert built.text("one") == "ünï"
    assert built.text("two 2") == "sp ace"
    assert built.text("three") == "-dash"
    assert built.text("four") == "$HOME"


def test_replacing_what_is_there(steps: Steps) -> None:
    steps.write({"file": "new", "d/was-dir/x": "x", "d/was-link": "l", "d/same": ""})
    built = steps.build(
        "FROM base\nRUN mkdir -p /t/sub && echo old > /t/file && ln -s file /t/was-link"
        " && echo other > /t/hard && ln /t/hard /t/hard2\n"
        "COPY file /t/file\nCOPY file /t/hard\nCOPY d /t\n",
        same_on_vfs=True,
    )
    assert built.text("t/file") == "new"
    assert built.layer["t/was-link"] == Item(content=b"l")
    assert (built.text("t/hard"), built.text("t/hard2")) == ("new", "other\n")
    said = steps.fails("FROM base\nRUN touch /f\nCOPY d /f\n", code=3)
    assert "Dockerfile:3" in said
    said = steps.fails("FROM base\nRUN touch /f\nCOPY file /f/below\n", code=3)
    assert "Dockerfile:3" in said


def test_what_is_missing_is_told_before_anything_runs(steps: Steps) -> None:
    steps.write({"here": "x", "ignored/x": "x", ".dockerignore": "# c\nignored\n"})
    steps.build("FROM base\n")
    for source, said in (
        ("missing", "missing: not found in the build context"),
        ("ignored/x", "kept out of the build context by"),
        ("../outside", "nothing outside the build context can be read"),
        ("Dockerfile.lock", "not part of the build context"),
    ):
        samebit = steps.fails(f"FROM base\nRUN echo started\nCOPY {source} /x\n", code=2)
        assert "Dockerfile:3" in samebit
        assert said in samebit
        assert "started" not in samebit


def test_dockerignore(steps: Steps) -> None:
    steps.write(dict.fromkeys(
        ("a.log", "keep.log", "d/a.log", "d/b", "node/x/y", "node/keep/z", "tmp1", "tmp22",
         "deep/er/secret.key", ".git/config", "README.md"), "x",
    ))  # fmt: skip
    steps.write({
        ".dockerignore": "# comment\n**/*.log\n!keep.log\nnode\n!node/keep\ntmp?\n/deep/**/*.key\n"
        ".git\n\n  README.md  \nDockerfile\n.dockerignore\n"
    })  # fmt: skip
    built = steps.build("FROM base\nCOPY . /c/\n")
    files = {path for path, item in built.layer.items() if item.kind == "file"}
    assert files == {"c/keep.log", "c/d/b", "c/node/keep/z", "c/tmp22"}
    # One beside the Dockerfile wins.
    steps.write({"Dockerfile.dockerignore": "*\n!d\n"})
    built = steps.build("FROM base\nCOPY . /c/\n")
    files = {path for path, item in built.layer.items() if item.kind == "file"}
    assert files == {"c/d/a.log", "c/d/b"}


def test_hard_links_and_attributes_of_the_checkout_do_not_show(steps: Steps) -> None:
    steps.write({"a": "same", "d/x": "x"})
    first = steps.build("FROM base\nCOPY . /c/\n")
    os.remove(steps.context / "d/x")
    os.link(steps.context / "a", steps.context / "b")
    os.rename(steps.context / "b", steps.context / "a2")
    steps.write({"d/x": "x"})
    (steps.context / "a2").unlink()
    os.utime(steps.context / "a", (1, 1))
    (steps.context / "d").chmod(0o2775)
    os.setxattr(steps.context / "a", "user.mine", b"1")
    assert steps.build("FROM base\nCOPY . /c/\n").digest == first.digest
    os.link(steps.context / "a", steps.context / "z")
    built = steps.build("FROM base\nCOPY . /c/\n")
    assert built.layer["c/a"] == built.layer["c/z"]
