"""strip-nondeterminism as an oracle: what it makes equal, samebit must make equal too."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from normalising import EPOCH, rewritten

from samebit.normalisers.protocol import Normaliser


def stripped(data: bytes, name: str, kind: str, epoch: int | None = EPOCH) -> bytes:
    """Give what strip-nondeterminism's handler `kind` makes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        times = [] if epoch is None else [f"--timestamp={epoch}"]
        subprocess.run(
            ["strip-nondeterminism", "--normalizers=+all", f"--type={kind}", *times, str(path)],
            check=True,
            capture_output=True,
        )
        return path.read_bytes()


def agree(normaliser: Normaliser, variants: tuple[bytes, bytes], name: str, kind: str) -> bytes:
    """Check that both make two variants equal; gives what samebit makes of them."""
    first, second = variants
    assert first != second
    assert stripped(first, name, kind) == stripped(second, name, kind), "not a pair of variants"
    result = rewritten(normaliser, first, name.encode())
    assert result == rewritten(normaliser, second, name.encode())
    return result
