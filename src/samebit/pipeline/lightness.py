"""What an image's bytes are for: by layer, by package, what could go, what scratch would need."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from samebit.executables.libraries import LibrarySearch
from samebit.image.entry import Kind
from samebit.inventory.dispensable import KINDS, kind_of
from samebit.inventory.packages import Records, find_packages
from samebit.model.escaped import escaped
from samebit.model.lightness import (
    Dispensable,
    Duplicate,
    Lightness,
    Needs,
    OverwrittenFile,
    PackageShare,
    Source,
    SourceShare,
)
from samebit.pipeline.audit_read import Reading
from samebit.pipeline.audit_tree import AuditTree, Node

_EXAMPLES = 3
# Smaller ones are licences, empty modules and the like: nobody would merge them.
_SMALLEST_DUPLICATE = 4096
_SHELLS = ("sh", "bash", "dash", "ash")
_INTERPRETERS = ("python", "node", "ruby", "perl", "php", "java", *_SHELLS)
_DATA = (
    b"etc/ssl/certs/ca-certificates.crt",
    b"usr/share/zoneinfo",
    b"etc/passwd",
    b"etc/group",
    b"etc/nsswitch.conf",
    b"etc/mime.types",
)


@dataclass(slots=True)
class _Sum:
    files: int = 0
    size: int = 0
    sources: set[int] = field(default_factory=set)
    largest: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, path: bytes, node: Node) -> None:
        self.files += 1
        self.size += node.size
        if node.source is not None:
            self.sources.add(node.source)
        if len(self.largest) < _EXAMPLES or -node.size < self.largest[-1][0]:
            self.largest = sorted([*self.largest, (-node.size, path)])[:_EXAMPLES]


def weigh(
    reading: Reading,
    search: LibrarySearch,
    sources: Sequence[Source],
    *,
    command: Sequence[str] | None,
) -> Lightness:
    """Weigh a tree.

    `sources` are what brought the files, by the numbers that the reading has; `command` is what an
    image starts, None where nothing says so.
    """
    tree = reading.tree
    files = _files(tree)
    gone = reading.overwritten
    duplicates = _duplicates(files)
    dispensable: dict[str, _Sum] = {}
    could_go: dict[bytes, int] = {}
    for path, node in files.items():
        kind = kind_of(path)
        if kind is not None:
            dispensable.setdefault(kind.name, _Sum()).add(path, node)
            could_go[path] = node.size
    for group in duplicates:
        could_go |= {path: files[path].size for path in group[1:]}
    packages, rest = _packages(tree, files)
    shares = _shares(files, reading, sources)
    return Lightness(
        size=sum(node.size for node in files.values()),
        files=len(files),
        sources=shares,
        by_instruction=bool(shares)
        and all(share.source.instructions == 1 for share in shares if share.files),
        packages=packages,
        unpackaged=rest,
        dispensable=tuple(
            Dispensable(
                kind.name,
                kind.meaning,
                found.files,
                found.size,
                tuple(sorted(found.sources)),
                tuple(_shown(path) for _, path in found.largest),
            )
            for kind in KINDS
            if (found := dispensable.get(kind.name)) is not None
        ),
        duplicates=tuple(
            Duplicate(
                files[group[0]].size,
                tuple(map(_shown, group)),
                _numbers(files[path] for path in group),
            )
            for group in duplicates
        ),
        overwritten=tuple(
            OverwrittenFile(_shown(item.path), item.size, item.source, _by(tree, item.path))
            for item in gone
        ),
        needs=_needs(tree, search, command) if command is not None else None,
        could_go=sum(could_go.values()) + sum(item.size for item in gone),
    )


def _files(tree: AuditTree) -> dict[bytes, Node]:
    """Give the regular files; of hard links the first name."""
    found: dict[bytes, Node] = {}
    seen: set[int] = set()
    for path, node in tree.nodes.items():
        if node.kind is Kind.FILE and node.inode not in seen:
            seen.add(node.inode)
            found[path] = node
    return found


def _shares(
    files: Mapping[bytes, Node], reading: Reading, sources: Sequence[Source]
) -> tuple[SourceShare, ...]:
    visible = [0] * len(sources)
    whole = [0] * len(sources)
    count = [0] * len(sources)
    for node in files.values():
        if node.source is not None:
            visible[node.source] += node.size
            whole[node.source] += node.size
            count[node.source] += 1
    for item in reading.overwritten:
        whole[item.source] += item.size
        count[item.source] += 1
    return tuple(
        SourceShare(source, count[number], whole[number], visible[number])
        for number, source in enumerate(sources)
    )


def _numbers(nodes: Iterable[Node]) -> tuple[int, ...]:
    return tuple(sorted({node.source for node in nodes if node.source is not None}))


def _by(tree: AuditTree, path: bytes) -> int | None:
    node = tree.nodes.get(path)
    return node.source if node is not None else None


def _packages(
    tree: AuditTree, files: Mapping[bytes, Node]
) -> tuple[tuple[PackageShare, ...], PackageShare]:
    texts = {path: node.text for path, node in tree.nodes.items() if node.text is not None}
    left = dict(files)
    shares = []
    for manager, package in find_packages(Records(list(tree.nodes), texts)):
        size = count = 0
        brought: set[int] = set()
        for named in package.paths:
            # Records name files by their old places where /bin is a link to /usr/bin.
            path = named if named in left else tree.resolve(named)
            node = left.pop(path, None) if path is not None else None
            if node is not None:
                count += 1
                size += node.size
                if node.source is not None:
                    brought.add(node.source)
        shares.append(
            PackageShare(
                manager, package.name, package.version, count, size, tuple(sorted(brought))
            )
        )
    shares.sort(key=lambda share: (-share.size, share.manager, share.name, share.version))
    total = sum(node.size for node in left.values())
    rest = PackageShare("", "", "", len(left), total, _numbers(left.values()))
    return tuple(shares), rest


def _duplicates(files: Mapping[bytes, Node]) -> list[list[bytes]]:
    groups: dict[bytes, list[bytes]] = {}
    for path, node in files.items():
        if node.digest is not None and node.size >= _SMALLEST_DUPLICATE:
            groups.setdefault(node.digest, []).append(path)
    found = [group for group in groups.values() if len(group) > 1]
    return sorted(found, key=lambda group: (-files[group[0]].size * (len(group) - 1), group))


def _needs(tree: AuditTree, search: LibrarySearch, command: Sequence[str]) -> Needs:
    first = command[0] if command else ""
    found: dict[bytes, None] = {}
    missing: dict[str, None] = {}
    interpreted = False
    start = search.command(os.fsencode(first)) if first else None
    if first and start is None:
        missing.setdefault(escaped(first))
    pending = [start] if start is not None else []
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found[path] = None
        facts = tree.nodes[path].facts
        name = os.fsdecode(path.rpartition(b"/")[2])
        interpreted = interpreted or name.startswith(_INTERPRETERS)
        if facts is None:
            continue
        wanted: list[tuple[bytes, bytes | None]] = []
        if facts.linkage is not None and facts.format == "elf":
            wanted += search.libraries(path, facts.linkage)
            loader = facts.linkage.interpreter
            if loader is not None:
                wanted.append((loader, search.interpreter(loader)))
        for word in facts.commands:
            interpreted = True
            wanted.append((word, search.command(word)))
        for word, place in wanted:
            real = tree.resolve(place) if place is not None else None
            if real is not None:
                pending.append(real)
            elif place is None:
                missing.setdefault(escaped(word))
    data = [(_shown(path), _size_at(tree, path)) for path in _DATA]
    return Needs(
        escaped(first),
        tuple(_shown(path) for path in sorted(found)),
        sum(tree.nodes[path].size for path in found),
        tuple(missing),
        interpreted,
        tuple((path, size) for path, size in data if size),
    )


def _size_at(tree: AuditTree, path: bytes) -> int:
    real = tree.resolve(path)
    if real is not None:
        return tree.nodes[real].size
    return sum(tree.nodes[below].size for below in tree.below(path))


def _shown(path: bytes) -> str:
    return escaped(b"/" + path)
