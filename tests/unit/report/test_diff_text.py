from __future__ import annotations

import io
from dataclasses import replace

import pytest

from samebit.model.explanation import Cause, Confidence, Evidence, Explanation
from samebit.model.image_difference import (
    ByteDifference,
    Compression,
    DiffReport,
    DocumentDifference,
    EntriesDifference,
    EntryChange,
    FieldChange,
    Grade,
    ImageDifference,
    IndexDifference,
    LayerDifference,
    LayerSide,
    LayerVerdict,
    OrderChange,
    Side,
    ValueChange,
)
from samebit.report.diff_text import write_diff

A, B, C, D = (f"sha256:{letter * 64}" for letter in "abcd")
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SAME = LayerDifference(
    LayerVerdict.SAME, LayerSide(0, C, C, 10, LAYER), LayerSide(0, C, C, 10, LAYER)
)
ENTRIES = EntriesDifference(
    count_a=12,
    count_b=13,
    changed_count=3,
    changed=(
        EntryChange(
            "/etc/f",
            0,
            (FieldChange("size", "3", "4"), FieldChange("mtime", "1", "2")),
            ByteDifference(3, 4, 2, 1, 0, b"ab\n", b"abc\x7f"),
            Explanation(
                "etc/f",
                (
                    Cause(
                        "clock/text",
                        Confidence.CERTAIN,
                        "the time is in it",
                        "write another time",
                        "https://example.org",
                        (Evidence(2, 2, "x", "y", "today", "tomorrow", "a.jar"),),
                        places=4,
                    ),
                ),
                unexplained=1,
            ),
        ),
        EntryChange("/etc/g", 1, (FieldChange("xattr user.x", None, "1"),)),
    ),
    only_a_count=0,
    only_a=(),
    only_b_count=1,
    only_b=("/new",),
    fields=(("content", 1), ("mtime", 2), ("xattr", 1)),
    order=OrderChange(4, "/x", "/y"),
)
REPORT = DiffReport(
    Side("oci:a", A, MANIFEST),
    Side("docker-archive:\x1b.tar", B, MANIFEST, canonicalised=True),
    Grade.DIFFERENT,
    None,
    (
        ImageDifference(
            platform="linux/amd64",
            digest_a=A,
            digest_b=B,
            grade=Grade.DIFFERENT,
            manifest=DocumentDifference(encoding=True),
            config=DocumentDifference(
                (
                    ValueChange("created", '"2026"', '"2027"'),
                    ValueChange("config.Env.X", None, '"1"'),
                    ValueChange("config.User", '"0"', None),
                )
            ),
            layers=(
                SAME,
                LayerDifference(
                    LayerVerdict.DIFFERENT,
                    LayerSide(1, C, C, 10, LAYER),
                    LayerSide(1, D, D, 1, LAYER),
                    entries=ENTRIES,
                ),
                LayerDifference(
                    LayerVerdict.BLOB_DIFFERS,
                    LayerSide(2, C, A, 10, LAYER),
                    LayerSide(2, D, A, 11, LAYER),
                    compression=(
                        Compression("gzip", 3, 1 << 20, (("mtime", "0"),), uniform=False),
                        Compression("zstd", 1, None, (("checksum", "present"),), level="fastest"),
                    ),
                ),
            ),
            paired=True,
            tree=replace(ENTRIES, order=None),
        ),
    ),
)
TEXT = f"""\
A  oci:a  {A}
B  docker-archive:\\x1b.tar  {B}
   its place keeps no manifest: digest and compression are samebit's
different
config: 3 differences
  created: "2026" -> "2027"
  config.Env.X: "1" only in B
  and 1 more (--limit 0 shows all)
layer 1: same
layer 2: 3 entries changed (content 1, mtime 2, xattr 1), 1 only in B, other order; \
12 entries in A, 13 in B
  A {C}, 10 bytes, diff ID {C}
  B {D}, 1 byte, diff ID {D}
  /etc/f: content: first at byte 2 of 3 and 4 bytes, 1 differing; mtime 1 -> 2
    A 00000000  61 62 0a                                         |ab.|
    B 00000000  61 62 63 7f                                      |abc.|
    cause: the time is in it [clock/text, certain, 4 places]
      a.jar: at byte 2: x is today -> y is tomorrow
      fix: write another time
    and 1 place without a known cause
  /etc/g (occurrence 2): xattr user.x 1 only in B
  and 1 more changed (--limit 0 shows all)
  only in B: /new
  order: common entry 5 is /x in A, /y in B
layer 3: diff ID equal, blob differs
  A {C}, 10 bytes, diff ID {A}
  B {D}, 11 bytes, diff ID {A}
  A gzip, 3 members, the first of 1048576 bytes, mtime 0, headers vary
  B zstd, 1 frame, checksum present, level: fastest
files of all layers together: 3 entries changed (content 1, mtime 2, xattr 1), 1 only in B; \
12 entries in A, 13 in B
manifest: the same values, written in other bytes
"""


def shown(report: DiffReport, limit: int | None = None) -> str:
    out = io.StringIO()
    write_diff(report, out, limit)
    return out.getvalue()


def test_the_whole_of_it() -> None:
    assert shown(REPORT, 2) == TEXT


def test_identical() -> None:
    text = shown(DiffReport(REPORT.a, REPORT.a, Grade.BITWISE))
    assert text == f"A  oci:a  {A}\nB  oci:a  {A}\nidentical, byte for byte\n"


def test_platforms() -> None:
    index = IndexDifference(
        ("linux/s390x",), (), ("linux/amd64",), ("linux/arm64",), (), DocumentDifference()
    )
    image = replace(REPORT.images[0], platform="linux/arm64", config=DocumentDifference())
    lines = shown(replace(REPORT, index=index, images=(image,))).splitlines()
    assert lines[4:9] == [
        "platforms only in A: linux/s390x",
        "platforms different: linux/arm64",
        "platforms same: linux/amd64",
        "",
        "linux/arm64: different",
    ]


def test_long_values_are_shown_around_their_first_difference() -> None:
    config = DocumentDifference((ValueChange("x", f'"{"a" * 300}1"', f'"{"a" * 300}2"'),))
    image = replace(REPORT.images[0], config=config)
    (line,) = [
        line for line in shown(replace(REPORT, images=(image,))).splitlines() if " x:" in line
    ]
    assert line == f'  x: ...{"a" * 25}1" -> ...{"a" * 25}2"'


def test_unpaired_layers_and_equal_trees() -> None:
    empty = EntriesDifference(1, 1, 0, (), 0, (), 0, (), ())
    image = replace(
        REPORT.images[0],
        layers=(
            SAME,
            replace(SAME, a=LayerSide(1, D, D, 1, LAYER), b=LayerSide(2, D, D, 1, LAYER)),
            LayerDifference(LayerVerdict.ONLY_B, None, LayerSide(1, B, B, 5, LAYER)),
        ),
        paired=False,
        tree=empty,
        config=DocumentDifference(),
        manifest=DocumentDifference(),
    )
    assert shown(replace(REPORT, images=(image,))).splitlines()[4:] == [
        "layers 1 to 2: same",
        "layer 2 of B: has no counterpart",
        f"  B {B}, 5 bytes, diff ID {B}",
        "files of all layers together: same",
    ]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_terminals_get_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = _Terminal()
    write_diff(REPORT, out, None)
    assert "\x1b[31m" in out.getvalue()
    assert "\x1b" not in shown(REPORT)


def test_an_encoding_that_lacks_characters() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    config = DocumentDifference((ValueChange("author", '"é"', None),))
    write_diff(replace(REPORT, images=(replace(REPORT.images[0], config=config),)), out, None)
    out.flush()
    assert b'author: "\\xe9" only in A' in raw.getvalue()
