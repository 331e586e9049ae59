"""A verification for programs: one JSON document (docs/json/verify.md)."""

from __future__ import annotations

import json

from samebit.model.explanation import Cause
from samebit.model.verification import Instruction, PathDifference, Verification
from samebit.report.diff_json import diff_json
from samebit.report.verify_text import verdict

VERSION = 1


def verify_json(verification: Verification) -> str:
    """Give the document, indented and in ASCII, without a final newline."""
    expectation = verification.expectation
    document = {
        "document": "samebit-verify",
        "version": VERSION,
        "identical": verification.identical,
        "verdict": verdict(verification),
        "digest": verification.digest,
        "expected": (
            {
                "name": expectation.name,
                "digest": expectation.digest,
                "identical": verification.expected,
            }
            if expectation is not None
            else None
        ),
        "builds": [
            {
                "digest": build.digest,
                "varied": [{"axis": axis.name, "how": axis.how} for axis in build.varied],
            }
            for build in verification.builds
        ],
        "buildsMade": verification.builds_made,
        "varied": [{"axis": axis.name, "how": axis.how} for axis in verification.axes],
        "notVaried": [
            {"axis": axis.name, "reason": axis.reason} for axis in verification.not_varied
        ],
        "asBuilt": {
            "identical": verification.agree and not verification.as_built.count,
            "count": verification.as_built.count,
            "paths": list(verification.as_built.paths),
        },
        "bisected": verification.bisected,
        "differenceCount": verification.difference_count,
        "differences": [_difference(one) for one in verification.differences],
        "diff": json.loads(diff_json(verification.report)) if verification.report else None,
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _difference(difference: PathDifference) -> dict[str, object]:
    return {
        "path": difference.path,
        "platform": difference.platform or None,
        "axes": list(difference.axes),
        "unvaried": difference.unvaried,
        "together": list(difference.together),
        "instruction": _instruction(difference.instruction),
        "origin": _instruction(difference.origin),
        "causes": [_cause(cause) for cause in difference.causes],
    }


def _instruction(found: Instruction | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"file": found.where.path, "line": found.where.line, "text": found.text}


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "name": cause.name,
        "confidence": cause.confidence.value,
        "what": cause.what,
        "fix": cause.fix,
        "axis": cause.axis or None,
    }
