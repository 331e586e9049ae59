"""One reader under atheris: `coverage_guided.py READER CORPUS LIBFUZZER-OPTIONS…` (tools/fuzz)."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["samebit"]):
    from untrusted_readers import READERS, attempt


def main() -> None:
    """Fuzz until told to stop; a fault ends it with a traceback and a file."""
    name, corpus = sys.argv[1], Path(sys.argv[2])
    reader = READERS[name]
    for seed in reader.seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: attempt(reader, bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
