"""Each kind of difference between layers, one small pair of images each."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samebit.model.image_difference import (
    DiffReport,
    EntriesDifference,
    FieldChange,
    Grade,
    LayerVerdict,
)
from samebit.pipeline.diff import diff_images

Make = Callable[..., str]


def entries(report: DiffReport, layer: int = 0) -> EntriesDifference:
    found = report.images[0].layers[layer].entries
    assert found is not None
    return found


def tree(report: DiffReport) -> EntriesDifference:
    found = report.images[0].tree
    assert found is not None
    return found


FIELDS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, tuple[str | None, str | None]]]]
FIELDS = [
    ("mode", {"mode": 0o600}, {"mode": 0o4755}, {"mode": ("0600", "4755")}),
    ("uid", {"uid": 0}, {"uid": 7}, {"uid": ("0", "7")}),
    ("gid", {"gid": 1}, {"gid": 0}, {"gid": ("1", "0")}),
    ("mtime", {"mtime": 5}, {"mtime": 6}, {"mtime": ("5", "6")}),
    (
        "mtime below a second",
        {"mtime": 5.25, "pax": {"x": "y"}},
        {"mtime": 5.5, "pax": {"x": "y"}},
        {"mtime": ("5.25", "5.5")},
    ),
    ("user name", {"uname": "root"}, {}, {"uname": ("root", "")}),
    ("group name", {}, {"gname": "adm"}, {"gname": ("", "adm")}),
    (
        "symlink target",
        {"type": tarfile.SYMTYPE, "linkname": "a"},
        {"type": tarfile.SYMTYPE, "linkname": "b"},
        {"link": ("a", "b")},
    ),
    (
        "type",
        {},
        {"type": tarfile.FIFOTYPE},
        {"type": ("file", "fifo"), "size": ("0", None)},
    ),
    (
        "device",
        {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3},
        {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
        {"device": ("1,3", "1,5")},
    ),
    (
        "xattr value",
        {"pax": {"SCHILY.xattr.user.x": "1"}},
        {"pax": {"SCHILY.xattr.user.x": "2"}},
        {"xattr user.x": ("1", "2")},
    ),
    (
        "xattr added",
        {"pax": {"SCHILY.xattr.user.x": "1"}},
        {"pax": {"SCHILY.xattr.user.x": "1", "SCHILY.xattr.user.y": "2"}},
        {
            "xattr user.y": (None, "2"),
            "pax-records": ("SCHILY.xattr.user.x", "SCHILY.xattr.user.x,SCHILY.xattr.user.y"),
        },
    ),
    (
        "pax record value",
        {"pax": {"atime": "1"}},
        {"pax": {"atime": "2"}},
        {"pax atime": ("1", "2")},
    ),
    (
        "pax record added",
        {},
        {"pax": {"ctime": "2"}},
        {"pax ctime": (None, "2"), "format": ("ustar", "pax"), "pax-records": (None, "ctime")},
    ),
    ("spelling of the name", {"name": "f"}, {"name": "./f"}, {"name": ("f", "./f")}),
]


@pytest.mark.parametrize(
    ("first", "second", "fields"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS]
)
def test_a_header_field(
    make: Make,
    build: Any,
    first: dict[str, Any],
    second: dict[str, Any],
    fields: dict[str, tuple[str | None, str | None]],
) -> None:
    around = [build.item("before", b"1"), build.item("z-after", b"2")]
    a = make("a", [around[0], build.item(**{"name": "f", **first}), around[1]])
    b = make("b", [around[0], build.item(**{"name": "f", **second}), around[1]])
    found = entries(diff_images(a, b))
    assert (found.changed_count, found.only_a_count, found.only_b_count) == (1, 0, 0)
    assert found.order is None
    assert found.changed[0].path == "/f"
    changes = {change.field: change for change in found.changed[0].fields}
    assert {name: (change.a, change.b) for name, change in changes.items()} == fields


def test_a_long_value_is_cut_and_still_told(make: Make, build: Any) -> None:
    a, b = (
        make(name, [build.item("f", pax={"SCHILY.xattr.user.x": "1" * 399 + name})])
        for name in ("a", "b")
    )
    (change,) = entries(diff_images(a, b)).changed[0].fields
    assert change.field == "xattr user.x"
    for value in (change.a, change.b):
        assert value is not None
        assert value.startswith("1" * 64 + "... (400 bytes, sha256:")
    assert change.a != change.b


def test_file_type_bits_in_the_mode(make: Make, build: Any) -> None:
    # buildah 1.28 writes them, tarfile does not.
    data = build.archive([build.item("f")])
    other = bytearray(data)
    other[100:108] = b"0100644\0"
    other[148:156] = b"%06o\0 " % (sum(other[:148]) + sum(other[156:512]) + 8 * 0x20)
    report = diff_images(make("a", data), make("b", bytes(other)))
    assert entries(report).changed[0].fields == (FieldChange("mode", "0644", "100644"),)
    assert report.grade is Grade.SAME_TREE


@pytest.mark.parametrize(
    ("a", "b", "first", "count", "start"),
    [
        (b"hello", b"hellO", 4, 1, 0),
        (b"", b"x", 0, 0, 0),
        (b"abc", b"abcd", 3, 0, 0),
        (b"0123456789abcdefXYZ", b"0123456789abcdefXyZ", 17, 1, 16),
        (bytes(300_000), bytes(299_999) + b"\1", 299_999, 1, 299_984),
        (b"a" * 262_144, b"a" * 262_144 + b"b", 262_144, 0, 262_144),
        (b"a" * 262_143 + b"b" * 50, b"a" * 262_143 + b"c" * 50, 262_143, 50, 262_128),
        (b"x" * 700_000, b"y" * 700_000, 0, 700_000, 0),
    ],
)
def test_content(
    make: Make, build: Any, *, a: bytes, b: bytes, first: int, count: int, start: int
) -> None:
    found = entries(diff_images(make("a", [build.item("f", a)]), make("b", [build.item("f", b)])))
    content = found.changed[0].content
    assert content is not None
    assert (content.first, content.count, content.start) == (first, count, start)
    assert (content.size_a, content.size_b) == (len(a), len(b))
    assert content.window_a == a[start : start + 32]
    assert content.window_b == b[start : start + 32]
    assert ("content", 1) in found.fields


def test_causes(make: Make, build: Any) -> None:
    a, b = (b"built 2026-05-0%d 10:00:00\n" % day for day in (4, 5))
    found = entries(diff_images(make("a", [build.item("f", a)]), make("b", [build.item("f", b)])))
    explanation = found.changed[0].explanation
    assert explanation is not None
    assert [cause.name for cause in explanation.causes] == ["clock/text"]
    assert explanation.unexplained == 0


def test_added_and_removed(make: Make, build: Any) -> None:
    common = build.item("m")
    a = make("a", [build.item("b"), build.item("a"), common])
    b = make("b", [common, build.item("x/y")])
    found = entries(diff_images(a, b))
    assert (found.only_a, found.only_b) == (("/a", "/b"), ("/x/y",))
    assert (found.count_a, found.count_b, found.changed_count) == (3, 2, 0)
    # Only common entries have an order.
    assert found.order is None


def test_order(make: Make, build: Any) -> None:
    items = [build.item(name) for name in ("a", "b", "c", "d")]
    a = make("a", [items[0], items[1], build.item("only"), items[2], items[3]])
    b = make("b", [items[0], items[1], items[3], items[2]])
    report = diff_images(a, b)
    order = entries(report).order
    assert order is not None
    assert (order.position, order.path_a, order.path_b) == (2, "/c", "/d")


def test_duplicates(make: Make, build: Any) -> None:
    twice = [build.item("f", b"1"), build.item("f", b"2")]
    report = diff_images(make("a", twice), make("b", [twice[0], build.item("f", b"3")]))
    found = entries(report)
    assert [(change.path, change.occurrence) for change in found.changed] == [("/f", 1)]
    report = diff_images(make("c", twice), make("d", twice[1:]))
    found = entries(report)
    assert (found.count_a, found.count_b, found.only_a) == (2, 1, ("/f",))
    # The later entry wins, so the trees are the same.
    assert not tree(report).differs
    assert report.grade is Grade.SAME_TREE


def test_only_the_encoding_of_a_header(make: Make, build: Any) -> None:
    data = build.archive([build.item("f", b"x"), build.item("g")])
    other = bytearray(data)
    other[100:108] = b"000644 \0"
    other[148:156] = b"%06o\0 " % (sum(other[:148]) + sum(other[156:512]) + 8 * 0x20)
    report = diff_images(make("a", data), make("b", bytes(other)))
    found = entries(report)
    assert [change.path for change in found.changed] == ["/f"]
    assert found.changed[0].fields == (FieldChange("raw mode", "0000644\\x00", "000644 \\x00"),)
    assert report.grade is Grade.SAME_TREE


def test_only_an_extended_header(make: Make, build: Any) -> None:
    item = build.item("f", pax={"comment": "x"})
    data = build.archive([item])
    other = bytearray(data)
    other[0:4] = b"prc/"
    other[148:156] = b"%06o\0 " % (sum(other[:148]) + sum(other[156:512]) + 8 * 0x20)
    found = entries(diff_images(make("a", data), make("b", bytes(other))))
    (change,) = found.changed[0].fields
    assert change.field == "raw extended name"


def test_only_the_padding_of_the_archive(make: Make, build: Any) -> None:
    data = build.archive([build.item("f", b"x")])
    report = diff_images(make("a", data), make("b", data[:2048]))
    layer = report.images[0].layers[0]
    assert layer.verdict is LayerVerdict.DIFFERENT
    assert layer.entries is not None
    assert not layer.entries.differs
    assert layer.archive is not None
    assert (layer.archive.first, layer.archive.size_a, layer.archive.size_b) == (2048, 10240, 2048)
    assert report.grade is Grade.SAME_TREE


def test_formats(make: Make, build: Any) -> None:
    items = [build.item("f", b"x"), build.item("n" * 120)]
    reports = {
        name: make(name, items, form=form)
        for name, form in (("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT))
    }
    found = entries(diff_images(reports["gnu"], reports["pax"]))
    assert {change.path: change.fields for change in found.changed} == {
        "/f": (FieldChange("format", "gnu", "ustar"),),
        "/" + "n" * 120: (
            FieldChange("format", "gnu", "pax"),
            FieldChange("pax-records", None, "path"),
        ),
    }


def test_most_important_first_and_limited(make: Make, build: Any) -> None:
    items = [build.item(f"f{n}", b"same") for n in range(9)]
    changed = [replace(item, mtime=2) for item in items]
    changed[4] = replace(items[4], data=b"othr")
    changed[7] = replace(items[7], mode=0o600)
    a, b = make("a", items), make("b", changed)
    found = entries(diff_images(a, b, limit=3))
    assert [change.path for change in found.changed] == ["/f4", "/f7", "/f0"]
    assert found.changed_count == 9
    assert dict(found.fields) == {"content": 1, "mode": 1, "mtime": 7}
    everything = entries(diff_images(a, b, limit=None))
    assert len(everything.changed) == 9
    assert everything.changed[:3] == found.changed


def test_names_from_strangers_are_escaped(make: Make, build: Any) -> None:
    name = "\x1b[2J\u202eevil\udcff\\"
    found = entries(diff_images(make("a", []), make("b", [build.item(name)], form=1)))
    assert found.only_b == ("/\\x1b[2J\\u{202e}evil\\xff\\\\",)


@pytest.mark.parametrize(
    ("a", "b", "a_facts", "b_facts"),
    [
        (
            lambda data: gzip.compress(data, 9, mtime=0),
            lambda data: gzip.compress(data, 1, mtime=7),
            ("gzip", 1, "slowest and smallest", "0"),
            ("gzip", 1, "fastest", "7"),
        ),
        (
            lambda data: gzip.compress(data, 6, mtime=0),
            lambda data: gzip.compress(data[:99], 6, mtime=0) + gzip.compress(data[99:], mtime=0),
            ("gzip", 1, None, "0"),
            ("gzip", 2, None, "0"),
        ),
    ],
)
def test_equal_diff_id_other_blob(
    make: Make, build: Any, *, a: Any, b: Any, a_facts: Any, b_facts: Any
) -> None:
    items = [build.item("f", os.urandom(3000))]
    report = diff_images(make("a", items, pack=a), make("b", items, pack=b))
    (layer,) = report.images[0].layers
    assert layer.verdict is LayerVerdict.BLOB_DIFFERS
    assert layer.compression is not None
    for facts, (algorithm, parts, level, mtime) in zip(
        layer.compression, (a_facts, b_facts), strict=True
    ):
        assert (facts.algorithm, facts.parts) == (algorithm, parts)
        assert dict(facts.header)["mtime"] == mtime
        if level is not None:
            assert facts.level == level
    assert report.grade is Grade.SAME_DIFF_IDS
    assert report.images[0].tree is None


def test_gzip_header_fields(make: Make, build: Any) -> None:
    def named(data: bytes) -> bytes:
        buffer = io.BytesIO()
        with gzip.GzipFile("layer.tar", "wb", 6, buffer, mtime=1) as stream:
            stream.write(data)
        return buffer.getvalue()

    items = [build.item("f", b"x")]
    report = diff_images(make("a", items, pack=named), make("b", items, pack=bytes))
    facts = report.images[0].layers[0].compression
    assert facts is not None
    assert dict(facts[0].header)["name"] == "layer.tar"
    assert facts[1].algorithm == "none"


def test_zstd_frames(make: Make, build: Any) -> None:
    import zstandard

    def frames(data: bytes) -> bytes:
        one = zstandard.ZstdCompressor(level=3, write_checksum=True)
        return (
            one.compress(data[:5000])
            + b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
            + one.compress(data[5000:])
        )

    items = [build.item("f", os.urandom(200_000) + bytes(200_000))]
    report = diff_images(make("a", items), make("b", items, pack=frames))
    facts = report.images[0].layers[0].compression
    assert facts is not None
    assert (facts[1].algorithm, facts[1].parts, facts[1].part_size) == ("zstd", 2, 5000)
    assert dict(facts[1].header)["checksum"] == "present"


def test_known_noise_is_named_with_its_normaliser(make: Make, build: Any) -> None:
    def items(number: int) -> list[Any]:
        counters = number.to_bytes(4, "big")
        header = b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20" + counters
        # Its only page has no row.
        database = (header.ljust(100, b"\0") + b"\x0d\0\0\0\0\x10\0\0").ljust(4096, b"\0")
        return [
            build.item("srv/app.db", database),
            build.item("srv/app.txt", counters),
            build.item("var/log/dpkg.log", counters),
        ]

    report = diff_images(make("a", items(1)), make("b", items(2)))
    found = {
        change.path: {cause.name: cause for cause in change.explanation.causes}
        for change in entries(report).changed
        if change.explanation is not None
    }
    noise = {path: causes.get("noise/known") for path, causes in found.items()}
    assert noise["/srv/app.txt"] is None
    for path, name, fix in (
        ("/srv/app.db", "formats/sqlite-counters", "comparing alone"),
        ("/var/log/dpkg.log", "debian/dpkg-log", "samebit normalise"),
    ):
        cause = noise[path]
        assert cause is not None
        assert f"the normaliser {name} takes away" in cause.what
        assert fix in cause.fix


def test_other_split_of_the_same_tree(make: Make, build: Any) -> None:
    one = [build.directory("d"), build.item("d/gone", b"1"), build.item("d/f", b"old")]
    two = [build.item("d/.wh.gone"), build.item("d/f", b"new"), build.item("g", b"x")]
    flat = [build.directory("d"), build.item("d/f", b"new"), build.item("g", b"x")]
    report = diff_images(make("a", one, two), make("b", flat))
    image = report.images[0]
    assert not image.paired
    assert [layer.verdict for layer in image.layers] == [
        LayerVerdict.ONLY_A,
        LayerVerdict.ONLY_A,
        LayerVerdict.ONLY_B,
    ]
    assert not tree(report).differs
    assert report.grade is Grade.SAME_TREE
    other = diff_images(make("c", one, two), make("d", [*flat[:-1], build.item("g", b"y")]))
    (change,) = tree(other).changed
    assert change.path == "/g"
    assert change.content is not None
    assert (change.content.window_a, change.content.window_b) == (b"x", b"y")
    assert other.grade is Grade.DIFFERENT


def test_moved_layers(make: Make, build: Any) -> None:
    base, one, two = ([build.item(name)] for name in ("base", "one", "two"))
    report = diff_images(make("a", base, one, two), make("b", base, two, one))
    image = report.images[0]
    assert not image.paired
    assert [
        (layer.verdict, layer.a and layer.a.position, layer.b and layer.b.position)
        for layer in image.layers
    ] == [(LayerVerdict.SAME, 0, 0), (LayerVerdict.SAME, 1, 2), (LayerVerdict.SAME, 2, 1)]
    assert report.grade is Grade.SAME_TREE


def test_a_temporary_file_is_never_left(make: Make, build: Any, tmp_path: Path) -> None:
    diff_images(make("a", [build.item("f", b"1")]), make("b", [build.item("f", b"2")]))
    assert os.listdir(tmp_path / "tmp") == []
    # Nor does looking at two layouts make a store.
    assert not (tmp_path / "home").exists()
