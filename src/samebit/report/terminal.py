"""What a person reads on standard error: errors and findings.

The form is `PLACE: error: what [code]`, then `  | detail` lines, then `  help: what to do`.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO

from samebit.errors import SamebitError
from samebit.model.finding import Finding

_INDENT = "  "


def print_error(error: SamebitError, stream: TextIO | None = None) -> None:
    """Tell what happened, where, the detail and what to do, each on lines of their own."""
    place = f"{error.where}: " if error.where else ""
    lines = [f"{place}error: {error.what} [{error.code}]"]
    lines += [f"{_INDENT}| {line}".rstrip() for line in (error.detail or "").splitlines()]
    if error.fix:
        lines.append(f"{_INDENT}help: {error.fix}")
    _print(lines, stream)


def print_finding(finding: Finding, stream: TextIO | None = None) -> None:
    """Tell a warning and what to do about it."""
    place = f"{finding.where}: " if finding.where else ""
    lines = [f"{place}warning: {finding.what} [{finding.code}]"]
    if finding.fix:
        lines.append(f"{_INDENT}help: {finding.fix}")
    _print(lines, stream)


def visible(text: str) -> str:
    """Make control characters of a foreign text harmless: they could rewrite what was told."""
    return "".join(c if c.isprintable() or c in "\t\n" else _escape(c) for c in text)


def _escape(character: str) -> str:
    # What stands for a byte that is no UTF-8 (PEP 383) cannot be printed either.
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character == "\r":
        return ""
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _print(lines: list[str], stream: TextIO | None) -> None:
    out = stream or sys.stderr
    if out is None:
        # Closed by the caller: print would take standard output.
        return
    # A terminal that is gone, or a full disk behind it, must not hide the exit code.
    with suppress(OSError):
        print("\n".join(map(visible, lines)), file=out, flush=True)
