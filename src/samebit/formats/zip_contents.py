"""Members of archives whose own content is noise: manifests, javadoc, bytecode, jars in jars."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from samebit.formats import manifest, pyc
from samebit.formats.java_text import JAVADOC_MARK, rewrite_javadoc, rewrite_properties
from samebit.formats.streams import KeepError, MalformedError, Sink
from samebit.formats.zip_archive import ArchiveFacts, Contents, rewrite_zip

_MANIFEST = b"META-INF/MANIFEST.MF"
_NESTED = (b".jar", b".war", b".ear", b".rar")


def _wanted(name: bytes, head: bytes) -> bool:
    if name.endswith(b".html"):
        return JAVADOC_MARK in head
    if name.endswith(_NESTED):
        return head.startswith(b"PK\x03\x04")
    if name.endswith(b".properties"):
        return head.startswith(b"#")
    return name == _MANIFEST or name.endswith(b".pyc")


def _new(name: bytes, data: bytes, facts: ArchiveFacts) -> bytes:
    if name == _MANIFEST:
        return manifest.normal_manifest(data, facts.seconds)
    if name.endswith(b".pyc"):
        return _bytecode(name, data, facts)
    rewrite = rewrite_javadoc if name.endswith(b".html") else rewrite_properties
    return _rewritten(rewrite, data, facts.seconds)


def _bytecode(name: bytes, data: bytes, facts: ArchiveFacts) -> bytes:
    # zipimport takes bytecode whose source has, to the two seconds that a zip file can say, the
    # time that the bytecode names; the sources in the archive get another time now.
    source = facts.times.get(pyc.source_of(name) or b"")
    stated = pyc.stated_mtime(data)
    if source is None or stated is None or abs(source - stated) > 1:
        return data
    return pyc.with_mtime(data, facts.seconds)


def _rewritten(
    rewrite: Callable[[BinaryIO, int, Sink, int], bool], data: bytes, seconds: int
) -> bytes:
    written: list[bytes] = []
    try:
        changed = rewrite(io.BytesIO(data), len(data), written.append, seconds)
    except (MalformedError, KeepError):
        return data
    return b"".join(written) if changed else data


def _nested(levels: int) -> Contents:
    """Give what is done to members, of archives inside of archives too, `levels` deep."""
    inner = _nested(levels - 1) if levels else None

    def rewrite_inner(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
        return rewrite_zip(source, size, sink, epoch, inner)

    def new(name: bytes, data: bytes, facts: ArchiveFacts) -> bytes:
        if name.endswith(_NESTED):
            return _rewritten(rewrite_inner, data, facts.seconds) if inner else data
        return _new(name, data, facts)

    return Contents(_wanted, new)


CONTENTS = _nested(3)
"""What is done to members: of jars, of jars in wars and of those in ears."""
