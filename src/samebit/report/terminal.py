"""What a person reads on standard error: errors, findings and a build's progress."""

from __future__ import annotations

import sys
from typing import TextIO

from samebit.errors import SamebitError
from samebit.model.finding import Finding

_INDENT = "  "


def print_error(error: SamebitError, stream: TextIO | None = None) -> None:
    """Tell what happened, where, the detail and what to do, each on lines of their own."""
    out = stream or sys.stderr
    place = f"{error.where}: " if error.where else ""
    print(f"{place}error: {error.what} [{error.code}]", file=out)
    for line in (error.detail or "").splitlines():
        print(f"{_INDENT}| {line}", file=out)
    if error.fix:
        print(f"{_INDENT}help: {error.fix}", file=out)


def print_finding(finding: Finding, stream: TextIO | None = None) -> None:
    """Tell a warning and what to do about it."""
    out = stream or sys.stderr
    place = f"{finding.where}: " if finding.where else ""
    print(f"{place}warning: {finding.what} [{finding.code}]", file=out)
    if finding.fix:
        print(f"{_INDENT}help: {finding.fix}", file=out)
