"""What holds for every normaliser and detector, whoever writes one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from normalising import facts_of

from samebit.errors import InternalError
from samebit.lock.model import NORMALISER_SET
from samebit.normalisers.protocol import Action, Detector, Normaliser
from samebit.normalisers.registry import all_detectors, all_normalisers, normaliser_set

REWRITERS = [one for one in all_normalisers() if one.rewrite is not None]


def example_path(patterns: tuple[bytes, ...]) -> bytes:
    pattern = patterns[0] if patterns else b"file"
    return pattern.replace(b"**", b"x").replace(b"*", b"x").replace(b"?", b"d")


def test_the_newest_set_is_the_locks() -> None:
    assert max(one.since for one in all_normalisers()) <= NORMALISER_SET
    assert normaliser_set(0) == ()
    assert normaliser_set(NORMALISER_SET)


@pytest.mark.parametrize("one", all_normalisers(), ids=lambda one: one.name)
def test_each_says_why_and_whence(one: Normaliser) -> None:
    assert one.why.endswith(".")
    assert one.reference
    assert all(not path.startswith(b"/") and not path.endswith(b"/") for path in one.paths)


@pytest.mark.parametrize("one", all_detectors(), ids=lambda one: one.name)
def test_each_detector_says_what_to_do(one: Detector) -> None:
    assert one.fix
    assert one.reference
    assert not one.fix.endswith(".")


@pytest.mark.parametrize("one", REWRITERS, ids=lambda one: one.name)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=2000), epoch=st.sampled_from([0, 315619200, (1 << 33) - 1]))
def test_no_bytes_make_a_rewriter_fail(one: Normaliser, data: bytes, epoch: int) -> None:
    assert one.rewrite is not None
    at, mark = one.magic[0] if one.magic else (0, b"")
    data = data[:at].ljust(at, b"\0") + mark + data[at:]
    path = example_path(one.paths)
    written: list[bytes] = []
    facts = facts_of(path, data, epoch=epoch)
    if one.rewrite(io.BytesIO(data), len(data), written.append, facts):
        again = b"".join(written)
        written.clear()
        if one.rewrite(
            io.BytesIO(again), len(again), written.append, facts_of(path, again, epoch=epoch)
        ):
            assert b"".join(written) == again


@pytest.mark.parametrize("one", all_detectors(), ids=lambda one: one.name)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=500))
def test_no_bytes_make_a_detector_fail(one: Detector, data: bytes) -> None:
    mark = one.magic[0][1] if one.magic else b""
    path = example_path(one.paths)
    one.inspect(io.BytesIO(mark + data), len(mark + data), facts_of(path, mark + data))


def test_a_new_file_is_a_new_normaliser(tmp_path: Path) -> None:
    folder = tmp_path / "samebit" / "normalisers" / "formats"
    folder.mkdir(parents=True)
    (folder / "zz_new.py").write_text(
        "from samebit.normalisers.protocol import Action, Normaliser\n"
        "NEW = Normaliser(name='new/noise', action=Action.REVERT, paths=(b'x',), why='w.',"
        " reference='r')\n"
    )
    program = (
        "import samebit.normalisers.formats as formats\n"
        f"formats.__path__.append({os.fspath(folder)!r})\n"
        "from samebit.normalisers.registry import normaliser_set\n"
        "print([one.name for one in normaliser_set(1) if one.name.startswith('new/')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['new/noise']"


def test_a_normaliser_must_make_sense() -> None:
    with pytest.raises(InternalError, match="every file"):
        Normaliser("a/b", Action.REVERT, "w", "r")
    with pytest.raises(InternalError, match="is called"):
        Normaliser("b", Action.REVERT, "w", "r", (b"x",))
    with pytest.raises(InternalError, match="rewriter"):
        Normaliser("a/b", Action.REWRITE, "w", "r", (b"x",))
    with pytest.raises(InternalError, match="512"):
        Normaliser("a/b", Action.REVERT, "w", "r", (b"x",), magic=((510, b"abc"),))
