"""Another library under the compressor's name is refused before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_output import read_failure
from samebit_command import Samebit
from sample_images import Member, write_layout

pytestmark = pytest.mark.e2e

# zlib's bytes are valid, and of about the same size.
FAKE = """\
import zlib
__version__ = "0.9.0"
crc32 = zlib.crc32
def deflate_compress(data, level=6):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(bytes(data)) + compressor.flush()
"""


def test_it_is_refused(samebit: Samebit, tmp_path: Path) -> None:
    samebit = samebit.with_home(tmp_path / "home")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "deflate.py").write_text(FAKE)
    write_layout(tmp_path / "in", [[Member("a", b"a")]])
    command = ("normalise", "-q", f"oci:{tmp_path}/in", f"oci:{tmp_path}/out")
    done = samebit.run(*command, PYTHONPATH=str(tmp_path / "fake"))
    failure = read_failure(done.returncode, done.stderr)
    assert (failure.status, failure.code, done.stdout) == (6, "machine", "")
    assert "other bytes than canonical form 1" in failure.what
    assert "deflate==0.9.0" in failure.fix
    assert not (tmp_path / "out").exists()
    assert os.listdir(samebit.home / "store" / "blobs" / "sha256") == []
    assert samebit.run(*command).returncode == 0
