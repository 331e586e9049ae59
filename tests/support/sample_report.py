"""A report of `samebit diff` that has something of everything."""

from __future__ import annotations

from dataclasses import replace

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
    LayerDifference,
    LayerSide,
    LayerVerdict,
    OrderChange,
    Side,
    ValueChange,
)

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
