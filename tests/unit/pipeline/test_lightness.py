"""What the bytes of a tree are for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from compiled_files import run
from sample_images import CONFIG, Member, write_layout

from samebit.model.lightness import Lightness, Source
from samebit.pipeline.audit import AuditRequest, audit
from samebit.report.lightness_text import lightness_lines

BIG = bytes(5000)


def weighed(target: str, root: Path) -> Lightness:
    light = audit(AuditRequest(target, store_root=root / "store")).lightness
    assert light is not None
    return light


@pytest.fixture
def program(tmp_path: Path) -> bytes:
    (tmp_path / "m.c").write_text("int main(void){return 0;}")
    run("gcc", "-s", "-o", "dynamic", "m.c", cwd=tmp_path)
    return (tmp_path / "dynamic").read_bytes()


STATUS = b"""Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2-1

Package: libz
Status: install ok installed
Architecture: amd64
Version: 1.3

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def directories(*paths: str) -> list[Member]:
    found: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        for length in range(1, len(parts)):
            found["/".join(parts[:length]) + "/"] = None
    return [Member(path, mode=0o755) for path in found]


def layer(files: dict[str, bytes]) -> list[Member]:
    return [*directories(*files), *(Member(path, data) for path, data in files.items())]


def test_layers_and_what_they_hide(tmp_path: Path) -> None:
    first = layer({"app/a": b"a" * 100, "app/b": b"b" * 200})
    second = [Member("app/", mode=0o755), Member("app/a", b"c" * 50), Member("app/.wh.b", b"")]
    write_layout(tmp_path / "image", [first, second])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert [(share.size, share.visible, share.source.created_by) for share in light.sources] == [
        (300, 0, "layer 0"),
        (50, 50, "layer 1"),
    ]
    assert light.by_instruction
    assert [(item.path, item.size, item.source, item.by) for item in light.overwritten] == [
        ("/app/a", 100, 0, 1),
        ("/app/b", 200, 0, None),
    ]
    assert (light.size, light.files, light.could_go) == (50, 1, 300)


FLATTENED = [
    {"created_by": "FROM x", "empty_layer": True},
    {"created_by": "COPY a /a", "empty_layer": True},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN one", "empty_layer": True},
    {"created_by": "RUN two"},
    {"created_by": 'CMD ["a"]', "empty_layer": True},
]


def test_one_layer_does_not_tell_instructions_apart(tmp_path: Path) -> None:
    write_layout(tmp_path / "image", [layer({"a": b"a"})], history=FLATTENED)
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert not light.by_instruction
    assert light.sources[0].source == Source(0, "RUN two", "", 3)
    texts = [line.text for line in lightness_lines(light, every=False)]
    assert any("one of 3 instructions, which one is not known" in text for text in texts)


def test_layers_that_nobody_speaks_of(tmp_path: Path) -> None:
    write_layout(tmp_path / "image", [layer({"a": b"a"})], history=[])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert (light.by_instruction, light.sources[0].source) == (False, Source(0))
    texts = [line.text for line in lightness_lines(light, every=False)]
    assert any("layer 1: by which instruction is not known" in text for text in texts)


def test_debian_packages(tmp_path: Path) -> None:
    files = {
        "usr/bin/bash": b"x" * 300,
        "usr/lib/libz.so": b"z" * 70,
        "opt/own": b"o" * 5,
        "var/lib/dpkg/status": STATUS,
        # By the old place: /bin is a link to /usr/bin.
        "var/lib/dpkg/info/bash.list": b"/.\n/bin\n/bin/bash\n",
        "var/lib/dpkg/info/libz:amd64.list": b"/usr/lib/libz.so\n",
    }
    write_layout(tmp_path / "image", [[*layer(files), Member("bin", link="usr/bin")]])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert [(p.manager, p.name, p.version, p.files, p.size) for p in light.packages] == [
        ("dpkg", "bash", "5.2-1", 1, 300),
        ("dpkg", "libz", "1.3", 1, 70),
    ]
    assert light.unpackaged.files == 4


def test_other_packages(tmp_path: Path) -> None:
    site = "usr/lib/python3/site-packages/"
    files = {
        "lib/apk/db/installed": b"P:musl\nV:1.2-r0\nF:lib\nR:ld-musl.so\n\nP:none\nV:1\n\n",
        "lib/ld-musl.so": b"m" * 40,
        f"{site}flask/a.py": b"f" * 30,
        f"{site}flask-3.0.dist-info/RECORD": b'flask/a.py,sha256=x,30\n"../../../bin/f",,\n',
        "usr/bin/f": b"f" * 3,
        "app/node_modules/left/index.js": b"l" * 20,
        "app/node_modules/@scope/right/index.js": b"r" * 9,
        "app/node_modules/@scope/right/node_modules/left/x.js": b"l" * 2,
    }
    write_layout(tmp_path / "image", [layer(files)])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert {(p.manager, p.name, p.version, p.files, p.size) for p in light.packages} == {
        ("apk", "musl", "1.2-r0", 1, 40),
        ("apk", "none", "1", 0, 0),
        ("python", "flask", "3.0", 2, 33),
        ("node", "left", "", 2, 22),
        ("node", "@scope/right", "", 1, 9),
    }


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("var/lib/apt/lists/x_Packages", "package-cache"),
        ("var/cache/apt/archives/x.deb", "package-cache"),
        ("root/.cache/pip/x", "package-cache"),
        ("home/app/.npm/x", "package-cache"),
        ("usr/local/cargo/registry/x", "package-cache"),
        ("var/log/dpkg.log", "log"),
        ("usr/share/man/man1/a.1.gz", "manual"),
        ("usr/share/doc/a/copyright", "documentation"),
        ("usr/share/locale/de/LC_MESSAGES/a.mo", "translation"),
        ("usr/include/stdio.h", "header"),
        ("usr/lib/x86_64-linux-gnu/libc.a", "header"),
        ("usr/bin/gcc-12", "build-tool"),
        ("usr/bin/x86_64-linux-gnu-gcc-12", "build-tool"),
        ("usr/local/go/bin/go", "build-tool"),
        ("usr/lib/gcc/x86_64-linux-gnu/12/cc1", "build-tool"),
        ("usr/bin/python3", None),
        ("usr/bin/as-is", None),
        ("usr/lib/libc.so", None),
        ("usr/share/zoneinfo/UTC", None),
        ("srv/usr/share/doc/a", None),
    ],
)
def test_what_seldom_serves(tmp_path: Path, path: str, kind: str | None) -> None:
    write_layout(tmp_path / "image", [layer({path: b"x" * 7})])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    assert [found.kind for found in light.dispensable] == ([kind] if kind else [])
    assert light.could_go == (7 if kind else 0)
    if kind:
        assert light.dispensable[0].sources == (0,)
        assert light.dispensable[0].examples == (f"/{path}",)


def test_copies_are_counted_once(tmp_path: Path) -> None:
    files = {"a/one": BIG, "b/two": BIG, "usr/share/doc/x": BIG, "c/small": b"s", "d/small": b"s"}
    write_layout(tmp_path / "image", [layer(files)])
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    (group,) = light.duplicates
    assert group.paths == ("/a/one", "/b/two", "/usr/share/doc/x")
    # The documentation and one copy more.
    assert light.could_go == 2 * len(BIG)


def test_copies_in_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").write_bytes(BIG)
    (root / "two").write_bytes(BIG)
    (root / "other").write_bytes(BIG[:-1] + b"x")
    (root / "link").hardlink_to(root / "one")
    light = weighed(str(root), tmp_path)
    assert [group.paths for group in light.duplicates] == [("/link", "/two")]
    assert (light.size, light.needs) == (3 * len(BIG), None)


def test_what_scratch_would_need(tmp_path: Path, program: bytes) -> None:
    files = {
        "usr/bin/app": program,
        "lib64/ld-linux-x86-64.so.2": program,
        "lib/libc.so.6": program,
        "etc/ssl/certs/ca-certificates.crt": b"c" * 11,
        "usr/share/zoneinfo/UTC": b"z" * 4,
        "usr/bin/unused": b"u" * 1000,
    }
    config = {**CONFIG, "Env": ["PATH=/usr/bin"], "Entrypoint": ["app"], "Cmd": ["serve"]}
    write_layout(tmp_path / "image", [layer(files)], config=config)
    needs = weighed(f"oci:{tmp_path / 'image'}", tmp_path).needs
    assert needs is not None
    assert needs.command == "app"
    assert needs.files == ("/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/app")
    assert needs.size == 3 * len(program)
    assert (needs.missing, needs.interpreted) == ((), False)
    assert dict(needs.data) == {
        "/etc/ssl/certs/ca-certificates.crt": 11,
        "/usr/share/zoneinfo": 4,
    }


def test_what_a_script_would_need(tmp_path: Path, program: bytes) -> None:
    run_script = Member("run", b"#!/bin/sh\n", mode=0o755)
    image = [*layer({"bin/sh": program}), run_script]
    config = {"Entrypoint": ["/run"]}
    write_layout(tmp_path / "image", [image], config=config)
    needs = weighed(f"oci:{tmp_path / 'image'}", tmp_path).needs
    assert needs is not None
    assert needs.files == ("/bin/sh", "/run")
    assert needs.interpreted
    assert set(needs.missing) == {"libc.so.6", "/lib64/ld-linux-x86-64.so.2"}


def test_text(tmp_path: Path, program: bytes) -> None:
    files = {"usr/bin/app": program, "usr/share/doc/a": BIG, "copy": BIG}
    config = {"Entrypoint": ["/usr/bin/app"]}
    write_layout(tmp_path / "image", [layer(files), layer({"copy": b"y"})], config=config)
    light = weighed(f"oci:{tmp_path / 'image'}", tmp_path)
    out = io.StringIO()
    for line in lightness_lines(light, every=True):
        out.write(line.text + "\n")
    text = out.getvalue()
    assert "documentation" in text
    assert "/copy, replaced later" in text
    assert "from: layer 1: layer 0" in text
    assert "on scratch: /usr/bin/app needs 1 files" in text
    assert "libc.so.6 is not there" in text
