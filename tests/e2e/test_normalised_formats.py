"""Archives that steps make and files that the context gives, through the whole of a build."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import zipfile

import pytest
from step_builds import Steps

pytestmark = pytest.mark.e2e

MADE_HERE = """\
FROM base
RUN mkdir /d && echo one > /d/a && echo two > /d/b && ln /d/a /d/c && echo text > /note
RUN b=/bin/busybox && $b tar -cf /plain.tar d && $b gzip < /plain.tar > /packed.tar.gz \\
    && $b gzip /note && $b find d | $b cpio -o -H newc > /d.cpio 2> /dev/null
RUN mkdir -p /root/.npm/_cacache /root/.cache/pip /root/.cache/models \\
    && date > /root/.npm/_cacache/index && date > /root/.cache/pip/when \\
    && echo kept > /root/.cache/models/m
"""


def test_archives_of_two_moments_are_the_same(steps: Steps) -> None:
    first = steps.build(MADE_HERE)
    second = steps.build(MADE_HERE)
    assert first.digest == second.digest
    layer = second.layer
    assert gzip.decompress(layer["note.gz"].content) == b"text\n"
    with tarfile.open(fileobj=io.BytesIO(layer["packed.tar.gz"].content)) as archive:
        assert sorted(archive.getnames()) == ["d", "d/a", "d/b", "d/c"]
        assert len({member.mtime for member in archive}) == 1
    listed = subprocess.run(
        ["cpio", "--quiet", "-t"], input=layer["d.cpio"].content, capture_output=True, check=True
    )
    assert b"d/a" in listed.stdout.split()
    assert second.text("root/.cache/models/m") == "kept\n"
    assert second.paths("root/.npm") == ["root/.npm"]
    assert not second.paths("root/.cache/pip")
    (steps.context / "samebit.toml").write_text('[normalise]\noff = ["formats/*"]\n')
    third = steps.build(MADE_HERE)
    assert third.layer["packed.tar.gz"] != layer["packed.tar.gz"]


def test_what_the_context_gives_ships_as_it_is(steps: Steps) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("b", (2026, 11, 25, 8, 0, 0)), b"1")
        archive.writestr(zipfile.ZipInfo("a", (2026, 11, 25, 8, 0, 0)), b"2")
    data = buffer.getvalue()
    steps.write({"given.zip": data})
    built = steps.build(
        "FROM base\nCOPY given.zip /\nRUN cp /given.zip /copy.zip\n"
        "RUN (cat /given.zip; head -c 0 /dev/null) > /same.zip"
        " && head -c 1 /given.zip > /made.zip && tail -c +2 /given.zip >> /made.zip"
        " && /bin/busybox unzip -q /made.zip -d /out\n"
    )
    for name in ("given.zip", "copy.zip", "same.zip", "made.zip"):
        assert built.layer[name].content == data
    assert built.text("out/a") == "2"
