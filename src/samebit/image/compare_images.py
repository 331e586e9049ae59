"""Comparing two images for one platform from the outside in: manifest, config, layers, tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from samebit.canonical import json as canonical_json
from samebit.image.applied_tree import AppliedTrees
from samebit.image.document_difference import (
    compare_configs,
    compare_manifests,
    same_execution,
    same_values,
    value_changes,
)
from samebit.image.entry_details import Detail
from samebit.image.entry_difference import applied, walk
from samebit.image.entry_spool import temporary_database
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_difference import compare_entries, compare_packaging, describe_entries
from samebit.image.layer_members import CONTENT, TYPE, Member, read_members
from samebit.image.manifest import Image
from samebit.image.members import Document, list_of, object_of
from samebit.image.same_packages import same_packages
from samebit.model.digest import Digest
from samebit.model.image_difference import (
    DocumentDifference,
    EntriesDifference,
    Grade,
    ImageDifference,
    LayerDifference,
    LayerSide,
    LayerVerdict,
    ValueChange,
)

# Fields of entries that say what a file is and holds.
_CONTENT = frozenset({TYPE, CONTENT, "link", "size", "device", "hard-links"})


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose blobs can be read. `manifest` and `config` are verified bytes as stored."""

    image: Image
    manifest: bytes
    config: bytes
    layers: tuple[LayerBlob, ...]

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The diff IDs that its config names, lowest layer first."""
        return self.image.config_document.diff_ids


def compare_images(a: OpenedImage, b: OpenedImage, detail: Detail) -> ImageDifference:
    """Compare two images; the directory of `detail` must be empty.

    Every blob that is read is verified; blobs that both images share are read only where the tree
    needs them. Raises InputError (a blob is missing, damaged or malformed) or MachineError (the
    disk is full).
    """
    digests = a.image.descriptor.digest, b.image.descriptor.digest
    if digests[0] == digests[1]:
        return ImageDifference(
            platform=str(a.image.platform),
            digest_a=str(digests[0]),
            digest_b=str(digests[1]),
            grade=Grade.BITWISE,
            manifest=DocumentDifference(),
            config=DocumentDifference(),
            layers=tuple(_same_layers(a, b)),
            paired=True,
            tree=None,
        )
    paired = _pairs_up(a.diff_ids, b.diff_ids)
    layers, tree, packages = _Layers(a, b, detail).compare(paired=paired)
    return ImageDifference(
        platform=_platforms(a, b),
        digest_a=str(digests[0]),
        digest_b=str(digests[1]),
        grade=_grade(a, b, tree, same_packages=packages),
        manifest=compare_manifests(a.manifest, b.manifest),
        config=compare_configs(a.config, b.config),
        layers=layers,
        paired=paired,
        tree=tree,
    )


def _grade(
    a: OpenedImage, b: OpenedImage, tree: EntriesDifference | None, *, same_packages: bool
) -> Grade:
    documents = a.image.config_document.document, b.image.config_document.document
    if a.diff_ids == b.diff_ids and same_values(*documents):
        return Grade.SAME_DIFF_IDS
    if (tree is None or not tree.differs) and same_execution(*documents):
        return Grade.SAME_TREE
    if tree is None or not holds_other_files(tree):
        return Grade.SAME_FILES if _same_platform(a, b) else Grade.DIFFERENT
    return Grade.SAME_PACKAGES if same_packages else Grade.DIFFERENT


def holds_other_files(tree: EntriesDifference) -> bool:
    """Tell whether one of two trees has a path, a kind of file or a content of its own."""
    return bool(
        tree.only_a_count or tree.only_b_count or _CONTENT & {name for name, _ in tree.fields}
    )


def _same_platform(a: OpenedImage, b: OpenedImage) -> bool:
    return a.image.platform == b.image.platform


def _platforms(a: OpenedImage, b: OpenedImage) -> str:
    left, right = str(a.image.platform), str(b.image.platform)
    return left if left == right else f"{left} and {right}"


def _pairs_up(a: tuple[Digest, ...], b: tuple[Digest, ...]) -> bool:
    """Say whether layers correspond by position: as many, and none merely moved."""
    if len(a) != len(b):
        return False
    differing = [(left, right) for left, right in zip(a, b, strict=True) if left != right]
    return not {left for left, _ in differing} & {right for _, right in differing}


class _Layers:
    """The comparison of all layers, which reads each of them as seldom as possible."""

    def __init__(self, a: OpenedImage, b: OpenedImage, detail: Detail) -> None:
        self._images = (a, b)
        self._layers = (a.layers, b.layers)
        self._detail = detail
        self._common = 0
        for left, right in zip(a.diff_ids, b.diff_ids, strict=False):
            if left != right:
                break
            self._common += 1

    def compare(
        self, *, paired: bool
    ) -> tuple[tuple[LayerDifference, ...], EntriesDifference | None, bool]:
        """Give the layers, the tree that they add up to, and whether the packages are the same."""
        a, b = self._images
        if a.diff_ids == b.diff_ids:
            return tuple(self._equal(position) for position in range(len(a.layers))), None, True
        with temporary_database(self._detail.directory, "trees") as database:
            trees = AppliedTrees(database)
            found = [self._equal(position) for position in range(self._common)]
            for position in range(self._common):
                self._apply(trees, 0, position)
            trees.copy()
            if paired:
                found += [self._pair(trees, n) for n in range(self._common, len(a.layers))]
            else:
                found += self._unpaired(trees)
            walked = walk(applied(trees, 0), applied(trees, 1), self._detail.limit)
            counts = trees.count(0), trees.count(1)
            self._detail.told("looking into what differs")
            packages = same_packages(trees, self._layers, self._detail)
        tree = describe_entries(walked, counts, None, self._layers, self._detail)
        return tuple(found), tree, packages

    def _pair(self, trees: AppliedTrees, position: int) -> LayerDifference:
        a, b = self._images
        if a.diff_ids[position] == b.diff_ids[position]:
            found = self._equal(position)
            for side in (0, 1):
                self._apply(trees, side, position)
            return found
        for side in (0, 1):
            trees.start_layer(side)
        self._tell(0, position, "comparing")

        def seen(side: int, member: Member) -> None:
            trees.apply(side, position, member)

        entries, archive = compare_entries(self._layers, position, self._detail, seen)
        return LayerDifference(
            LayerVerdict.DIFFERENT,
            _side(a, position),
            _side(b, position),
            descriptor=_descriptor_changes(a, b, position, position),
            entries=entries,
            archive=archive,
        )

    def _equal(self, position: int) -> LayerDifference:
        return self._equal_diff_ids(position, position)

    def _equal_diff_ids(self, position_a: int, position_b: int) -> LayerDifference:
        a, b = self._images
        left, right = a.layers[position_a], b.layers[position_b]
        sides = _side(a, position_a), _side(b, position_b)
        changes = _descriptor_changes(a, b, position_a, position_b)
        if left.descriptor.digest == right.descriptor.digest:
            return LayerDifference(LayerVerdict.SAME, *sides, descriptor=changes)
        packaging = compare_packaging(left, right)
        return LayerDifference(
            LayerVerdict.BLOB_DIFFERS, *sides, descriptor=changes, compression=packaging
        )

    def _unpaired(self, trees: AppliedTrees) -> Iterator[LayerDifference]:
        a, b = self._images
        for side in (0, 1):
            for position in range(self._common, len(self._layers[side])):
                self._apply(trees, side, position)
        # A layer that stands elsewhere in the other image is told with its counterpart.
        left_over = {
            diff_id: position
            for position, diff_id in reversed(list(enumerate(b.diff_ids)))
            if position >= self._common
        }
        matched = set()
        for position in range(self._common, len(a.layers)):
            counterpart = left_over.pop(a.diff_ids[position], None)
            if counterpart is None:
                yield LayerDifference(LayerVerdict.ONLY_A, _side(a, position), None)
            else:
                matched.add(counterpart)
                yield self._equal_diff_ids(position, counterpart)
        for position in range(self._common, len(b.layers)):
            if position not in matched:
                yield LayerDifference(LayerVerdict.ONLY_B, None, _side(b, position))

    def _apply(self, trees: AppliedTrees, side: int, position: int) -> None:
        trees.start_layer(side)
        self._tell(side, position, "reading")
        layer = self._layers[side][position]
        for member in read_members(layer, bookmarks=self._detail.new_bookmarks(layer)):
            trees.apply(side, position, member)

    def _tell(self, side: int, position: int, what: str) -> None:
        layers = self._layers[side]
        size = layers[position].descriptor.size
        which = "A and B" if what == "comparing" else "AB"[side]
        self._detail.told(
            f"{what} layer {position + 1} of {len(layers)} of {which} ({_size(size)})"
        )


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _same_layers(a: OpenedImage, b: OpenedImage) -> Iterator[LayerDifference]:
    for position in range(len(a.layers)):
        yield LayerDifference(LayerVerdict.SAME, _side(a, position), _side(b, position))


def _side(opened: OpenedImage, position: int) -> LayerSide:
    descriptor = opened.layers[position].descriptor
    return LayerSide(
        position,
        str(descriptor.digest),
        str(opened.diff_ids[position]),
        descriptor.size,
        descriptor.media_type,
    )


def _descriptor_changes(
    a: OpenedImage, b: OpenedImage, position_a: int, position_b: int
) -> tuple[ValueChange, ...]:
    """Compare the manifests' lines about a layer, as they are written and without their digests."""
    return tuple(value_changes(_line(a, position_a), _line(b, position_b)))


def _line(opened: OpenedImage, position: int) -> Document:
    document = object_of(canonical_json.decode(opened.manifest, "manifest"), "manifest")
    layers = list_of(document.get("layers"), "manifest: layers")
    line = object_of(layers[position], "manifest: layers")
    return {key: value for key, value in line.items() if key not in ("digest", "size")}
