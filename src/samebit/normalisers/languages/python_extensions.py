"""Extension modules that pip built: the random name of the folder that it built them in."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from typing import BinaryIO

from samebit.formats.elf_paths import MAGIC, rewrite_names
from samebit.formats.streams import MalformedError, exactly
from samebit.normalisers.adapt import guarded
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

# tempfile.mkdtemp's eight characters; below it a package's name with the digits of a UUID.
_FOLDER = re.compile(
    rb"/pip-(?:req-build|install|build-env|wheel|ephem-wheel-cache|unpack)-[a-z0-9_]{8}"
    rb"(?:/[A-Za-z0-9._+-]{1,100}_[0-9a-f]{32})?(?![a-z0-9_])"
)
_NEEDLE = b"/pip-"
_LONGEST = 256
_MAX_RECORD = 16 << 20


def _neutral(match: re.Match[bytes]) -> bytes:
    """Write zeros for what is random, in the same length."""
    first, slash, second = match[0][1:].partition(b"/")
    folder = b"/" + first[:-8] + b"0" * 8
    return folder + slash + (second[:-32] + b"0" * 32 if slash else b"")


def _rewrite_module(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    return guarded(lambda: _without_names(source, size, sink), facts)


def _without_names(source: BinaryIO, size: int, sink: Sink) -> bool:
    return rewrite_names(
        source, size, sink, needle=_NEEDLE, pattern=_FOLDER, neutral=_neutral, longest=_LONGEST
    )


def _rewrite_record(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    return guarded(lambda: _with_new_checksums(source, size, sink, facts), facts)


def _with_new_checksums(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    """Write the checksums that modules have without the names, and change nothing else."""
    if size > _MAX_RECORD:
        raise MalformedError("a list of more than 16 MiB")
    lines = exactly(source, size).splitlines(keepends=True)
    site = facts.entry.path.rpartition(b"/")[0].rpartition(b"/")[0]
    changed = False
    for number, line in enumerate(lines):
        new = _new_line(line, site, facts) if b".so" in line else None
        if new is not None and new != line:
            lines[number] = new
            changed = True
    for line in lines if changed else ():
        sink(line)
    return changed


def _new_line(line: bytes, site: bytes, facts: Facts) -> bytes | None:
    try:
        (row,) = csv.reader([line.decode("utf-8")])
    except (ValueError, csv.Error):
        return None
    if len(row) != 3 or not row[1].startswith("sha256=") or not row[0].endswith(".so"):
        return None
    path = row[0].encode("utf-8")
    path = site + b"/" + path if site else path
    entry = facts.trees.entry(path)
    file = facts.trees.open(path) if entry is not None and b".." not in path.split(b"/") else None
    if file is None or entry is None:
        return None
    digest = hashlib.sha256()
    with file:
        try:
            if not _without_names(file, entry.size, digest.update):
                return None
        except MalformedError:
            return None
    text = io.StringIO()
    ending = line[len(line.rstrip(b"\r\n")) :].decode("ascii")
    encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    csv.writer(text, lineterminator=ending).writerow([row[0], f"sha256={encoded}", row[2]])
    return text.getvalue().encode("utf-8")


MODULE = Normaliser(
    name="python/extension-paths",
    action=Action.REWRITE,
    paths=(b"**/*.so",),
    magic=((0, MAGIC),),
    made_here=True,
    rewrite=_rewrite_module,
    why="pip builds in a temporary folder that is gone afterwards. Its random name in the debug"
    " information becomes zeros, the names there, whose order in GCC's hash table depends on it,"
    " are sorted, and the build ID becomes a checksum of the result.",
    reference="pip, TempDirectory; Python, tempfile.mkdtemp; ld(1), --build-id",
)

RECORD = Normaliser(
    name="python/extension-records",
    action=Action.REWRITE,
    paths=(b"**/*.dist-info/RECORD",),
    rewrite=_rewrite_record,
    why="The checksums of such modules, as they are without that name, so that they verify.",
    reference="Recording installed projects, RECORD",
)
