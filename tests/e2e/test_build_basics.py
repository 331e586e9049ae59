"""The main job: an unmodified Dockerfile, a digest, and nothing else on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

BUSYBOX = """\
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
"""


def write(context: Path, dockerfile: str) -> Path:
    (context / "Dockerfile").write_text(BUSYBOX + dockerfile)
    return context


def test_an_unchanged_build_answers_at_once_without_the_engine(
    samebit: Samebit, busybox_context: Path
) -> None:
    write(busybox_context, "COPY data /data\nRUN cat /data > /copy\n")
    (busybox_context / "data").write_text("one")
    first = samebit.build(busybox_context)
    # An engine that cannot start shows that it is not asked.
    assert samebit.build(busybox_context, SAMEBIT_ENGINE="buildah:/nonexistent") == first
    (busybox_context / "data").write_text("two")
    assert samebit.build(busybox_context) != first
