from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

from json_schema import faults

from samebit.model.diagnosis import Diagnosis, Observation, State
from samebit.report.doctor_json import doctor_json
from samebit.report.doctor_text import write_diagnosis

FINE = Observation("engines", "buildah", State.WORKS, found="1.28.2", needed=True)
CRUN = Observation(
    "runtimes", "crun", State.LACKS, reason="refused", without="no variation", fix="mend crun"
)
USER = Observation("isolation", "oci", State.UNTRIED, needed=True, reason="no\x1b[2Jnamespace")
GOOD = Diagnosis("0.1.0", "Debian", "x86_64", "6.1", "root", (FINE, CRUN))
BAD = replace(GOOD, observations=(FINE, CRUN, USER))
SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "doctor.schema.json").read_text("utf-8")
)


def text(diagnosis: Diagnosis) -> list[str]:
    out = io.StringIO()
    write_diagnosis(diagnosis, out)
    return out.getvalue().splitlines()


def test_what_works_and_what_mends_the_rest() -> None:
    assert text(GOOD) == [
        "samebit 0.1.0 on Debian, Linux 6.1, x86_64; user: root",
        "engines",
        "  buildah  works    1.28.2",
        "runtimes",
        "  crun     lacks    refused",
        "    without it: no variation",
        "    mend it: mend crun",
        "this machine builds images",
    ]


def test_what_is_needed_and_untried_is_said_last_without_control_characters() -> None:
    lines = text(BAD)
    assert lines[-1] == "this machine cannot build images: oci"
    assert "\x1b" not in "\n".join(lines)
    assert not BAD.able


def test_the_document_follows_its_schema() -> None:
    for diagnosis in (GOOD, BAD):
        document = json.loads(doctor_json(diagnosis))
        assert faults(document, SCHEMA) == []
        assert document["able"] is diagnosis.able
    assert document["observations"][0]["reason"] is None
