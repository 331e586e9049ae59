"""Differences outside of layers: config, manifest, index, places, and inputs that are broken."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.image_difference import DiffReport, Grade, ValueChange
from samebit.model.platform import Platform
from samebit.pipeline.diff import diff_images
from samebit.store.store import Store

Make = Callable[..., str]

EXECUTION = {"Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "Labels": {"one.two": "x"}}
LINES = [{"created_by": name, "empty_layer": True, "created": "1"} for name in "abcd"]


def changes(report: DiffReport) -> list[tuple[str, object, object]]:
    def read(text: str | None) -> object:
        return None if text is None else json.loads(text)

    return [
        (change.path, read(change.a), read(change.b)) for change in report.images[0].config.changes
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected", "grade"),
    [
        (
            {"created": "2026"},
            {"created": "2027"},
            [("created", "2026", "2027")],
            Grade.SAME_TREE,
        ),
        ({}, {"author": "x"}, [("author", None, "x")], Grade.SAME_TREE),
        ({}, {"variant": "v2"}, [("variant", None, "v2")], Grade.DIFFERENT),
        (
            {"config": {**EXECUTION, "Env": ["PATH=/bin", "A=1", "B=2"]}},
            {"config": {**EXECUTION, "Env": ["PATH=/usr/bin", "A=1", "C=3"]}},
            [
                ("config.Env.B", "2", None),
                ("config.Env.C", None, "3"),
                ("config.Env.PATH", "/bin", "/usr/bin"),
            ],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Env": ["A=1", "B=2"]}},
            {"config": {**EXECUTION, "Env": ["B=2", "A=1"]}},
            [("config.Env (order)", ["A", "B"], ["B", "A"])],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Env": ["A=1", "A=2"]}},
            {"config": {**EXECUTION, "Env": ["A=1", "A=3"]}},
            [("config.Env[1]", "A=2", "A=3")],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Labels": {"one.two": "x", "n": "1"}}},
            {"config": {**EXECUTION, "Labels": {"one.two": "y"}}},
            [("config.Labels.n", "1", None), ('config.Labels["one.two"]', "x", "y")],
            Grade.SAME_FILES,
        ),
        (
            {"config": {"Cmd": ["sh"]}},
            {"config": {"Cmd": ["sh"], "Labels": {"n": "1"}}},
            [("config.Labels.n", None, "1")],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Cmd": ["sh", "-c", "a"]}},
            {"config": {**EXECUTION, "Cmd": ["sh", "-c", "b"]}},
            [("config.Cmd[2]", "a", "b")],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Cmd": ["sh"]}},
            {"config": {**EXECUTION, "Cmd": ["sh", "x"]}},
            [("config.Cmd", ["sh"], ["sh", "x"])],
            Grade.SAME_FILES,
        ),
        (
            {"config": {**EXECUTION, "Tty": True}},
            {"config": {**EXECUTION, "Tty": 1}},
            [("config.Tty", True, 1)],
            Grade.SAME_FILES,
        ),
        (
            {"history": LINES},
            {"history": [*LINES[:2], {**LINES[2], "created": "2"}, LINES[3]]},
            [("history[2].created", "1", "2")],
            Grade.SAME_TREE,
        ),
        (
            {"history": LINES},
            {"history": [LINES[0], *LINES[2:3], {**LINES[3], "comment": "c"}]},
            [("history[1]", LINES[1], None), ("history[3].comment", None, "c")],
            Grade.SAME_TREE,
        ),
        (
            {"history": LINES[:2]},
            {"history": [LINES[0], LINES[2], LINES[3], LINES[1]]},
            [("history[1]", None, LINES[2]), ("history[2]", None, LINES[3])],
            Grade.SAME_TREE,
        ),
    ],
)
def test_config(
    make: Make,
    a: dict[str, Any],
    b: dict[str, Any],
    expected: list[tuple[str, object, object]],
    grade: Grade,
) -> None:
    history = {"history": []}
    report = diff_images(make("a", config={**history, **a}), make("b", config={**history, **b}))
    assert changes(report) == expected
    assert report.grade is grade
    assert report.images[0].manifest.changes == ()


def test_values_cannot_steer_a_terminal(make: Make) -> None:
    report = diff_images(make("a"), make("b", config={"author": "\x1b\x9b\u202e\x7f\U000e0001é"}))
    (change,) = report.images[0].config.changes
    assert change.b == '"\\u001b\\u009b\\u202e\\u007f\\udb40\\udc01é"'


def test_manifest(make: Make, build: Any) -> None:
    layer = [build.item("f")]
    a = make("a", layer, manifest={"annotations": {"x": "1"}})
    b = make("b", layer, manifest={"annotations": {"x": "2", "y.z": "3"}})
    report = diff_images(a, b)
    assert report.images[0].manifest.changes == (
        ValueChange("annotations.x", '"1"', '"2"'),
        ValueChange('annotations["y.z"]', None, '"3"'),
    )
    assert report.grade is Grade.SAME_DIFF_IDS


def test_media_types_and_lines_about_layers(make: Make, build: Any) -> None:
    from samebit.model.descriptor import DOCKER_LAYER_GZIP, DOCKER_MANIFEST, OCI_LAYER_GZIP

    layer = [build.item("f")]
    a = make("a", layer, layer_line={"annotations": {"n": "1"}})
    b = make("b", layer, media_type=DOCKER_LAYER_GZIP, manifest={"mediaType": DOCKER_MANIFEST})
    image = diff_images(a, b).images[0]
    assert [change.path for change in image.manifest.changes] == ["mediaType"]
    assert image.layers[0].descriptor == (
        ValueChange("annotations.n", '"1"', None),
        ValueChange("mediaType", f'"{OCI_LAYER_GZIP}"', f'"{DOCKER_LAYER_GZIP}"'),
    )


def test_the_same_values_in_other_bytes(make: Make, build: Any) -> None:
    layer = [build.item("f")]
    report = diff_images(make("a", layer), make("b", layer, indent=2))
    assert report.images[0].config.encoding
    assert not report.images[0].config.changes
    assert report.grade is Grade.SAME_DIFF_IDS


def test_identical(make: Make, build: Any) -> None:
    layer = [build.item("f")]
    report = diff_images(make("a", layer), make("b", layer))
    assert report.identical
    assert report.images == ()


def test_indexes(layout: Callable[[str], Any], build: Any) -> None:
    def made(name: str, data: bytes, *platforms: str, **more: Any) -> str:
        files = layout(name)
        images = [
            (
                files.image(
                    build.archive([build.item("f", data if p.endswith("arm64") else b"same")]),
                    platform=p,
                ),
                p,
            )
            for p in platforms
        ]
        note = files.image(config={"attested": name}, manifest={"annotations": {"n": name}})
        index = files.index(*images, (note, "unknown/unknown"), **more)
        return str(files.name(index))

    a = made("a", b"1", "linux/amd64", "linux/arm64", "linux/s390x")
    b = made("b", b"2", "linux/amd64", "linux/arm64", annotations={"x": "y"})
    report = diff_images(a, b)
    assert report.index is not None
    assert report.index.only_a == ("linux/s390x",)
    assert report.index.only_b == ()
    assert report.index.same == ("linux/amd64",)
    assert report.index.different == ("linux/arm64", "unknown/unknown")
    assert report.index.document.changes == (ValueChange("annotations.x", None, '"y"'),)
    assert [image.platform for image in report.images] == ["linux/arm64"]
    assert report.grade is Grade.DIFFERENT

    chosen = diff_images(a, b, platform=Platform.parse("linux/amd64"))
    assert chosen.index is None
    assert chosen.grade is Grade.BITWISE

    only_attested = diff_images(
        made("c", b"1", "linux/amd64", "linux/arm64"), made("d", b"1", "linux/amd64", "linux/arm64")
    )
    assert only_attested.grade is Grade.SAME_DIFF_IDS
    assert only_attested.images == ()

    fewer = diff_images(
        made("e", b"1", "linux/amd64"), made("f", b"1", "linux/amd64", "linux/arm64")
    )
    assert fewer.index is not None
    assert fewer.index.only_b == ("linux/arm64",)
    assert fewer.images == ()
    assert fewer.grade is Grade.DIFFERENT


def test_an_index_with_one_image(layout: Callable[[str], Any], build: Any) -> None:
    many = layout("many")
    layer = build.archive([build.item("f")])
    images = [(many.image(layer, platform=p), p) for p in ("linux/amd64", "linux/arm64")]
    index = many.name(many.index(*images))
    one = layout("one")
    single = one.name(one.image(layer, platform="linux/arm64"))
    for report in (diff_images(index, single), diff_images(single, index)):
        assert report.index is not None
        assert report.index.same == ("linux/arm64",)
        assert report.index.unread == ("linux/amd64",)
        assert report.grade is Grade.SAME_DIFF_IDS


def test_a_layout_of_unnamed_platforms(layout: Callable[[str], Any], build: Any) -> None:
    names = []
    for name, data in (("a", b"1"), ("b", b"2")):
        files = layout(name)
        layer = build.archive([build.item("f", data)])
        names.append(
            files.name(*(files.image(layer, platform=p) for p in ("linux/amd64", "linux/arm64")))
        )
    report = diff_images(*names)
    assert [image.platform for image in report.images] == ["linux/amd64", "linux/arm64"]


def test_names_and_digests_in_the_store(
    layout: Callable[[str], Any], build: Any, tmp_path: Path
) -> None:
    files = layout("a")
    described = files.image(build.archive([build.item("f")]))
    place = files.name(described)
    store = Store(tmp_path / "home" / "store")
    for blob in sorted(os.listdir(files.blobs)):
        store.put((files.blobs / blob).read_bytes())
    digest = Digest.parse(described["digest"])
    store.tag(
        "docker.io/library/x:latest",
        Descriptor(described["mediaType"], digest, described["size"]),
    )
    before = sorted(path.name for path in store.root.rglob("*"))
    assert diff_images("x", place).identical
    assert diff_images(described["digest"], place).identical
    assert sorted(path.name for path in store.root.rglob("*")) == before
    with pytest.raises(InputError, match="holds no image called"):
        diff_images("y", place)


def test_archives_are_read_where_they_lie(
    layout: Callable[[str], Any], build: Any, tmp_path: Path
) -> None:
    files = layout("a")
    place = files.name(files.image(build.archive([build.item("f", b"1")])))
    whole = tmp_path / "a.tar"
    with tarfile.open(whole, "w") as tar:
        tar.add(files.root, ".")
    other = layout("b")
    changed = other.name(other.image(build.archive([build.item("f", b"2")])))
    assert diff_images(f"oci-archive:{whole}", place).identical
    report = diff_images(f"oci-archive:{whole}", changed)
    found = report.images[0].layers[0].entries
    assert found is not None
    assert found.changed[0].content is not None


def test_docker_archives(layout: Callable[[str], Any], build: Any, tmp_path: Path) -> None:
    layer = build.archive([build.item("f", b"1")])
    files = layout("a")
    place = files.name(files.image(layer, config={"history": []}))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": EXECUTION,
        "history": [],
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer))]},
    }
    manifest = [{"Config": "c.json", "RepoTags": [], "Layers": ["l.tar"]}]
    path = tmp_path / "docker.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in (
            ("c.json", json.dumps(config).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
            ("l.tar", layer),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    report = diff_images(f"docker-archive:{path}", place)
    assert report.a.canonicalised
    assert not report.b.canonicalised
    assert report.grade is Grade.SAME_DIFF_IDS
    assert not (tmp_path / "home").exists()


def broken_layer(files: Any, build: Any) -> str:
    place = str(files.name(files.image(build.archive([build.item("f", b"1")]))))
    for path in files.blobs.iterdir():
        if path.read_bytes()[:2] == b"\x1f\x8b":
            data = bytearray(path.read_bytes())
            data[-3] ^= 1
            path.write_bytes(data)
    return place


def lying_diff_id(files: Any, build: Any) -> str:
    layer = build.archive([build.item("f", b"1")])
    lie = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
    return str(files.name(files.image(layer, config=lie)))


def missing_blob(files: Any, build: Any) -> str:
    place = str(files.name(files.image(build.archive([build.item("f", b"1")]))))
    for path in files.blobs.iterdir():
        if path.read_bytes()[:2] == b"\x1f\x8b":
            path.unlink()
    return place


def other_bytes(files: Any, build: Any) -> str:
    """The same archive, compressed anew under the old digest."""
    place = str(files.name(files.image(build.archive([build.item("f", b"1")]))))
    for path in files.blobs.iterdir():
        if path.read_bytes()[:2] == b"\x1f\x8b":
            data = bytearray(path.read_bytes())
            data[4] = 99
            path.write_bytes(data)
    return place


def climbing_name(files: Any, build: Any) -> str:
    return str(files.name(files.image(build.archive([build.item("../../f")]))))


def not_a_tar(files: Any, build: Any) -> str:
    del build
    return str(files.name(files.image(b"not a tar archive" * 100)))


def truncated(files: Any, build: Any) -> str:
    return str(files.name(files.image(build.archive([build.item("f", b"x" * 999)])[:1000])))


@pytest.mark.parametrize(
    "breaking",
    [broken_layer, lying_diff_id, missing_blob, other_bytes, climbing_name, not_a_tar, truncated],
)
def test_broken_images_are_input_errors(
    layout: Callable[[str], Any], build: Any, make: Make, tmp_path: Path, breaking: Any
) -> None:
    good = make("good", [build.item("f", b"2")])
    bad = breaking(layout("bad"), build)
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(InputError):
            diff_images(*pair)
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize(
    "place", ["oci:/nowhere", "oci-archive:/nowhere", "docker-archive:/nowhere"]
)
def test_absent_places(make: Make, place: str) -> None:
    with pytest.raises(InputError):
        diff_images(make("a"), place)


@pytest.mark.parametrize("place", ["", "docker:x", "type=oci,dest=x", "UPPER CASE"])
def test_places_that_are_none(make: Make, place: str) -> None:
    with pytest.raises(UsageError):
        diff_images(make("a"), place)
