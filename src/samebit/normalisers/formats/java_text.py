"""Pages of javadoc, and property files that a program stored."""

from __future__ import annotations

from samebit.formats.java_text import JAVADOC_MARK, rewrite_javadoc, rewrite_properties
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

JAVADOC = Normaliser(
    name="formats/javadoc",
    action=Action.REWRITE,
    paths=(b"**/*.html",),
    accepts=lambda _entry, head: JAVADOC_MARK in head,
    rewrite=with_epoch(rewrite_javadoc),
    why="The date in a comment and in a meta element becomes the epoch; nothing that is shown"
    " changes.",
    reference="javadoc(1), -notimestamp; strip-nondeterminism, javadoc",
)

PROPERTIES = Normaliser(
    name="formats/java-properties",
    action=Action.REWRITE,
    paths=(b"**/*.properties", b"**/_remote.repositories", b"**/*.lastUpdated"),
    accepts=lambda _entry, head: head.startswith(b"#"),
    rewrite=with_epoch(rewrite_properties),
    why="The comment with which java.util.Properties.store dates a file says the epoch; readers"
    " skip comments.",
    reference="java.util.Properties.store",
)
