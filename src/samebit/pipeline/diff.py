"""`samebit diff`: open two images wherever they are, compare them, leave nothing behind."""

from __future__ import annotations

import functools
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from samebit.errors import InputError
from samebit.explain.content import OpenFile
from samebit.explain.entries import explain_fields, explain_names
from samebit.explain.explain import explain
from samebit.explain.noise import known_noise
from samebit.explain.protocol import BuildFacts, Pair
from samebit.image.compare_images import OpenedImage, compare_images
from samebit.image.document_difference import compare_indexes
from samebit.image.entry_details import Detail, Inspector
from samebit.image.manifest import Index, IndexEntry
from samebit.inventory.packages import Records, find_packages, is_record
from samebit.lock.epoch import DEFAULT_EPOCH
from samebit.lock.model import NORMALISER_SET
from samebit.model.explanation import Cause, Explanation
from samebit.model.image_difference import (
    DiffReport,
    DocumentDifference,
    FieldChange,
    Grade,
    ImageDifference,
    IndexDifference,
    Renamed,
    Side,
)
from samebit.model.platform import Platform
from samebit.normalisers.compare import comparing, equalising
from samebit.normalisers.protocol import Scope
from samebit.normalisers.selection import NormaliserSelection
from samebit.pipeline.deep_view import DeepView
from samebit.pipeline.open_image import OpenedSource, open_source
from samebit.pipeline.temporary import temporary_directory
from samebit.store.failure import machine_errors
from samebit.store.home import default_home
from samebit.transports.resolve import choose

DEFAULT_LIMIT = 20


@dataclass(frozen=True, slots=True)
class KnownBuilds:
    """What is known about the builds of the two images.

    `instruction` gives the text of the instruction that wrote a path, empty when not known.
    """

    facts: tuple[BuildFacts, BuildFacts] = (BuildFacts(), BuildFacts())
    instruction: Callable[[bytes], str] = lambda _: ""


NOTHING_KNOWN = KnownBuilds()
_GRADES = tuple(Grade)
_NO_IMAGE = "no image"
_Listed: TypeAlias = Mapping[str, IndexEntry]


def diff_images(
    a: str,
    b: str,
    *,
    platform: Platform | None = None,
    limit: int | None = DEFAULT_LIMIT,
    store_root: Path | None = None,
    known: KnownBuilds = NOTHING_KNOWN,
    normalising: bool = False,
    diffoscope: str | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> DiffReport:
    """Compare the images that two texts name: `oci:PATH`, `docker://NAME`, a name in the store.

    `limit` is how many entries of each kind are told in detail, None for all. `platform` chooses
    one of an index; without it every platform that both sides have is compared. `store_root` is
    samebit's store, by default below SAMEBIT_HOME. `known` makes causes surer.
    `normalising` also tells whether they are the same after normalising, which takes as long as
    normalising both. `diffoscope` is the path of that program, for a deep view of each file. `told`
    hears what is being done. Temporary files, such as the images of a registry, are kept below
    TMPDIR and removed. Raises UsageError, InputError or MachineError.
    """
    root = store_root or default_home() / "store"
    with (
        temporary_directory("diff") as directory,
        open_source(a, platform, root, directory / "a") as left,
        open_source(b, platform, root, directory / "b") as right,
    ):
        sides = _side(left), _side(right)
        if left.descriptor.digest == right.descriptor.digest and platform is None:
            return DiffReport(*sides, Grade.BITWISE)
        deep = DeepView(diffoscope, directory) if diffoscope is not None else None
        comparison = _Comparison(
            left,
            right,
            directory,
            limit,
            _Inspector(known, directory, deep),
            normalising=normalising,
            told=told,
        )
        if platform is not None or (left.index is None and right.index is None):
            found = comparison.images(left.image(platform=platform), right.image(platform=platform))
            return DiffReport(*sides, found.grade, None, (found,))
        return comparison.indexes(sides)


def _side(source: OpenedSource) -> Side:
    return Side(
        source.name,
        str(source.descriptor.digest),
        source.descriptor.media_type,
        source.canonicalised,
    )


class _Comparison:
    def __init__(
        self,
        a: OpenedSource,
        b: OpenedSource,
        directory: Path,
        limit: int | None,
        inspector: Inspector,
        *,
        normalising: bool,
        told: Callable[[str], None],
    ) -> None:
        self._a = a
        self._b = b
        self._directory = directory
        self._limit = limit
        self._inspector = inspector
        self._normalising = normalising
        self._told = told
        self._count = 0

    def images(self, a: OpenedImage, b: OpenedImage) -> ImageDifference:
        self._count += 1
        directory = self._directory / f"images-{self._count}"
        with machine_errors(f"cannot keep temporary files in {self._directory}"):
            directory.mkdir()
        detail = Detail(directory, self._limit, self._inspector, told=self._told)
        found = compare_images(a, b, detail)
        worse = _GRADES.index(found.grade) > _GRADES.index(Grade.NORMALISED)
        if worse and self._normalising and self._normalise_alike(a, b, directory):
            return replace(found, grade=Grade.NORMALISED)
        return found

    def _normalise_alike(self, a: OpenedImage, b: OpenedImage, directory: Path) -> bool:
        from samebit.pipeline.normalise import normalised_image  # noqa: PLC0415 - seldom asked for

        made = []
        for number, (image, name) in enumerate(((a, self._a.name), (b, self._b.name))):
            work = directory / f"normalised-{number}"
            with machine_errors(f"cannot keep temporary files in {directory}"):
                work.mkdir()
            self._told(f"normalising {'AB'[number]}")
            made.append(normalised_image(image, name, DEFAULT_EPOCH, work).digest)
            shutil.rmtree(work)
        return made[0] == made[1]

    def indexes(self, sides: tuple[Side, Side]) -> DiffReport:
        """Compare two indexes, or an index with one image, platform by platform."""
        left, right, unread = self._lists()
        common = [name for name in left if name in right]
        different = [
            name for name in common if left[name].descriptor.digest != right[name].descriptor.digest
        ]
        images = tuple(
            self.images(self._a.image(left[name].descriptor), self._b.image(right[name].descriptor))
            for name in different
            if _is_image(name)
        )
        document = DocumentDifference()
        if self._a.index is not None and self._b.index is not None:
            document = compare_indexes(self._a.data, self._b.data)
        index = IndexDifference(
            only_a=tuple(name for name in left if name not in right),
            only_b=tuple(name for name in right if name not in left),
            same=tuple(name for name in common if name not in different),
            different=tuple(different),
            unread=unread,
            document=document,
        )
        # The descriptors differ, so it is not bitwise whatever the lists hold.
        grades = [Grade.SAME_DIFF_IDS, *(found.grade for found in images)]
        if any(_is_image(name) for name in (*index.only_a, *index.only_b)):
            grades.append(Grade.DIFFERENT)
        return DiffReport(*sides, max(grades, key=_GRADES.index), index, images)

    def _lists(self) -> tuple[_Listed, _Listed, tuple[str, ...]]:
        a, b = self._a, self._b
        if a.index is not None and b.index is not None:
            return _by_platform(a, a.index), _by_platform(b, b.index), ()
        single, many = (a, b) if a.index is None else (b, a)
        assert many.index is not None
        platform = single.image().image.platform
        chosen = choose(many.blobs, many.index, platform, many.name)
        listed = _by_platform(many, many.index)
        unread = tuple(
            name for name, entry in listed.items() if entry.descriptor != chosen.descriptor
        )
        name = str(platform)
        alone = {name: IndexEntry(single.descriptor, platform)}
        matching = {name: chosen}
        return (alone, matching, unread) if single is a else (matching, alone, unread)


@dataclass(frozen=True, slots=True)
class _Inspector:
    """What is asked why entries differ, with what is known about the two builds."""

    known: KnownBuilds
    directory: Path
    deep: DeepView | None = None

    def content(self, path: bytes, a: BinaryIO, b: BinaryIO) -> Explanation:
        instruction = self.known.instruction(path)
        found = explain(Pair(path, OpenFile(a), OpenFile(b), *self.known.facts, instruction))
        noise = self._noise(path, a, b)
        if noise is not None:
            found = replace(found, causes=(*found.causes, noise), unexplained=0)
        if self.deep is None or found.confidential:
            return found
        return replace(found, deep=self.deep.look(path, a, b))

    def _noise(self, path: bytes, a: BinaryIO, b: BinaryIO) -> Cause | None:
        one = equalising(path, a, b, _comparing(), epoch=DEFAULT_EPOCH, scratch=self.directory)
        if one is None:
            return None
        return known_noise(one.name, comparing_only=one.scope is Scope.COMPARE_ONLY)

    def fields(self, path: bytes, changes: Sequence[FieldChange]) -> tuple[Cause, ...]:
        return explain_fields(path, changes, self.known.facts)

    def names(self, only_a: Sequence[bytes], only_b: Sequence[bytes]) -> tuple[Renamed, ...]:
        return explain_names(only_a, only_b, self.known.facts)

    def is_record(self, path: bytes) -> bool:
        return is_record(path)

    def packages(
        self, paths: Sequence[bytes], records: Mapping[bytes, bytes]
    ) -> frozenset[tuple[str, str, str]]:
        return frozenset(
            (manager, package.name, package.version)
            for manager, package in find_packages(Records(paths, records))
        )


@functools.cache
def _comparing() -> NormaliserSelection:
    return comparing(NORMALISER_SET)


def _by_platform(source: OpenedSource, index: Index) -> _Listed:
    """Give the entries by their platform; several for one are numbered."""
    found: dict[str, IndexEntry] = {}
    numbers: Counter[str] = Counter()
    for entry in index.entries:
        name = str(entry.platform) if entry.platform else _platform_inside(source, entry)
        numbers[name] += 1
        found[f"{name} #{numbers[name]}" if numbers[name] > 1 else name] = entry
    return dict(sorted(found.items()))


def _platform_inside(source: OpenedSource, entry: IndexEntry) -> str:
    try:
        return str(source.image(entry.descriptor).image.platform)
    except InputError:
        # A signature, an attestation or another artifact.
        return _NO_IMAGE


def _is_image(name: str) -> bool:
    # Attestations of BuildKit stand in the index as images for unknown/unknown.
    return not name.startswith((_NO_IMAGE, "unknown/"))
