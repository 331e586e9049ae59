"""COPY's flags: --chmod, --link, --parents, --exclude, of the context, a stage and an image."""

from __future__ import annotations

import pytest
from step_builds import Item, Steps, busybox_items, directory, write_image

pytestmark = pytest.mark.e2e

TREE = {"app/a.txt": "a", "app/b.md": "b", "app/sub/c.txt": "c", "app/sub/d.md": "d"}
# A stage that holds the same, with attributes of its own.
STAGE = (
    "FROM base AS stage\nRUN mkdir -p /app/sub && cd /app && echo -n a > a.txt && echo -n b > b.md"
    " && echo -n c > sub/c.txt && echo -n d > sub/d.md && chmod 640 a.txt && chmod 6711 b.md"
    " && chmod 2750 sub && chown 5:6 sub a.txt && ln -s a.txt link && ln a.txt hard\n"
)


def texts(layer: dict[str, Item], below: str) -> dict[str, str]:
    return {
        path.removeprefix(below): item.text
        for path, item in layer.items()
        if path.startswith(below) and item.kind == "file"
    }


def test_chmod_octal(steps: Steps) -> None:
    steps.write(TREE)
    built = steps.build(
        STAGE + "FROM base\nARG MODE=4755\n"
        "COPY --chmod=600 app/a.txt /one/two/f\n"
        "COPY --chmod=$MODE app /tree\n"
        "COPY --chmod=0 app/a.txt /zero\n"
        "COPY --chmod=1777 --chown=3 app/a.txt /sticky\n"
        "COPY --from=stage --chmod=700 /app /stage\n"
        "COPY --from=stage /app /kept\n",
        same_on_vfs=True,
    )
    assert built.layer["one/two/f"].mode == 0o600
    assert built.shape("one") == {
        "one": ("directory", "755", (0, 0)),
        "one/two": ("directory", "755", (0, 0)),
        "one/two/f": ("file", "600", (0, 0)),
    }
    assert {path: mode for path, (_, mode, _) in built.shape("tree").items()} == {
        # Directories that have to be made do not get it, as in docker before 28.1.
        "tree": "755", "tree/a.txt": "4755", "tree/b.md": "4755", "tree/sub": "4755",
        "tree/sub/c.txt": "4755", "tree/sub/d.md": "4755",
    }  # fmt: skip
    assert built.layer["zero"].mode == 0
    assert built.shape("sticky") == {"sticky": ("file", "1777", (3, 3))}
    assert built.shape("stage/")["stage/a.txt"] == ("file", "700", (5, 6))
    assert built.shape("stage/")["stage/sub"] == ("directory", "700", (5, 6))
    assert built.layer["stage/link"].link == "a.txt"
    # Everything is as the stage has it.
    assert built.shape("kept/") == {
        "kept/a.txt": ("file", "640", (5, 6)),
        "kept/b.md": ("file", "6711", (0, 0)),
        "kept/hard": ("hard link", "640", (5, 6)),
        "kept/link": ("symlink", "777", (0, 0)),
        "kept/sub": ("directory", "2750", (5, 6)),
        "kept/sub/c.txt": ("file", "644", (0, 0)),
        "kept/sub/d.md": ("file", "644", (0, 0)),
    }


@pytest.mark.parametrize("source", ["context", "stage", "image"])
def test_chmod_symbolic(steps: Steps, source: str) -> None:
    steps.write(TREE)
    image = write_image(
        steps.base.parent / f"chmod-{source}",
        {
            "app": directory(), "app/a.txt": Item(content=b"a"),
            "app/sub": directory(), "app/sub/c.txt": Item(content=b"c"),
            "app/tool": Item(mode=0o755, content=b"t"),
        },
    )  # fmt: skip
    flag = {"context": "", "stage": "--from=stage", "image": "--from=outside"}[source]
    stage = "FROM base AS stage\nCOPY app /app\n"
    built = steps.build(
        stage + "FROM base\n"
        f"COPY {flag} --chmod=u+x,go-r app/a.txt /file\n"
        f"COPY {flag} --chmod=u=rwX,go=rX app /tree\n"
        f"COPY {flag} --chmod=a=,g+s app/sub /none\n"
        f"COPY {flag} --chmod=o+w --chown=5:6 app/sub/ /owned/\n",
        f"--build-context=outside=oci-layout://{image}",
        same_on_vfs=source == "stage",
    )
    assert built.layer["file"].mode == 0o700
    assert built.layer["tree/a.txt"].mode == 0o644
    assert built.layer["tree/sub"].mode == 0o755
    if source == "image":
        assert built.layer["tree/tool"].mode == 0o755
    assert built.layer["none/c.txt"].mode == 0o2000
    assert built.shape("owned/")["owned/c.txt"] == ("file", "646", (5, 6))


def test_link(steps: Steps) -> None:
    steps.write(TREE)
    plain = "FROM base\nCOPY app /app\nCOPY --chown=3:4 app/a.txt /x/\n"
    built = steps.build(plain, same_on_vfs=True)
    linked = steps.build(plain.replace("COPY", "COPY --link"))
    off = steps.build(plain.replace("COPY", "COPY --link=false"))
    assert linked.layer == built.layer == off.layer


@pytest.mark.parametrize("source", ["context", "stage"])
def test_parents(steps: Steps, source: str) -> None:
    steps.write(TREE)
    flag = "--parents" if source == "context" else "--from=stage --parents"
    built = steps.build(
        STAGE + "FROM base\nRUN mkdir /there && chmod 700 /there\n"
        f"COPY {flag} app/a.txt app/sub/c.txt /one/\n"
        f"COPY {flag} app/sub /two/\n"
        f"COPY {flag} app/./sub/*.txt /pivot/\n"
        f"COPY {flag} app/*/*.md /wild/\n"
        f"COPY {flag} **/*.txt /deep/\n"
        f"COPY {flag} app/./**/*.none /none/\n"
        f"COPY {flag} --exclude=**/*.md app /there/\n"
        "WORKDIR /w\n"
        f"COPY {flag} app/sub/d.md .\n",
        same_on_vfs=source == "stage",
    )
    layer = built.layer
    assert texts(layer, "one/") == {"app/a.txt": "a", "app/sub/c.txt": "c"}
    assert texts(layer, "two/") == {"app/sub/c.txt": "c", "app/sub/d.md": "d"}
    assert texts(layer, "pivot/") == {"sub/c.txt": "c"}
    assert texts(layer, "wild/") == {"app/sub/d.md": "d"}
    assert texts(layer, "deep/") == {"app/a.txt": "a", "app/sub/c.txt": "c"}
    assert texts(layer, "none/") == {}
    assert texts(layer, "there/") == {"app/a.txt": "a", "app/sub/c.txt": "c"}
    assert texts(layer, "w/") == {"app/sub/d.md": "d"}
    assert layer["there"].mode == 0o700
    if source == "stage":
        assert layer["one/app/sub"] == directory(0o2750, (5, 6))
        assert layer["there/app/hard"].kind == "hard link"
        assert layer["there/app/link"].link == "a.txt"


@pytest.mark.parametrize("source", ["context", "stage"])
def test_exclude(steps: Steps, source: str) -> None:
    steps.write(TREE)
    flag = "" if source == "context" else "--from=stage"
    built = steps.build(
        STAGE + "FROM base\n"
        f"COPY {flag} --exclude=*.md app /top/\n"
        f"COPY {flag} --exclude=**/*.md --exclude=a.txt app /two/\n"
        f"COPY {flag} --exclude=sub app /no-sub/\n"
        f"COPY {flag} --exclude=sub/* --exclude=!sub/d.md app /back/\n"
        f"COPY {flag} --exclude=*.md app/* /wild/\n"
        f"COPY {flag} --exclude=*.none --chmod=400 --chown=7 app/a.txt /file\n",
        same_on_vfs=source == "stage",
    )
    drop = {"hard", "link"}  # other names of a.txt that only the stage has
    found = {
        top: {name for name in texts(built.layer, f"{top}/") if name not in drop}
        for top in ("top", "two", "no-sub", "back", "wild")
    }
    assert found == {
        "top": {"a.txt", "sub/c.txt", "sub/d.md"},
        "two": {"sub/c.txt"},
        "no-sub": {"a.txt", "b.md"},
        "back": {"a.txt", "b.md", "sub/d.md"},
        "wild": {"a.txt", "c.txt"},
    }
    assert "no-sub/sub" not in built.layer
    assert built.shape("file") == {"file": ("file", "400", (7, 7))}


def test_patterns_in_stages_and_images(steps: Steps) -> None:
    """What a pattern matches there is known only once the stage is built."""
    built = steps.build(
        STAGE + "FROM base AS odd\nRUN mkdir /o && touch '/o/[' '/o/a[b' /o/c\n"
        "FROM base\n"
        "COPY --from=odd /o/* /odd/\n"
        "COPY --from=stage /app/*.txt /one/\n"
        "COPY --from=stage /app/*.none /app/s*/c.* /two/\n"
        "COPY --from=stage /none*/x /three/\n"
        "COPY --from=outside /etc/pass* /none* /four/\n",
        f"--build-context=outside=oci-layout://{steps.base}",
        same_on_vfs=True,
    )
    assert built.paths("odd/") == ["odd/[", "odd/a[b", "odd/c"]
    assert built.paths("one/") == ["one/a.txt"]
    assert built.paths("two/") == ["two/c.txt"]
    assert built.paths("three") == []
    assert built.paths("four/") == ["four/passwd"]
    said = steps.fails(STAGE + "FROM base\nCOPY --from=stage /none /x\n", code=3)
    assert "Dockerfile:4" in said
    assert "/none" in said


def test_capabilities_and_user_attributes_come_along(steps: Steps) -> None:
    capability = bytes.fromhex("0000000200200000000000000000000000000000")
    attributes = {"security.capability": capability, "user.note": b"mine"}
    image = write_image(
        steps.base.parent / "attributes",
        busybox_items({"tool": Item(mode=0o755, content=b"tool", xattrs=attributes)}),
    )
    built = steps.build(
        'FROM outside AS stage\nRUN ["/bin/mkdir", "/d"]\nCOPY --from=outside /tool /d/tool\n'
        "FROM base\nCOPY --from=stage /tool /one\nCOPY --from=stage /d /two\n"
        "COPY --from=stage --exclude=none /d /three\n",
        f"--build-context=outside=oci-layout://{image}",
        same_on_vfs=True,
    )
    for path in ("one", "two/tool", "three/tool"):
        assert built.layer[path].xattrs == attributes, path
