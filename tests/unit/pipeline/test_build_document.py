from __future__ import annotations

import json
from pathlib import Path

from json_schema import faults

from samebit.errors import Place
from samebit.lock.model import Lock, make_recipe
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.model.normalising import (
    Account,
    LeftAlone,
    NormalisedFile,
    NormaliserChoices,
    PathRule,
    Secret,
)
from samebit.model.platform import Platform
from samebit.pipeline.build import BuildResult
from samebit.pipeline.build_document import build_document
from samebit.report.normalised_text import file_lines, summary_lines

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "build.schema.json").read_text("utf-8")
)
AMD = Platform("linux", "amd64")
IMAGE = Descriptor(OCI_MANIFEST, Digest.of(b"x"), 5)
ACCOUNT = Account(
    (
        NormalisedFile(b"a\n\xff", "x/log", "revert", 7, None),
        NormalisedFile(b"b", "x/cache", "rewrite", 7, 9),
        NormalisedFile(b"c", "x/log", "remove", 0, None),
    ),
    (LeftAlone(b"d", "x/cache", "is signed"),),
    (Secret(b"e", "secret/key", "is a key", "remove it"),),
)
CHOICES = NormaliserChoices(("x/y",), ("srv/*",), (PathRule("p", "remove", "noise"),))
RESULT = BuildResult(
    image=IMAGE,
    platforms=((AMD, IMAGE),),
    lock=Lock(
        5,
        make_recipe([], bases=[], target=None, platforms=[AMD], build_args={}, normalising=CHOICES),
    ),
    lock_file=None,
    lock_written=False,
    recorded=True,
    reused=False,
    findings=(Finding("code", "what", Place("Dockerfile", 3)), Finding("other", "what")),
    accounts=((AMD, ACCOUNT),),
)


def test_it_is_what_the_schema_says() -> None:
    document = json.loads(json.dumps(build_document(RESULT)))
    assert faults(document, SCHEMA) == []
    assert document["normalised"][0] == {
        "path": "/a\\x0a\\xff",
        "normaliser": "x/log",
        "action": "revert",
        "before": 7,
        "after": None,
        "platform": "linux/amd64",
    }
    assert document["normalisers"]["keep"] == ["/srv/*"]


def test_a_person_reads_one_line_or_every_file() -> None:
    assert summary_lines(ACCOUNT) == ("normalised 3 files: x/cache 1, x/log 2",)
    assert summary_lines(Account()) == ()
    assert file_lines(ACCOUNT) == (
        "revert /a\\x0a\\xff (x/log, 7 -> nothing)",
        "rewrite /b (x/cache, 7 -> 9 bytes)",
        "remove /c (x/log, 0 -> nothing)",
    )
