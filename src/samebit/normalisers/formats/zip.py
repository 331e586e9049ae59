"""Zip files under all their names: jar, war, whl, egg, epub, zipapps, self-extracting archives."""

from __future__ import annotations

from typing import BinaryIO

from samebit.formats.zip_archive import rewrite_zip
from samebit.formats.zip_contents import CONTENTS
from samebit.image.entry import Entry
from samebit.normalisers.adapt import guarded, with_epoch
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_MARK = b"PK\x03\x04"
_PREPENDED = (b".zip", b".jar", b".war", b".pyz", b".pyzw", b".pex", b".par", b".egg")


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    return guarded(lambda: rewrite_zip(source, size, sink, facts.epoch, CONTENTS), facts)


def _is_program(entry: Entry, head: bytes) -> bool:
    if not head.startswith(b"#!"):
        return False
    return entry.path.endswith(_PREPENDED) or _MARK in head


ZIP = Normaliser(
    name="formats/zip",
    action=Action.REWRITE,
    magic=((0, _MARK),),
    rewrite=_rewrite,
    why="Members get the epoch as their time and 0 as owner, and are sorted, as"
    " strip-nondeterminism does. Data is kept bit for bit but for manifests' dates, javadoc's"
    " and the like in jars. Signed and encrypted archives are left alone.",
    reference="APPNOTE.TXT 6.3.10; JAR File Specification; strip-nondeterminism",
)

ZIP_PROGRAM = Normaliser(
    name="formats/zip-program",
    action=Action.REWRITE,
    magic=((0, b"#!"),),
    accepts=_is_program,
    rewrite=_rewrite,
    why="A zip file behind the line that names its interpreter, which is kept, as all that"
    " precedes the first member.",
    reference="PEP 441; strip-nondeterminism, pyzip",
)

JMOD = Normaliser(
    name="formats/jmod",
    action=Action.REWRITE,
    paths=(b"**/*.jmod",),
    magic=((0, b"JM\x01\x00"),),
    rewrite=with_epoch(rewrite_zip),
    why="A zip file behind a header of four bytes; jlink and java read the same classes.",
    reference="JEP 261, JMOD files; strip-nondeterminism, jmod",
)
