"""COPY as BuildKit does it where the engine cannot: patterns, `--parents`, `--exclude`, `--chmod`.

Dockerfile reference, "COPY --parents", "COPY --exclude", "COPY --chmod" and "Pattern matching".
"""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename
from typing import BinaryIO

from samebit.context.patterns import (
    PatternError,
    PatternList,
    clean_path,
    compile_match,
    compile_pattern,
    has_wildcards,
)
from samebit.context.tree_copy import NotInTreeError, TreeCopier, resolve
from samebit.dockerfile.lowering_model import Layout, Selection
from samebit.dockerfile.lowering_modes import parse_chmod
from samebit.errors import DockerfileError, MachineError, Place

_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 1 << 27


def materialise(tree_root: Path, selection: Selection, destination: Path) -> None:
    """Copy what `selection` names from the tree at `tree_root` to `destination`, made new.

    Owners, modes, xattrs (security.capability, user.*), hard links and times are kept; no symlink
    leads out of the tree. Raises DockerfileError for a source that does not exist, InputError and
    MachineError for what cannot be copied.
    """
    make_directory(destination)
    chmod = parse_chmod(selection.chmod) if selection.chmod else None
    run = _Run(
        TreeCopier(os.fsencode(tree_root), os.fsencode(destination), selection.place, chmod),
        selection,
        compile_patterns(selection.exclude, selection.place),
    )
    for source in selection.sources:
        if selection.parents:
            run.with_parents(source)
        elif selection.layout is Layout.WHOLE:
            run.whole(source)
        else:
            run.plain(source)
    run.copier.finish()


def matches_nothing(tree_root: Path, selection: Selection) -> bool:
    """Tell whether `selection` holds only patterns, and they match nothing: docker copies nothing.

    Raises DockerfileError for a malformed pattern.
    """
    if selection.parents or selection.layout is not Layout.MERGED:
        return False
    root = os.fsencode(tree_root)
    return all(
        has_wildcards(source) and not find_matches(root, source, selection.place)
        for source in selection.sources
    )


def make_directory(path: Path) -> None:
    """Make a directory of mode 0755 whatever the umask."""
    os.mkdir(path)
    os.chmod(path, 0o755)  # noqa: S103 - what COPY gives directories it makes


def compile_patterns(texts: tuple[str, ...], place: Place) -> PatternList:
    """Compile `--exclude` values; raises DockerfileError at `place`."""
    patterns = []
    for text in texts:
        try:
            pattern = compile_pattern(text)
        except PatternError as error:
            raise DockerfileError(f"malformed pattern {text!r}: {error}", where=place) from error
        if pattern is not None:
            patterns.append(pattern)
    return PatternList(patterns)


def find_matches(root: bytes, source: str, place: Place) -> list[bytes]:
    """Give what a COPY source means below `root`: itself, or all that its pattern matches.

    As filepath.Match: `*` stays within a name, and names are matched in byte order.
    """
    cleaned = clean_path("/" + source)[1:]
    parts = cleaned.split("/") if cleaned else []
    fixed = 0
    while fixed < len(parts) and not has_wildcards(parts[fixed]):
        fixed += 1
    base = os.fsencode("/".join(parts[:fixed]))
    if fixed == len(parts):
        return [base]
    try:
        expressions = [compile_match(part) for part in parts[fixed:]]
    except PatternError as error:
        raise DockerfileError(f"malformed pattern {source!r}: {error}", where=place) from error
    try:
        found = [resolve(root, base)]
    except NotInTreeError:
        return []
    for expression in expressions:
        found = [
            directory + b"/" + name if directory else name
            for directory in found
            for name in _names(os.path.join(root, directory))
            if expression.fullmatch(os.fsdecode(name))
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    copier: TreeCopier
    selection: Selection
    exclude: PatternList

    def plain(self, source: str) -> None:
        for match in find_matches(self.copier.root, source, self.selection.place):
            real = self._resolve(match, source)
            name = match.rsplit(b"/", 1)[-1]
            named = self.selection.layout is Layout.NAMED
            if self._is_directory(real):
                target = name if named else b""
                if target:
                    make_directory(Path(os.fsdecode(self.copier.destination), os.fsdecode(target)))
                self.copier.tree(real, target, None, self.exclude)
                continue
            if self.selection.directory_only and not named:
                raise MachineError(
                    f"{source} is a file that the engine cannot copy to a new name",
                    where=self.selection.place,
                    fix="end the destination with / so that it is a directory",
                )
            if self.selection.refuse_archives and is_archive(os.path.join(self.copier.root, real)):
                raise MachineError(
                    f"{source} is an archive that ADD would unpack, which samebit cannot combine "
                    "with --exclude or a symbolic --chmod",
                    where=self.selection.place,
                    fix="write COPY when it shall stay packed, else drop the flag",
                )
            if not self._excluded(match):
                self.copier.entry(real, name)

    def with_parents(self, source: str) -> None:
        base, pivot, pattern = source.partition("/./")
        if not pivot:
            base, pattern = "", source
        pattern = clean_path("/" + pattern)[1:]
        literal = not has_wildcards(base) and not has_wildcards(pattern)
        if literal:
            self._resolve(os.fsencode(clean_path(f"/{base}/{pattern}")), source)
        include = compile_patterns((pattern,), self.selection.place) if pattern else None
        for match in find_matches(self.copier.root, base, self.selection.place):
            real = self._resolve(match, source)
            if self._is_directory(real):
                self.copier.tree(real, b"", include, self.exclude)

    def whole(self, source: str) -> None:
        real = self._resolve(os.fsencode(source), source)
        self.copier.entry(real, b"content")
        if self._is_directory(real):
            self.copier.tree(real, b"content", None, self.exclude)

    def _resolve(self, path: bytes, source: str) -> bytes:
        try:
            return resolve(self.copier.root, path)
        except NotInTreeError as error:
            raise DockerfileError(
                f"{source}: not found in {_describe(self.selection)}", where=self.selection.place
            ) from error

    def _is_directory(self, path: bytes) -> bool:
        return stat.S_ISDIR(os.lstat(os.path.join(self.copier.root, path)).st_mode)

    def _excluded(self, match: bytes) -> bool:
        text = os.fsdecode(match)
        return self.exclude.decides(text)[0] or self.exclude.decides(basename(text))[0]


def is_archive(path: bytes) -> bool:
    """Whether ADD would unpack this file: a tar archive, bare or compressed."""
    # Only ADD needs them.
    import lzma  # noqa: PLC0415
    import tarfile  # noqa: PLC0415

    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.stat(path).st_size == 0:
            return False
        with open(path, "rb") as stream:
            if stream.read(4) == _ZSTD:
                stream.seek(0)
                return _is_zstd_archive(stream)
        return tarfile.is_tarfile(os.fsdecode(path))
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return False


def _is_zstd_archive(stream: BinaryIO) -> bool:
    import tarfile  # noqa: PLC0415 - as above

    import zstandard  # noqa: PLC0415

    try:
        with (
            zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(stream) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            return archive.next() is not None
    except (tarfile.TarError, zstandard.ZstdError):
        return False


def _names(directory: bytes) -> list[bytes]:
    try:
        if not stat.S_ISDIR(os.lstat(directory).st_mode):
            return []
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _describe(selection: Selection) -> str:
    return {
        "context": "the build context",
        "stage": "the stage",
        "image": "the image",
    }[selection.tree.kind.value]
