"""The final tree of a base image, made from its own layer blobs and kept beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import DEFAULT_LIMITS, Limits, Member, open_layer
from samebit.image.layered_tree import LayeredTree
from samebit.image.xattrs import Xattrs
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store

# Part of the record's name: a change of the encoding below, or of how layers are applied, makes
# older records unknown.
_RECORD = "base-index-1"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BaseIndex:
    """A tree of files: `entries` by path in bytewise order, no path a Kind.HARDLINK.

    Every name of a hard-link group has the group's attributes. The root directory b"" is present
    only if a layer held it. `contents` has the sha256 (32 bytes) of every regular file's content.
    """

    entries: Mapping[bytes, Entry]
    contents: Mapping[bytes, bytes]
    _groups: tuple[tuple[bytes, ...], ...]

    def groups(self) -> tuple[tuple[bytes, ...], ...]:
        """Give the hard-link groups of at least two names: each sorted, sorted by first name."""
        return self._groups


class _Record(msgspec.Struct, array_like=True, frozen=True):
    paths: list[bytes]
    kinds: bytes
    modes: list[int]
    uids: list[int]
    gids: list[int]
    sizes: list[int]
    contents: bytes
    links: dict[int, bytes]
    devices: dict[int, tuple[int, int]]
    xattrs: dict[int, Xattrs]
    groups: list[list[int]]


def index_base(
    store: Store,
    layers: Sequence[Descriptor],
    diff_ids: Sequence[Digest],
    limits: Limits = DEFAULT_LIMITS,
) -> BaseIndex:
    """Give the tree that `layers`, lowest first, unpack to.

    Read once per list of diff IDs, then kept as a record in `store`; reading checks the digest and
    the diff ID of every blob. `limits` hold for each layer. Raises InputError for a blob that is
    absent, damaged, or not a layer.
    """
    if len(layers) != len(diff_ids):
        raise InputError(
            f"the base image has {len(layers)} layers but its config lists {len(diff_ids)} diff IDs"
        )
    key = hashlib.sha256("\n".join(map(str, diff_ids)).encode()).hexdigest()
    record = store.record(_RECORD, key)
    if record is not None:
        try:
            return decode_index(record)
        except InputError:
            pass  # made anew below
    index = _read(store, layers, diff_ids, limits)
    store.set_record(_RECORD, key, encode_index(index))
    return index


def _read(
    store: Store, layers: Sequence[Descriptor], diff_ids: Sequence[Digest], limits: Limits
) -> BaseIndex:
    tree = LayeredTree()
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        what = f"layer {layer.digest}"
        with store.open_verified(layer.digest) as stream:
            members = open_layer(
                stream, layer.media_type, what=what, diff_id=diff_id, limits=limits
            )
            for _ in apply_members(tree, members, what):
                pass
    return freeze(tree)


def apply_members(
    tree: LayeredTree, members: Iterable[Member], what: str
) -> Iterator[tuple[Member, bytes]]:
    """Apply the members of one layer, named `what` in errors, to `tree` while they are drawn.

    Gives each with the sha256 of its content, b"" for all but regular files. Raises InputError.
    """
    tree.begin(what)
    for member in members:
        content = b""
        if member.entry.kind is Kind.FILE:
            hasher = hashlib.sha256()
            while data := member.content.read():
                hasher.update(data)
            content = hasher.digest()
        tree.add(member.entry, content)
        yield member, content
    tree.end()


def freeze(tree: LayeredTree) -> BaseIndex:
    """Give the tree as it is now; layers that are applied later do not change the index."""
    entries: dict[bytes, Entry] = {}
    contents: dict[bytes, bytes] = {}
    names: dict[int, list[bytes]] = {}
    for path, inode in tree.inodes():
        entries[path] = inode.entry(path)
        if inode.kind is Kind.FILE:
            contents[path] = inode.content
        if inode.kind is not Kind.DIRECTORY:
            names.setdefault(id(inode), []).append(path)
    groups = tuple(tuple(group) for group in names.values() if len(group) > 1)
    return BaseIndex(entries, contents, groups)


def encode_index(index: BaseIndex) -> bytes:
    """Encode deterministically and compactly; see decode_index."""
    entries = list(index.entries.values())
    position = {path: number for number, path in enumerate(index.entries)}
    return msgspec.msgpack.encode(
        _Record(
            paths=list(index.entries),
            kinds=b"".join(entry.kind.value for entry in entries),
            modes=[entry.mode for entry in entries],
            uids=[entry.uid for entry in entries],
            gids=[entry.gid for entry in entries],
            sizes=[entry.size for entry in entries],
            contents=b"".join(
                index.contents[entry.path] for entry in entries if entry.kind is Kind.FILE
            ),
            links={number: entry.link for number, entry in enumerate(entries) if entry.link},
            devices={
                number: entry.device
                for number, entry in enumerate(entries)
                if entry.device != (0, 0)
            },
            xattrs={number: entry.xattrs for number, entry in enumerate(entries) if entry.xattrs},
            groups=[[position[path] for path in group] for group in index.groups()],
        )
    )


def decode_index(data: bytes) -> BaseIndex:
    """Decode what encode_index gave. Raises InputError for anything else."""
    try:
        record = msgspec.msgpack.decode(data, type=_Record)
        kinds = [_KINDS[value] for value in record.kinds]
        links = _sparse(record.links, len(kinds), b"")
        devices = _sparse(record.devices, len(kinds), (0, 0))
        xattrs = _sparse(record.xattrs, len(kinds), ())
        columns = zip(
            record.paths,
            kinds,
            record.modes,
            record.uids,
            record.gids,
            record.sizes,
            links,
            devices,
            xattrs,
            strict=True,
        )
        entries = {row[0]: Entry(*row) for row in columns}
        files = [path for path, kind in zip(record.paths, kinds, strict=True) if kind is Kind.FILE]
        digests = [record.contents[at : at + 32] for at in range(0, len(record.contents), 32)]
        contents = dict(zip(files, digests, strict=True))
        groups = tuple(tuple(record.paths[number] for number in group) for group in record.groups)
    except (msgspec.MsgspecError, ValueError, LookupError) as error:
        raise InputError(f"a damaged index of a base image: {error}") from None
    return BaseIndex(entries, contents, groups)


def _sparse(found: Mapping[int, _T], size: int, default: _T) -> list[_T]:
    column = [default] * size
    for number, value in found.items():
        column[number] = value
    return column


_KINDS = {kind.value[0]: kind for kind in Kind}
