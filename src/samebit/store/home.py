"""Where samebit keeps its state between runs."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.errors import UsageError


def default_home() -> Path:
    """Give SAMEBIT_HOME, else the XDG data directory of samebit; nothing is created.

    Raises UsageError when SAMEBIT_HOME is relative: the store would move with the working
    directory.
    """
    chosen = os.environ.get("SAMEBIT_HOME", "")
    if not chosen:
        import platformdirs  # noqa: PLC0415 - takes longer to import than to ask

        return platformdirs.user_data_path("samebit", appauthor=False)
    if not os.path.isabs(chosen):
        raise UsageError(
            f"SAMEBIT_HOME is a relative path: {chosen!r}", fix="set it to an absolute path"
        )
    return Path(chosen)
