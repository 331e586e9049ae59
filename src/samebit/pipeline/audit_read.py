"""Reading what is audited: an image's layers as a stream, or a folder or file where it lies."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from samebit.errors import InputError
from samebit.executables.inspect import HEAD, Context, inspect, recognise
from samebit.executables.source import FileSource, MemorySource, Source
from samebit.image.compare_images import OpenedImage
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import MemberContent, open_layer
from samebit.image.layered_tree import LayeredTree
from samebit.image.whiteout import PREFIX
from samebit.model.executable import Executable, RuleSet
from samebit.pipeline.audit_sources import Sources
from samebit.pipeline.audit_tree import AuditTree, Node

_T = TypeVar("_T")
# Larger ones lie in a temporary file while they are looked at.
_MAX_IN_MEMORY = 32 << 20
_MAX_TEXT = 64 << 20
_MAX_EXECUTABLES = 1_000_000
_CHUNK = 1 << 20
# What the loader and the package managers write, and the audit reads whole.
_TEXTS = re.compile(
    rb"etc/ld\.so\.conf(?:\.d/[^/]+)?|etc/ld-musl-[^/]+\.path"
    rb"|(?:usr/)?lib/ld-musl-[^/]+\.path"
    rb"|var/lib/dpkg/(?:status|status\.d/[^/]+|info/[^/]+\.list)|(?:usr/)?lib/apk/db/installed"
    rb"|(?:var/lib|usr/lib/sysimage|usr/share)/rpm/(?:rpmdb\.sqlite(?:-wal)?|Packages\.db)"
    rb"|(?:.*/)?[^/]+\.(?:dist-info/RECORD|egg-info/installed-files\.txt)"
)
# What each of them has, for a first look: most of tens of thousands of files are none.
_TEXT_STARTS = (
    b"etc/ld",
    b"lib/",
    b"usr/lib/",
    b"var/lib/dpkg/",
    b"var/lib/rpm/",
    b"usr/share/rpm/",
)
_TEXT_ENDS = (b"/RECORD", b"/installed-files.txt")
_SMALLEST_HASHED = 4096
_SCRIPT_MAGIC = b"#!"


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A file that a later layer replaced or removed: still in the image, in nobody's view."""

    path: bytes
    size: int
    source: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The final tree, and what the layers hold besides."""

    tree: AuditTree
    overwritten: tuple[Overwritten, ...] = ()


class _Collector:
    """Looks at contents as they come and remembers what was found by a number."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._facts: list[Executable] = []
        self._texts: list[bytes] = []

    def facts(self, number: int) -> Executable | None:
        return self._facts[number - 1] if number else None

    def text(self, number: int) -> bytes | None:
        return self._texts[number - 1] if number else None

    def stream(
        self, entry: Entry, content: MemberContent, epoch: int | None
    ) -> tuple[int, int, bytes]:
        """Read a member; gives the numbers of its facts and text (0: none) and its hash."""
        head = content.read(_CHUNK)
        while len(head) < min(HEAD, entry.size) and (data := content.read(_CHUNK)):
            head += data
        known = recognise(head[:HEAD], entry.path)
        wanted = known is not None and _runs(head, entry.mode)
        text = _is_text(entry.path) and entry.size <= _MAX_TEXT
        hashed = entry.size >= _SMALLEST_HASHED
        if not wanted and not text and not hashed:
            # Nobody asks whether it is a copy; the layer's reader passes over the rest.
            return 0, 0, b""
        hasher = hashlib.sha256(head)
        if not wanted and not text:
            left = entry.size - len(head)
            while left and (data := content.read(_CHUNK)):
                hasher.update(data)
                left -= len(data)
            return 0, 0, hasher.digest()
        if text or entry.size <= _MAX_IN_MEMORY:
            whole = head
            if len(head) < entry.size:
                pieces = [head]
                while data := content.read(_CHUNK):
                    hasher.update(data)
                    pieces.append(data)
                whole = b"".join(pieces)
            number = self._add_text(whole) if text else 0
            fact = self._inspect(entry.path, MemorySource(whole), epoch) if wanted else 0
            return fact, number, hasher.digest()
        with tempfile.TemporaryFile() as file:
            file.write(head)
            while data := content.read(_CHUNK):
                hasher.update(data)
                file.write(data)
            file.flush()
            fact = self._inspect(entry.path, FileSource(file.fileno(), file.tell()), epoch)
        return fact, 0, hasher.digest()

    def file(self, path: bytes, mode: int, epoch: int | None, source: Source) -> tuple[int, int]:
        """Look at a file that can be read anywhere; gives the numbers of its facts and text."""
        number = 0
        if _is_text(path) and source.size <= _MAX_TEXT:
            number = self._add_text(source.read(0, source.size))
        head = source.read(0, min(HEAD, source.size))
        if recognise(head, path) is None or not _runs(head, mode):
            return 0, number
        if source.size <= _CHUNK:
            # One reading is less than the dozen that a format asks for.
            source = MemorySource(source.read(0, source.size))
        return self._inspect(path, source, epoch), number

    def _inspect(self, path: bytes, source: Source, epoch: int | None) -> int:
        known = recognise(source.read(0, min(HEAD, source.size)), path)
        assert known is not None
        if len(self._facts) >= _MAX_EXECUTABLES:
            raise InputError(f"there are more than {_MAX_EXECUTABLES} executables")
        self._facts.append(inspect(source, Context(path, self._rules, epoch), known))
        return len(self._facts)

    def _add_text(self, text: bytes) -> int:
        self._texts.append(text)
        return len(self._texts)


def _is_text(path: bytes) -> bool:
    return (path.startswith(_TEXT_STARTS) or path.endswith(_TEXT_ENDS)) and _TEXTS.fullmatch(
        path
    ) is not None


def _runs(head: bytes, mode: int) -> bool:
    # A text that begins like a script is one only for whoever may start it.
    return bool(mode & 0o111) or not head.startswith(_SCRIPT_MAGIC)


def read_image(opened: OpenedImage, rules: RuleSet, sources: Sources) -> Reading:
    """Read an image's layers, lowest first, each once. Raises InputError.

    A file whose time is the image's own `created` was written by a build that sets all times to
    one: that time is then expected inside of it, too.
    """
    collector = _Collector(rules)
    created = _seconds(opened.image.config_document.document.get("created"))
    tree = LayeredTree()
    seen: list[tuple[bytes, int, int]] = []
    tokens: list[tuple[int, int, bytes, int]] = []
    for number, layer in enumerate(opened.layers):
        tree.begin(layer.what)
        source_of = sources.of(number)
        with layer.open() as stream:
            members = open_layer(
                stream, layer.descriptor.media_type, what=layer.what, diff_id=layer.diff_id
            )
            for ordinal, member in enumerate(members):
                entry = member.entry
                if entry.kind is not Kind.FILE or PREFIX in entry.path:
                    tree.add(entry, b"")
                    continue
                same = created is not None and member.mtime_ns == created * 1_000_000_000
                found = collector.stream(entry, member.content, created if same else None)
                source = source_of(ordinal)
                tokens.append((*found, source))
                seen.append((entry.path, entry.size, source))
                tree.add(entry, b"%d" % (len(tokens) - 1))
        tree.end()
    nodes: dict[bytes, Node] = {}
    inodes: dict[int, int] = {}
    kept: set[int] = set()
    for path, inode in tree.inodes():
        facts = text = digest = source_number = None
        if inode.content:
            token = int(inode.content)
            kept.add(token)
            fact_number, text_number, digest, source_number = tokens[token]
            facts, text = collector.facts(fact_number), collector.text(text_number)
        nodes[path] = Node(
            inode.kind,
            inode.size,
            inodes.setdefault(id(inode), len(inodes)),
            inode.link,
            inode.mode,
            source_number,
            facts,
            text,
            digest or None,
        )
    gone = tuple(
        Overwritten(path, size, source)
        for token, (path, size, source) in enumerate(seen)
        if token not in kept and size
    )
    return Reading(AuditTree(nodes), gone)


def read_folder(folder: Path, rules: RuleSet, epoch: int | None) -> Reading:
    """Read a folder as the root of a tree, never following its symlinks. Raises InputError."""
    collector = _Collector(rules)
    nodes: dict[bytes, Node] = {}
    inodes: dict[tuple[int, int], Node] = {}
    root = os.fsencode(folder)
    for path, status in _walk(root):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            continue
        key = (status.st_dev, status.st_ino)
        if kind is Kind.FILE and key in inodes:
            nodes[path] = inodes[key]
            continue
        full = root + b"/" + path if path else root
        link = os.readlink(full) if kind is Kind.SYMLINK else b""
        numbers = (0, 0)
        if kind is Kind.FILE:
            numbers = _in_file(full, status, partial(collector.file, path, status.st_mode, epoch))
        nodes[path] = inodes[key] = Node(
            kind,
            status.st_size if kind is Kind.FILE else 0,
            len(nodes),
            link,
            stat.S_IMODE(status.st_mode),
            facts=collector.facts(numbers[0]),
            text=collector.text(numbers[1]),
        )
    _hash_alike(root, nodes)
    return Reading(AuditTree(dict(sorted(nodes.items()))))


def _hash_alike(root: bytes, nodes: dict[bytes, Node]) -> None:
    """Hash the files that could be copies of each other: those of the same size."""
    groups: dict[int, list[bytes]] = {}
    seen: set[int] = set()
    for path, node in nodes.items():
        if node.kind is Kind.FILE and node.size >= _SMALLEST_HASHED and node.inode not in seen:
            seen.add(node.inode)
            groups.setdefault(node.size, []).append(path)
    for group in groups.values():
        for path in group if len(group) > 1 else ():
            digest = _checked(_hash, root + b"/" + path)
            nodes[path] = nodes[path]._replace(digest=digest)


def _hash(full: bytes) -> bytes:
    descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def read_file(path: Path, rules: RuleSet, epoch: int | None) -> Reading:
    """Read one file as a tree that holds nothing else. Raises InputError."""
    collector = _Collector(rules)
    full = os.fsencode(path)
    status = _checked(os.stat, full)
    name = os.path.basename(full)
    # What a person names is meant to be looked at, whoever may start it.
    fact, text = _in_file(full, status, partial(collector.file, name, 0o755, epoch), follow=True)
    node = Node(
        Kind.FILE,
        status.st_size,
        0,
        mode=stat.S_IMODE(status.st_mode),
        facts=collector.facts(fact),
        text=collector.text(text),
    )
    return Reading(AuditTree({name: node}))


def _in_file(
    full: bytes,
    status: os.stat_result,
    look: Callable[[Source], tuple[int, int]],
    *,
    follow: bool = False,
) -> tuple[int, int]:
    if not status.st_size:
        return 0, 0
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = _checked(lambda path: os.open(path, flags), full)
    try:
        return look(FileSource(descriptor, status.st_size))
    except OSError as error:
        raise InputError(f"cannot read {os.fsdecode(full)}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _walk(root: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    pending = [b""]
    while pending:
        folder = pending.pop()
        names = sorted(_checked(os.listdir, root + b"/" + folder if folder else root))
        for name in names:
            path = folder + b"/" + name if folder else name
            status = _checked(os.lstat, root + b"/" + path)
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)


def _checked(call: Callable[[bytes], _T], path: bytes) -> _T:
    try:
        return call(path)
    except OSError as error:
        raise InputError(f"cannot read {os.fsdecode(path)}: {error.strerror}") from error


def _seconds(created: object) -> int | None:
    if not isinstance(created, str):
        return None
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.microsecond:
        return None
    return int(moment.timestamp())


_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}
