"""What every RUN step finds in its environment beyond what the Dockerfile says."""

from __future__ import annotations

from samebit.errors import InternalError


def environment_set(version: int, epoch: int) -> dict[str, str]:
    """Give the variables of an environment set (DESIGN.md 4), each set only where it is absent.

    Version 1: SOURCE_DATE_EPOCH (reproducible-builds.org specification), PYTHONHASHSEED and
    ZERO_AR_DATE. Raises InternalError for a version that does not exist.
    """
    if version != 1:
        raise InternalError(f"there is no environment set {version}")
    return {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0", "ZERO_AR_DATE": "1"}
