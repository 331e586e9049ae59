"""SARIF of a verification: as the standard says, and at the lines that are to blame."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import sample_verification as sample
from sample_report import REPORT, A, B
from sample_verification import COPY, RUN, SAME
from sarif_rules import faults

from samebit.errors import Place
from samebit.model.verification import Expectation, PathDifference, Verification
from samebit.report.verify_sarif import verify_sarif

# Copied from the stage whose line is to blame.
MADE = replace(RUN, where=Place("./Dockerfile", 4))
PATH = replace(sample.PATH, instruction=COPY, origin=MADE)
OTHER = replace(sample.OTHER, differences=(PATH,))


def run_of(verification: Verification) -> dict[str, Any]:
    log = json.loads(verify_sarif(verification))
    assert faults(log) == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_a_result_stands_at_the_line_that_made_the_path() -> None:
    (result,) = run_of(OTHER)["results"]
    assert (result["ruleId"], result["level"]) == ("host/name", "error")
    assert result["message"]["text"] == (
        "/name: the name is in it: one -> two. Fix: leave it out; host-name alone makes it differ"
    )
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "Dockerfile", "uriBaseId": "SOURCE"},
        "region": {"startLine": 4},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "/name"
    assert result["properties"]["axes"] == ["host-name"]


@pytest.mark.parametrize("path", ["/a place/Dockerfile", "../elsewhere/Dockerfile"])
def test_a_line_outside_of_the_folder_is_named_absolutely(path: str) -> None:
    made = replace(RUN, where=Place(path, 2))
    (result,) = run_of(replace(OTHER, differences=(replace(PATH, origin=made),)))["results"]
    address = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert address.startswith("file:///")
    assert ".." not in address
    assert " " not in address


def test_a_path_without_a_line_and_a_cause_stands_in_the_image() -> None:
    lost = PathDifference("/name", unresolved=True, platform="linux/arm64")
    run = run_of(replace(OTHER, differences=(lost, replace(lost, platform="linux/amd64"))))
    assert [one["ruleId"] for one in run["results"]] == ["difference/unexplained"] * 2
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "name", "uriBaseId": "TREE"}
    first, second = (one["partialFingerprints"]["samebit/v1"] for one in run["results"])
    assert first != second


def test_settings_that_differ_are_results() -> None:
    run = run_of(replace(OTHER, report=REPORT))
    assert "difference/settings" in {one["ruleId"] for one in run["results"]}


def test_identical_builds_have_no_results_unless_another_image_was_expected() -> None:
    run = run_of(SAME)
    assert run["results"] == []
    assert run["properties"]["identical"] is True
    assert run["properties"]["notVaried"] == {"runtime": "crun is not installed"}
    run = run_of(replace(SAME, expectation=Expectation(B, B)))
    assert [one["ruleId"] for one in run["results"]] == ["difference/digest"]
    assert run_of(replace(SAME, expectation=Expectation(A, A)))["results"] == []
