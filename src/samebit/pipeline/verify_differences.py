"""Telling what differs between builds: which paths, which axis alone, which instruction, why."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from samebit.canonical.tar_reader import TarReader
from samebit.errors import InputError, SamebitError
from samebit.explain.protocol import BuildFacts
from samebit.image.layer_blob import LayerBlob, plain_chunks
from samebit.image.layer_members import Facts, read_members
from samebit.model.descriptor import Descriptor
from samebit.model.escaped import escaped
from samebit.model.explanation import Cause
from samebit.model.image_difference import DiffReport, EntriesDifference, EntryChange
from samebit.model.verification import Instruction, PathDifference, Verification
from samebit.pipeline.diff import KnownBuilds, diff_images
from samebit.pipeline.session import Session
from samebit.pipeline.verify_builds import VerifiedBuild, VerifyBuilds
from samebit.pipeline.witness import Written
from samebit.report.progress import BuildProgress
from samebit.store.store import Store
from samebit.transports.resolve import resolve
from samebit.variations.apply import Variation
from samebit.variations.bisect import Blame, by_likelihood, find_axes
from samebit.variations.registry import all_axes

# More than anybody reads; the search would hold all of them.
_MOST_PATHS = 20_000
_LIKELY = (
    "clock",
    "host-name",
    "processors",
    "directory-order",
    "storage",
    "path",
    "kernel",
    "hash-seed",
    "address-layout",
    "umask",
)


@dataclass(frozen=True, slots=True)
class _Key:
    """A differing path: `platform` counts from 0."""

    platform: int
    path: bytes

    def encoded(self) -> bytes:
        return b"%d/%b" % (self.platform, self.path)

    @classmethod
    def decoded(cls, key: bytes) -> _Key:
        platform, _, path = key.partition(b"/")
        return cls(int(platform), path)


class Differences:
    """Looks into builds that do not agree."""

    def __init__(
        self,
        builds: VerifyBuilds,
        session: Session,
        told: BuildProgress,
        work: Path,
        limit: int | None,
    ) -> None:
        self._builds = builds
        self._session = session
        self._told = told
        self._work = work
        self._limit = limit

    def between(
        self,
        verification: Verification,
        plain: VerifiedBuild,
        other: VerifiedBuild,
        vary: Callable[[frozenset[str]], Variation],
        search: int,
    ) -> Verification:
        """Compare two builds, and find the axes with at most `search` further builds."""
        keys = self._differing(plain, other)
        self._told.say(f"paths that differ: {len(keys)}; looking for the causes")
        written = self._written((plain, other), keys)
        report = self._report(plain, other, written)
        causes = _causes(report)
        blame = Blame()
        axes = tuple(other.variation.varied)
        if search:
            blame = find_axes(
                keys,
                by_likelihood(axes, _LIKELY),
                lambda names: self._attempt(plain, names, vary, axes),
                budget=search,
                hints=_hints(keys, causes),
                includes={axis.name: axis.includes for axis in all_axes() if axis.includes},
            )
        found = [self._difference(key, written, causes, blame) for key in keys]
        return replace(
            verification,
            differences=tuple(sorted(found, key=_order)[: self._limit]),
            difference_count=len(keys),
            bisected=bool(search),
            builds_made=self._builds.made,
            report=report,
        )

    def from_expected(self, verification: Verification, plain: VerifiedBuild) -> Verification:
        """Compare with the expected image, where it can be had: builds agree with each other."""
        expectation = verification.expectation
        assert expectation is not None
        writers = self._all_writers(plain)
        try:
            report = diff_images(
                expectation.name,
                verification.digest,
                limit=self._limit,
                store_root=self._session.store.root,
                known=KnownBuilds((BuildFacts(), plain.facts), writers.text),
                told=self._told.line,
            )
        except InputError:
            # A digest alone, of an image that is not here.
            return verification
        changes = {change.path: change for change in _changes(report)}
        differences = tuple(
            PathDifference(
                path=path,
                unresolved=True,
                instruction=writers.found(path)[0],
                origin=writers.found(path)[1],
                causes=change.explanation.causes if change.explanation else (),
            )
            for path, change in sorted(changes.items())
        )
        return replace(
            verification,
            differences=differences,
            difference_count=len(differences),
            report=report,
        )

    def _attempt(
        self,
        plain: VerifiedBuild,
        names: frozenset[str],
        vary: Callable[[frozenset[str]], Variation],
        axes: Collection[str],
    ) -> frozenset[bytes] | None:
        what = _words(names, axes)
        self._told.say(f"searching for what makes it differ: a build with {what} varied")
        try:
            found = self._builds.build(vary(names))
        except SamebitError:
            return None
        return self._differing(plain, found)

    def _differing(self, a: VerifiedBuild, b: VerifiedBuild) -> frozenset[bytes]:
        found = set()
        for number, ((_, one), (_, other)) in enumerate(zip(a.platforms, b.platforms, strict=True)):
            for path in _differing_paths(self._session.store, one, other):
                found.add(_Key(number, path).encoded())
                if len(found) >= _MOST_PATHS:
                    return frozenset(found)
        return frozenset(found)

    def _written(
        self, builds: tuple[VerifiedBuild, ...], keys: frozenset[bytes]
    ) -> dict[bytes, Written]:
        """Give who wrote the differing paths, in the first build that has them."""
        by_platform: dict[int, set[bytes]] = {}
        for key in map(_Key.decoded, keys):
            by_platform.setdefault(key.platform, set()).add(key.path)
        found: dict[bytes, Written] = {}
        for platform, paths in sorted(by_platform.items()):
            for build in reversed(builds):
                for path, one in build.witness.writers(platform, paths).items():
                    found[_Key(platform, path).encoded()] = one
        return found

    def _all_writers(self, plain: VerifiedBuild) -> _Writers:
        return _Writers(plain, self._builds.instructions)

    def _report(
        self, plain: VerifiedBuild, other: VerifiedBuild, written: Mapping[bytes, Written]
    ) -> DiffReport:
        texts = {
            _Key.decoded(key).path: self._builds.instructions[one.origin or one.step].text
            for key, one in written.items()
            if one.step is not None
        }
        known = KnownBuilds((plain.facts, other.facts), lambda path: texts.get(path, ""))
        return diff_images(
            str(plain.image.digest),
            str(other.image.digest),
            limit=self._limit,
            store_root=self._session.store.root,
            known=known,
            told=self._told.line,
        )

    def _difference(
        self,
        key: bytes,
        written: Mapping[bytes, Written],
        causes: Mapping[str, tuple[Cause, ...]],
        blame: Blame,
    ) -> PathDifference:
        found = _Key.decoded(key)
        path = f"/{escaped(found.path)}"
        axes = tuple(sorted(blame.axes.get(key, ())))
        unvaried = key in blame.unvaried
        together = blame.together.get(key, ())
        one = written.get(key)
        instructions = self._builds.instructions
        parts = self._builds.evaluations
        return PathDifference(
            path=path,
            platform=str(parts[found.platform][0].platform) if len(parts) > 1 else "",
            axes=axes,
            unvaried=unvaried,
            together=together,
            unresolved=not axes and not unvaried and not together,
            instruction=instructions[one.step] if one is not None and one.step else None,
            origin=instructions[one.origin] if one is not None and one.origin else None,
            causes=causes.get(path, ()),
        )


def _words(names: Collection[str], axes: Collection[str]) -> str:
    """Say in short which axes of all `axes` a build varies."""
    others = sorted(set(axes) - set(names))
    if names and len(others) < len(names):
        return f"all but {', '.join(others)}" if others else "everything"
    return f"only {', '.join(sorted(names))}" if names else "nothing"


def _order(difference: PathDifference) -> tuple[bool, int, str, str]:
    """Put those first that an axis is to blame for, and together what one instruction wrote."""
    made = difference.origin or difference.instruction
    line = made.where.line if made is not None and made.where.line is not None else 0
    return difference.unvaried, line, difference.path, difference.platform


class _Writers:
    """Who wrote a path that a report shows, looked up one by one: there are few of them."""

    def __init__(self, build: VerifiedBuild, instructions: Mapping[str, Instruction]) -> None:
        self._build = build
        self._instructions = instructions

    def text(self, path: bytes) -> str:
        """Word the instruction."""
        found = self._build.witness.writers(0, [path]).get(path)
        if found is None or found.step is None:
            return ""
        return self._instructions[found.origin or found.step].text

    def found(self, path: str) -> tuple[Instruction | None, Instruction | None]:
        """Give the instruction of a path as reports show it, and where it was copied from."""
        for one in self._build.witness.written(0):
            if one.step is not None and f"/{escaped(one.path)}" == path:
                origin = self._instructions[one.origin] if one.origin else None
                return self._instructions[one.step], origin
        return None, None


def _changes(report: DiffReport) -> Iterator[EntryChange]:
    for entries in _told(report):
        yield from entries.changed


def _told(report: DiffReport) -> Iterator[EntriesDifference]:
    for image in report.images:
        told = [layer.entries for layer in image.layers]
        # Layers that pair up have told it already.
        if not image.paired:
            told.append(image.tree)
        yield from (entries for entries in told if entries is not None)


def _causes(report: DiffReport) -> dict[str, tuple[Cause, ...]]:
    found = {
        change.path: change.explanation.causes
        for change in _changes(report)
        if change.explanation is not None
    }
    for entries in _told(report):
        for renamed in entries.renamed:
            found[renamed.path_a] = found[renamed.path_b] = renamed.explanation.causes
    return found


def _hints(
    keys: Collection[bytes], causes: Mapping[str, tuple[Cause, ...]]
) -> dict[bytes, set[str]]:
    found = {}
    for key in keys:
        axes = {cause.axis for cause in causes.get(f"/{escaped(_Key.decoded(key).path)}", ())}
        found[key] = axes - {""}
    return found


def _differing_paths(store: Store, a: Descriptor, b: Descriptor) -> Iterator[bytes]:
    """Give the paths that two builds' own layers do not have alike, reading both once."""
    if a.digest == b.digest:
        return
    layers = [_layers(store, image) for image in (a, b)]
    # Layers of the base, which both have.
    common = sum(1 for one, other in zip(*layers, strict=False) if one.diff_id == other.diff_id)
    sides = [
        (
            (member.path, side, member.facts)
            for layer in own[common:]
            for member in read_members(layer)
        )
        for side, own in enumerate(layers)
    ]
    last: tuple[bytes, Facts] | None = None
    # Both are in bytewise order of paths.
    for path, _, facts in heapq.merge(*sides, key=lambda item: item[:2]):
        if last is None:
            last = path, facts
        elif last[0] == path:
            if last[1] != facts:
                yield path
            last = None
        else:
            yield last[0]
            last = path, facts
    if last is not None:
        yield last[0]


def first_holding(
    store: Store, plain: VerifiedBuild, other: VerifiedBuild, words: Collection[bytes]
) -> bytes | None:
    """Give the first path that differs and whose content in `other` has one of `words`."""
    for (_, one), (_, varied) in zip(plain.platforms, other.platforms, strict=True):
        paths = frozenset(itertools.islice(_differing_paths(store, one, varied), _MOST_PATHS))
        for layer in _layers(store, varied)[-1:] if paths else ():
            reader = TarReader(plain_chunks(layer), layer.what)
            for header in reader:
                if header.name in paths and _holds(reader, words):
                    return header.name
    return None


def _holds(reader: TarReader, words: Collection[bytes]) -> bool:
    keep = max(map(len, words)) - 1
    tail = b""
    while data := reader.read():
        piece = tail + data
        if any(word in piece for word in words):
            return True
        tail = piece[-keep:]
    return False


def _layers(store: Store, image: Descriptor) -> list[LayerBlob]:
    found = resolve(store, image, None, str(image.digest)).image
    diff_ids = found.config_document.diff_ids
    return [
        LayerBlob(str(image.digest), layer, diff_id, partial(store.open, layer.digest))
        for layer, diff_id in zip(found.manifest.layers, diff_ids, strict=True)
    ]
