from __future__ import annotations

import gzip

from hypothesis import given
from hypothesis import strategies as st

from samebit.canonical.compressor import GzipWriter


@given(st.lists(st.binary(max_size=400) | st.integers(0, 700_000).map(bytes), max_size=8))
def test_round_trip_whatever_the_cuts(parts: list[bytes]) -> None:
    data = b"".join(parts)
    outputs = []
    for pieces, threads in ((parts, 2), ([data], 1)):
        out: list[bytes] = []
        with GzipWriter(out.append, threads) as writer:
            for piece in pieces:
                writer.write(piece)
            result = writer.close()
        outputs.append((b"".join(out), result))
    assert outputs[0] == outputs[1]
    assert gzip.decompress(outputs[0][0]) == data
