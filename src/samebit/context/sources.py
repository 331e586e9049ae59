"""Everything that COPY, ADD and RUN need beside the staged context: checked, fetched, selected."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from samebit.context.ignore import IgnoreRules
from samebit.context.select import find_matches, is_archive, make_directory, materialise
from samebit.context.tree_copy import NotInTreeError, resolve
from samebit.dockerfile.lowering_model import (
    ContextSource,
    FetchGit,
    FetchUrl,
    InlineFile,
    Layout,
    Material,
    Selection,
    SourceFacts,
    TreeKind,
    TreeRef,
)
from samebit.errors import DockerfileError, InternalError, MachineError
from samebit.store.removal import remove_tree

# Names with these are patterns to buildah, even where it found them itself.
_PATTERN_BYTES = frozenset(b"*?[\\")
TreeRoots = Callable[[TreeRef], Path]


class Fetcher(Protocol):
    """Brings what ADD names by address; whoever implements it records and replays."""

    def download(self, material: FetchUrl, target: Path) -> None:
        """Save what the URL gives as the new file `target`; it has `material.checksum`, if any."""

    def checkout(self, material: FetchGit, target: Path, epoch: int) -> None:
        """Check out what is wanted of a repository as the new directory `target`.

        Modes are git's own, every mtime is `epoch` (seconds).
        """


def check_sources(
    staged: Path, context: Path, rules: IgnoreRules, sources: Collection[ContextSource]
) -> SourceFacts:
    """Look up, before anything runs, what COPY, ADD and bind mounts take from the context.

    `staged` is the staged copy of `context`. What it gives is for `lower`. Raises DockerfileError
    for a path that does not exist, saying which ignore rule keeps it out if one does, and
    MachineError for a symlink that the engine cannot follow.
    """
    root = os.fsencode(staged)
    empty, unusual, archives, mixed = set(), set(), set(), set()
    for source in sources:
        identity = (source.step, source.index)
        if source.pattern:
            matches = find_matches(root, source.path, source.place)
            if not matches:
                empty.add(identity)
        else:
            matches = [os.fsencode(source.path)]
            try:
                resolve(root, matches[0])
            except NotInTreeError as error:
                raise _not_found(source, matches[0], context, rules) from error
        if any(set(match) & _PATTERN_BYTES or not _is_text(match) for match in matches):
            unusual.add(identity)
        elif source.nested:
            _check_nested(staged, matches, source)
            kinds = {is_archive(os.path.join(root, resolve(root, match))) for match in matches}
            if True in kinds:
                archives.add(identity)
            if len(kinds) > 1:
                mixed.add(identity)
    return SourceFacts(frozenset(empty), frozenset(unusual), frozenset(archives), frozenset(mixed))


def _is_text(path: bytes) -> bool:
    """Tell whether the engine, which passes found names on as JSON, keeps this one as it is."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_nested(staged: Path, matches: list[bytes], source: ContextSource) -> None:
    """ADD is resolved by the engine from the directory above the staged context."""
    above, name = os.fsencode(staged.parent), os.fsencode(staged.name)
    for match in matches:
        try:
            seen = resolve(above, name + b"/" + match)
            same = seen == (name + b"/" + resolve(os.fsencode(staged), match)).rstrip(b"/")
        except NotInTreeError:
            same = False
        if not same:
            raise MachineError(
                f"ADD {source.written}: the engine cannot follow a symlink through the root of the "
                "build context",
                where=source.place,
                fix="name the file that the link stands for",
            )


def place_material(
    material: Material,
    files: Path,
    *,
    epoch: int,
    tree_root: TreeRoots,
    fetcher: Fetcher | None = None,
) -> None:
    """Make `files`/`material.directory` as the lowered Dockerfile expects it.

    `tree_root` gives the directory where the tree of a Selection can be read: the staged context,
    or the mounted image. `epoch` is the mtime of what has none of its own, in seconds. `fetcher`
    brings what comes from the network; None where nothing does. Raises what it and `materialise`
    raise.
    """
    target = files / material.directory
    try:
        match material:
            case Selection():
                materialise(tree_root(material.tree), material, target)
            case InlineFile():
                make_directory(target)
                _write(target / material.name, material.content, material.mode, epoch)
            case FetchUrl() if fetcher is not None:
                make_directory(target)
                fetcher.download(material, target / material.name)
                _settle(target / material.name, material.mode, epoch)
            case FetchGit() if fetcher is not None:
                _clone(material, target, epoch, fetcher)
            case _:
                raise InternalError(f"nobody brings a {type(material).__name__}")
    except OSError as error:
        raise MachineError(
            f"the files of this step cannot be prepared: {error.strerror}", where=material.place
        ) from error


def _clone(material: FetchGit, target: Path, epoch: int, fetcher: Fetcher) -> None:
    if not material.exclude and not material.chmod:
        fetcher.checkout(material, target, epoch)
        return
    whole = target.with_name(target.name + ".whole")
    try:
        fetcher.checkout(material, whole, epoch)
        selection = Selection(
            directory=material.directory,
            tree=TreeRef(TreeKind.CONTEXT),
            sources=("",),
            layout=Layout.MERGED,
            place=material.place,
            exclude=material.exclude,
            chmod=material.chmod,
        )
        materialise(whole, selection, target)
    finally:
        remove_tree(whole)


def _write(path: Path, content: bytes, mode: int, epoch: int) -> None:
    with path.open("xb") as stream:
        stream.write(content)
    _settle(path, mode, epoch)


def _settle(path: Path, mode: int, epoch: int) -> None:
    path.chmod(mode)
    os.utime(path, ns=(epoch * 10**9, epoch * 10**9))


def _not_found(
    source: ContextSource, path: bytes, context: Path, rules: IgnoreRules
) -> DockerfileError:
    original = os.path.join(os.fsencode(context), path)
    if os.path.lexists(original):
        rule = rules.excluded_by(path)
        if rule is not None:
            return DockerfileError(
                f"{source.written}: kept out of the build context by {rule}",
                where=source.place,
                fix=f"take it back with a line !{source.path} after that rule",
            )
        return DockerfileError(
            f"{source.written}: exists but is not part of the build context",
            where=source.place,
            fix="sockets, the lock and output targets are never part of it",
        )
    fix = "paths are relative to the build context, not to the Dockerfile"
    if source.written.startswith(".."):
        fix = "nothing outside the build context can be read: give a higher directory as context"
    elif source.written.startswith("/"):
        fix = "the leading slash means the build context, not the machine's root"
    return DockerfileError(
        f"{source.written}: not found in the build context {context}", where=source.place, fix=fix
    )
