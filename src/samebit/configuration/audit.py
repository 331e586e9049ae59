"""`[audit]`: what a project's audits allow, and the folders of its own toolchain profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from samebit.model.toml_source import TomlTable

if TYPE_CHECKING:
    from samebit.model.audit import AuditException

_FINDING = re.compile(r"\*|[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`toolchains` are folders of profiles, absolute."""

    exceptions: tuple[AuditException, ...] = ()
    toolchains: tuple[Path, ...] = ()


def parse_audit(table: TomlTable, folder: Path) -> AuditSettings:
    """Read `[audit]`; `folder` is samebit.toml's. Raises UsageError with the line of a fault."""
    exceptions = tuple(_exception(item) for item in table.tables("exception"))
    toolchains = tuple(folder / text for text in table.strings("toolchains"))
    table.finish()
    return AuditSettings(exceptions, toolchains)


def _exception(table: TomlTable) -> AuditException:
    # Builds read this table, too, and need nothing of what an audit is made of.
    from samebit.model.audit import AuditException  # noqa: PLC0415

    path = table.string("path")
    if not path.startswith("/"):
        raise table.error(
            "is no path of the audited tree", "path", fix="start it with a slash; * and ** match"
        )
    finding = table.string("finding")
    if not _FINDING.fullmatch(finding):
        raise table.error("is not a finding's code", "finding", fix="write its code, or *")
    reason = table.string("reason").strip()
    if not reason:
        raise table.error("is empty: an exception needs a reason", "reason")
    table.finish()
    return AuditException(path, finding, reason, str(table.place()))
