"""What `samebit diff` found: how two images differ, from the outside in.

Frozen values only; `report` renders them. Everything that an image's author chose (paths, names,
values) is text that went through `escaped`, so that it can be shown anywhere. `a` and `b` are the
two images in the order in which they were named; None on one side means absent there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from samebit.model.explanation import Explanation


class Grade(enum.Enum):
    """How much two images have in common, best first.

    BITWISE: the same manifest or index, byte for byte. SAME_DIFF_IDS: the same config values and
    uncompressed layers, packaged differently. SAME_TREE: containers made from them see the same
    files (with their times) and run with the same settings. NORMALISED: `samebit normalise` makes
    one image of both; only found where it was asked for. SAME_FILES: they hold the same files with
    the same content; times, permissions, owners or settings differ. SAME_PACKAGES: their package
    managers' records name the same packages in the same versions. DIFFERENT: none of these.
    """

    BITWISE = "bitwise"
    SAME_DIFF_IDS = "same-diff-ids"
    SAME_TREE = "same-tree-and-config"
    NORMALISED = "same-after-normalising"
    SAME_FILES = "same-files"
    SAME_PACKAGES = "same-packages"
    DIFFERENT = "different"


class LayerVerdict(enum.Enum):
    """How a pair of layers compares; BLOB_DIFFERS means that only the compressed bytes do."""

    SAME = "same"
    BLOB_DIFFERS = "blob-differs"
    DIFFERENT = "different"
    ONLY_A = "only-a"
    ONLY_B = "only-b"


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A place in a JSON document, such as `config.Env.PATH`; the values are compact JSON text."""

    path: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class DocumentDifference:
    """Two JSON documents. `encoding` says that the bytes differ though no value does."""

    changes: tuple[ValueChange, ...] = ()
    encoding: bool = False

    @property
    def differs(self) -> bool:
        """Say whether the documents differ at all."""
        return bool(self.changes) or self.encoding


@dataclass(frozen=True, slots=True)
class ByteDifference:
    """Where two runs of bytes part. Sizes, offsets and counts are in bytes.

    `first` is the offset of the first differing byte (the shorter size when one continues the
    other), `count` how many differ up to the shorter size. `window_a` and `window_b` are at most 32
    bytes of each from offset `start` on.
    """

    size_a: int
    size_b: int
    first: int
    count: int
    start: int
    window_a: bytes
    window_b: bytes


@dataclass(frozen=True, slots=True)
class FieldChange:
    """An attribute of an entry that differs: `mode`, `mtime`, `xattr user.x`, `pax atime`."""

    field: str
    a: str | None
    b: str | None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that both sides have. `occurrence` counts entries of the same path, from 0.

    `content` tells about differing content where it was looked into, `explanation` why it differs.
    """

    path: str
    occurrence: int
    fields: tuple[FieldChange, ...]
    content: ByteDifference | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class OrderChange:
    """Where the order of the entries that both archives have first differs; `position` from 0."""

    position: int
    path_a: str
    path_b: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A path that only A has and one that only B has, which differ in what is made anew.

    `explanation` says what differs in the first component that does, with offsets in it.
    """

    path_a: str
    path_b: str
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class EntriesDifference:
    """Two lists of entries, of a layer or of a file tree.

    The counts are complete, `changed`, `only_a` and `only_b` hold as many as were asked for:
    `changed` the most important first, the others in bytewise order. `fields` counts the changed
    entries by attribute. `order` is None for trees, and where the order is the same. `renamed`
    explains paths of `only_a` and `only_b`.
    """

    count_a: int
    count_b: int
    changed_count: int
    changed: tuple[EntryChange, ...]
    only_a_count: int
    only_a: tuple[str, ...]
    only_b_count: int
    only_b: tuple[str, ...]
    fields: tuple[tuple[str, int], ...]
    order: OrderChange | None = None
    renamed: tuple[Renamed, ...] = ()

    @property
    def differs(self) -> bool:
        """Say whether anything differs."""
        return bool(self.changed_count or self.only_a_count or self.only_b_count or self.order)


@dataclass(frozen=True, slots=True)
class Compression:
    """How a blob is compressed: `algorithm` is none, gzip or zstd.

    `parts` counts gzip members or zstd frames; `part_size` is the uncompressed size in bytes of the
    first one, where known. `header` holds the fields of the first one's header as (name, text),
    `uniform` says that all parts have equal headers. `level` is what the header tells of it.
    """

    algorithm: str
    parts: int = 0
    part_size: int | None = None
    header: tuple[tuple[str, str], ...] = ()
    uniform: bool = True
    level: str | None = None


@dataclass(frozen=True, slots=True)
class LayerSide:
    """One side's layer; `position` counts from 0, `size` is the blob's in bytes."""

    position: int
    digest: str
    diff_id: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """A pair of layers, or one that only one side has.

    `descriptor` tells what else differs in the manifest's lines about them. `compression` is there
    for BLOB_DIFFERS, `entries` for DIFFERENT, `archive` when the diff IDs differ though no entry
    does: then it compares the uncompressed archives themselves.
    """

    verdict: LayerVerdict
    a: LayerSide | None
    b: LayerSide | None
    descriptor: tuple[ValueChange, ...] = ()
    compression: tuple[Compression, Compression] | None = None
    entries: EntriesDifference | None = None
    archive: ByteDifference | None = None


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Two images for one platform.

    `layers` holds a line for every layer, the same ones included. `paired` says that layers could
    be compared one by one. `tree` compares the file trees that the layers add up to, and is None
    when the diff IDs are equal.
    """

    platform: str
    digest_a: str
    digest_b: str
    grade: Grade
    manifest: DocumentDifference
    config: DocumentDifference
    layers: tuple[LayerDifference, ...]
    paired: bool
    tree: EntriesDifference | None


@dataclass(frozen=True, slots=True)
class IndexDifference:
    """The lists of platforms of two indexes; an image without an index is a list of one.

    `unread` are platforms that one side offers and the other, a plain manifest, cannot.
    """

    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    same: tuple[str, ...]
    different: tuple[str, ...]
    unread: tuple[str, ...]
    document: DocumentDifference


@dataclass(frozen=True, slots=True)
class Side:
    """An image as it was named. `canonicalised`: its place keeps no manifest, so samebit made one.

    Then the digest, and the compressed bytes of its layers, are samebit's.
    """

    name: str
    digest: str
    media_type: str
    canonicalised: bool = False


@dataclass(frozen=True, slots=True)
class DiffReport:
    """The whole comparison. `index` is None unless at least one side is an index."""

    a: Side
    b: Side
    grade: Grade
    index: IndexDifference | None = None
    images: tuple[ImageDifference, ...] = ()

    @property
    def identical(self) -> bool:
        """Say whether the two are the same bytes."""
        return self.grade is Grade.BITWISE
