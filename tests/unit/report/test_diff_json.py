from __future__ import annotations

import json
from pathlib import Path

import pytest
from json_schema import faults

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
from samebit.report.diff_json import diff_json

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "diff.schema.json").read_text("utf-8")
)
DIGEST = "sha256:" + "a" * 64
SIDE = Side("oci:a", DIGEST, "application/vnd.oci.image.manifest.v1+json")
LAYER = LayerSide(0, DIGEST, DIGEST, 5, "application/vnd.oci.image.layer.v1.tar")
BYTES = ByteDifference(3, 4, 2, 1, 0, b"ab\n", b"abc\xff")
CAUSE = Cause(
    "clock/text",
    Confidence.LIKELY,
    "a time",
    "no time",
    "https://example.org",
    (Evidence(1, None, "a", "b", "one", "other", "inner"),),
)
EXPLANATION = Explanation("f", (CAUSE,), unexplained=1)
ENTRIES = EntriesDifference(
    *(1, 2, 1),
    (EntryChange("/f", 0, (FieldChange("mode", None, "0644"),), BYTES, EXPLANATION),),
    *(0, (), 1, ("/n",), (("mode", 1),)),
    OrderChange(0, "/a", "/b"),
)
DOCUMENT = DocumentDifference((ValueChange("config.x", '{"a":[1.5,null]}', None),))
FULL = DiffReport(
    SIDE,
    SIDE,
    Grade.DIFFERENT,
    IndexDifference(("linux/arm64",), (), (), ("linux/amd64",), (), DOCUMENT),
    (
        ImageDifference(
            "linux/amd64",
            DIGEST,
            DIGEST,
            Grade.SAME_TREE,
            DOCUMENT,
            DocumentDifference(encoding=True),
            (
                LayerDifference(LayerVerdict.ONLY_A, LAYER, None),
                LayerDifference(LayerVerdict.DIFFERENT, LAYER, LAYER, (), None, ENTRIES, BYTES),
                LayerDifference(
                    LayerVerdict.BLOB_DIFFERS,
                    LAYER,
                    LAYER,
                    compression=(Compression("gzip", 1, 3, (("mtime", "0"),)), Compression("none")),
                ),
            ),
            paired=False,
            tree=ENTRIES,
        ),
    ),
)


@pytest.mark.parametrize("report", [FULL, DiffReport(SIDE, SIDE, Grade.BITWISE)])
def test_it_is_what_the_schema_says(report: DiffReport) -> None:
    assert faults(json.loads(diff_json(report)), SCHEMA) == []


def test_every_member_of_the_schema_is_used() -> None:
    text = diff_json(FULL)
    names = {
        name for part in [SCHEMA, *SCHEMA["$defs"].values()] for name in part.get("properties", ())
    }
    assert {name for name in names if f'"{name}"' not in text} == set()


def test_values() -> None:
    document = json.loads(diff_json(FULL))
    assert document["identical"] is False
    assert document["index"]["document"]["changes"] == [
        {"path": "config.x", "a": {"a": [1.5, None]}}
    ]
    entries = document["images"][0]["layers"][1]["entries"]
    assert entries["fields"] == {"mode": 1}
    assert entries["changed"][0]["fields"] == [{"field": "mode", "b": "0644"}]
    assert entries["changed"][0]["content"]["window_b"] == "616263ff"
    assert diff_json(FULL).isascii()
