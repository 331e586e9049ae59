"""Attributes and names of entries that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from explained import A, B

from samebit.explain.entries import explain_fields, explain_names
from samebit.explain.protocol import BuildFacts
from samebit.model.explanation import Confidence
from samebit.model.image_difference import FieldChange

UNKNOWN = BuildFacts(), BuildFacts()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("metadata/umask", FieldChange("mode", "0644", "0640")),
        ("metadata/mode", FieldChange("mode", "0755", "0644")),
        ("metadata/mode", FieldChange("mode", "4755", "0755")),
        ("metadata/owner", FieldChange("uid", "0", "1000")),
        ("metadata/xattr", FieldChange("xattr user.x", None, "1")),
        ("metadata/hard-links", FieldChange("hard-links", "/a", None)),
        ("metadata/link-target", FieldChange("link", "left", "right")),
        ("metadata/time", FieldChange("mtime", "1", "2")),
        ("metadata/type", FieldChange("type", "file", "symlink")),
        ("metadata/archive-format", FieldChange("format", "gnu", "ustar")),
        ("clock/text", FieldChange("link", "/opt/20260504100001", "/opt/20260505110001")),
    ],
)
def test_each_attribute_has_its_cause(name: str, change: FieldChange) -> None:
    causes = explain_fields(b"srv/f", [change, FieldChange("size", "1", "2")], (A, B))
    assert [cause.name for cause in causes] == [name]
    assert causes[0].evidence


def test_a_known_umask_makes_it_certain_or_rules_it_out() -> None:
    change = FieldChange("mode", "0644", "0640")
    facts = replace(A, umask=0o022), replace(B, umask=0o027)
    (cause,) = explain_fields(b"f", [change], facts)
    assert (cause.name, cause.confidence) == ("metadata/umask", Confidence.CERTAIN)
    (cause,) = explain_fields(b"f", [change], (replace(A, umask=0o022), replace(B, umask=0o022)))
    assert cause.name == "metadata/mode"


def test_header_fields_follow_from_what_they_say() -> None:
    changes = [FieldChange("mtime", "1", "2"), FieldChange("raw mtime", "x", "y")]
    assert [cause.name for cause in explain_fields(b"f", changes, UNKNOWN)] == ["metadata/time"]


def test_names_that_are_made_anew() -> None:
    (renamed,) = explain_names(
        [b"srv/cache.a8Fz2k", b"srv/kept"], [b"srv/cache.Zk29sL", b"srv/other"], UNKNOWN
    )
    assert (renamed.path_a, renamed.path_b) == ("/srv/cache.a8Fz2k", "/srv/cache.Zk29sL")
    assert renamed.explanation.causes[0].name == "path/temporary"
    for a, b in (("3Fx9Ab", "qW12er"), ("ABCDEF", "12xy34"), ("0a0b0c", "zzzzz1")):
        (renamed,) = explain_names([f"srv/c.{a}".encode()], [f"srv/c.{b}".encode()], UNKNOWN)
        assert renamed.explanation.causes, (a, b)
    dated = explain_names(
        [b"srv/release-20260504100001", b"srv/release-20260504100001/v"],
        [b"srv/release-20260505110001", b"srv/release-20260505110001/v"],
        (A, B),
    )
    assert [one.explanation.causes[0].name for one in dated] == ["clock/text"] * 2
    assert explain_names([b"a1"], [b"b2"], UNKNOWN) == ()
