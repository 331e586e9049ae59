from __future__ import annotations

import io
from dataclasses import replace

import pytest
from sample_report import LAYER, REPORT, SAME, A, B, C, D

from samebit.model.image_difference import (
    DiffReport,
    DocumentDifference,
    EntriesDifference,
    Grade,
    IndexDifference,
    LayerDifference,
    LayerSide,
    LayerVerdict,
    ValueChange,
)
from samebit.report.diff_text import write_diff

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
