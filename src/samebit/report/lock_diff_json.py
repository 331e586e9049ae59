"""How two locks differ, for programs: one JSON document (docs/json/lock-diff.md)."""

from __future__ import annotations

import json

from samebit.model.lock_difference import LockDifference

VERSION = 1


def lock_diff_json(difference: LockDifference) -> str:
    """Give the document, indented and in ASCII, without a final newline."""
    document = {
        "document": "samebit-lock-diff",
        "version": VERSION,
        "identical": difference.identical,
        "inputs": [
            {
                "kind": change.kind.value,
                "ecosystem": change.ecosystem,
                "name": change.name,
                "old": list(change.old),
                "new": list(change.new),
                "urls": list(change.urls),
            }
            for change in difference.inputs
        ],
        "settings": [
            {"subject": setting.subject, "old": setting.old, "new": setting.new}
            for setting in difference.settings
        ],
        "details": difference.details,
    }
    return json.dumps(document, indent=2)
