"""A diagnosis for programs: one JSON document (docs/json/doctor.md)."""

from __future__ import annotations

import json

from samebit.model.diagnosis import Diagnosis

VERSION = 1


def doctor_json(diagnosis: Diagnosis) -> str:
    """Give the document, indented and in ASCII, without a final newline."""
    document = {
        "document": "samebit-doctor",
        "version": VERSION,
        "able": diagnosis.able,
        "samebit": diagnosis.version,
        "distribution": diagnosis.distribution,
        "architecture": diagnosis.architecture,
        "kernel": diagnosis.kernel,
        "user": diagnosis.user,
        "observations": [
            {
                "area": seen.area,
                "name": seen.name,
                "state": seen.state.value,
                "needed": seen.needed,
                "found": seen.found or None,
                "reason": seen.reason or None,
                "without": seen.without or None,
                "fix": seen.fix or None,
            }
            for seen in diagnosis.observations
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False)
