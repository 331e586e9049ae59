from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from json_schema import faults
from sample_report import A, B
from sample_verification import CAUSE, COPY, OTHER, PATH, RUN, SAME

from samebit.model.verification import AsBuilt, Expectation, Verification
from samebit.report.verify_json import verify_json
from samebit.report.verify_text import verdict, verification_lines

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "verify.schema.json").read_text("utf-8")
)


def text(verification: Verification) -> str:
    return "\n".join(line.text for line in verification_lines(verification))


def test_identical_says_what_it_is_worth() -> None:
    assert verdict(SAME) == "identical under host-name"
    assert "not varied: runtime (crun is not installed)" in text(SAME)
    assert "as built: identical before normalising, too" in text(SAME)


def test_without_any_axis_it_says_so() -> None:
    assert verdict(replace(SAME, axes=())) == "identical, with nothing varied"


def test_one_build_alone_is_never_identical() -> None:
    alone = replace(SAME, builds=SAME.builds[:1])
    assert not alone.identical
    assert "identical" not in verdict(alone)


def test_what_normalising_did_is_told() -> None:
    told = text(replace(SAME, as_built=AsBuilt(3, ("/var/log/a", "/var/log/b"))))
    assert "identical only after normalising; before, /var/log/a, /var/log/b and 1 more" in told


def test_an_expectation_that_is_not_met_is_a_difference() -> None:
    met = replace(SAME, expectation=Expectation("docker://example.org/app", A))
    assert met.identical
    assert verdict(met).endswith("and the same as docker://example.org/app")
    missed = replace(SAME, expectation=Expectation("docker://example.org/app", B))
    assert not missed.identical
    assert verdict(missed).startswith("different from docker://example.org/app")
    assert f"expected {B}" in text(missed)


def test_a_difference_names_line_axis_cause_and_fix() -> None:
    told = text(OTHER)
    assert not OTHER.identical
    assert "different: 1 path not the same in 2 builds" in told
    assert "Dockerfile:4  RUN hostname > /name" in told
    assert "/name: host-name alone makes it differ" in told
    assert "one -> two" in told
    assert "fix: leave it out" in told


def test_a_copied_path_names_both_instructions() -> None:
    told = text(replace(OTHER, differences=(replace(PATH, instruction=COPY, origin=RUN),)))
    assert "Dockerfile:4  RUN hostname > /name" in told
    assert "copied by Dockerfile:9  COPY --from=one /name /" in told


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"axes": (), "unvaried": True, "causes": ()}, "without any variation: it is random"),
        ({"axes": (), "together": ("a", "b")}, "several at once do"),
        ({"axes": (), "unresolved": True}, "was not found out"),
        ({"axes": ("a", "b")}, "a, b each alone make it differ"),
    ],
)
def test_every_kind_of_blame_has_words(change: dict[str, object], words: str) -> None:
    assert words in text(replace(OTHER, differences=(replace(PATH, **change),)))  # type: ignore[arg-type]


def test_time_without_variation_is_called_so() -> None:
    clock = replace(CAUSE, axis="clock")
    found = replace(PATH, axes=(), unvaried=True, causes=(clock,))
    assert "it shows the time" in text(replace(OTHER, differences=(found,)))


def test_a_secret_is_not_repeated() -> None:
    secret = replace(PATH, causes=(replace(CAUSE, confidential=True),))
    assert "one -> two" not in text(replace(OTHER, differences=(secret,)))


def test_more_than_is_shown_is_counted() -> None:
    assert "and 4 paths more (--limit 0 shows all)" in text(replace(OTHER, difference_count=5))


@pytest.mark.parametrize("value", [SAME, OTHER], ids=["same", "other"])
def test_the_document_is_as_its_schema_says(value: Verification) -> None:
    document = json.loads(verify_json(value))
    assert faults(document, SCHEMA) == []
    assert document["identical"] is value.identical
