"""SARIF of a comparison: as the standard says, and with a result for every cause and path."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sample_report import REPORT
from sarif_rules import faults

from samebit.model.image_difference import DiffReport, Grade
from samebit.report.diff_sarif import diff_sarif


def run_of(report: DiffReport) -> dict[str, Any]:
    log = json.loads(diff_sarif(report))
    assert faults(log) == []
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def test_a_result_for_each_cause_and_path() -> None:
    run = run_of(REPORT)
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    results = {result["ruleId"]: result for result in run["results"]}
    assert rules["clock/text"]["helpUri"] == "https://example.org"
    assert rules["clock/text"]["help"] == {"text": "write another time"}
    found = results["clock/text"]
    assert found["level"] == "error"
    assert found["message"]["text"] == (
        "/etc/f: the time is in it: a.jar: x (today) -> y (tomorrow). Fix: write another time"
    )
    place = found["locations"][0]["physicalLocation"]
    # Its offset is one in a.jar, so it is none in the file.
    assert place == {"artifactLocation": {"uri": "etc/f", "uriBaseId": "TREE"}}
    assert "/new: only in B" in results["difference/only-one"]["message"]["text"]
    assert results.keys() == rules.keys()


def test_identical_images_have_no_results() -> None:
    run = run_of(replace(REPORT, grade=Grade.BITWISE, images=()))
    assert run["results"] == []
    assert run["properties"]["grade"] == "bitwise"


def test_the_rules_of_the_test_can_fail() -> None:
    log = json.loads(diff_sarif(REPORT))
    log["runs"][0]["results"][0]["ruleIndex"] = 99
    assert faults(log)
    log = json.loads(diff_sarif(REPORT))
    log["runs"][0]["results"][0]["levle"] = "error"
    assert faults(log)
