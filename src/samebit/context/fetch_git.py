"""Fetching what ADD names by git address (Dockerfile reference, "Adding files from a Git repo…").

The checkout depends on the commit only: fixed umask, no hooks, filters or attributes of the host,
modes as git knows them. A kept `.git` is made anew from the commit: objects in one pack without
deltas, an index without file times, no logs, no remote refs.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from samebit.context.git_program import git
from samebit.context.redact import redact
from samebit.context.tree_copy import NotInTreeError, resolve
from samebit.dockerfile.lowering_model import FetchGit
from samebit.errors import InputError
from samebit.store.removal import remove_tree

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
_DETAIL_LINES = 10


@dataclass(frozen=True, slots=True)
class Checkout:
    """What came: `commit` in full, for the lock."""

    remote: str
    ref: str | None
    commit: str


def checkout(source: FetchGit, target: Path, epoch: int) -> Checkout:
    """Check out the repository's tree, or its `subdir`, as the new directory `target`.

    Every mtime is `epoch` (seconds). Raises InputError when the repository, the ref, the directory
    or a submodule cannot be had or the commit is another than `checksum`; MachineError without git.
    """
    work = target.with_name(target.name + ".git-work")
    try:
        return _checkout(source, target, work, epoch)
    finally:
        remove_tree(work)


def _checkout(source: FetchGit, target: Path, work: Path, epoch: int) -> Checkout:
    work.mkdir(mode=0o755)
    run = _Git(source, work)
    run("init", "--quiet", "--template=", ".")
    run("remote", "add", "origin", source.remote)
    tip, tag = _fetch(run, source)
    commit = run("rev-parse", "--verify", f"{tip}^{{commit}}").decode().strip()
    if source.checksum and not commit.startswith(source.checksum.lower()):
        raise InputError(
            f"{redact(source.remote)} is not at the commit that --checksum gives",
            where=source.place,
            fix="find out why it moved before you change the checksum",
            detail=f"expected {source.checksum}\nfound    {commit}",
        )
    run("checkout", "--quiet", "--force", "--detach", commit)
    if source.submodules and (work / ".gitmodules").exists():
        run("submodule", "update", "--quiet", "--init", "--recursive", "--depth=1")
    root = _subdirectory(source, work)
    if source.keep_git_dir:
        _rebuild_git_dir(run, work, commit, tip, tag)
    _drop_git_dirs(work, keep=source.keep_git_dir)
    root.rename(target)
    if source.keep_git_dir and root != work:
        (work / ".git").rename(target / ".git")
    normalise(target, epoch)
    return Checkout(source.remote, source.ref, commit)


def normalise(root: Path, epoch: int) -> None:
    """Give every entry git's mode (0755 or 0644) and the mtime `epoch`, never following links."""
    for directory, names, files in os.walk(os.fsencode(root), topdown=False):
        for name in [*names, *files]:
            _normalise_entry(os.path.join(directory, name), epoch)
    _normalise_entry(os.fsencode(root), epoch)


class _Git:
    def __init__(self, source: FetchGit, directory: Path) -> None:
        self._source = source
        self._directory = directory

    def attempt(self, *arguments: str, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return git(self._directory, *arguments, feed=feed)

    def __call__(self, *arguments: str, feed: bytes = b"") -> bytes:
        result = self.attempt(*arguments, feed=feed)
        if result.returncode:
            raise self.error("it cannot be checked out", result)
        return result.stdout

    def error(self, what: str, result: subprocess.CompletedProcess[bytes]) -> InputError:
        said = result.stderr.decode("utf-8", "replace")
        said = said.replace(self._source.remote, redact_remote(self._source.remote))
        return InputError(
            f"{redact_remote(self._source.remote)}: {what}",
            where=self._source.place,
            fix="check the address, the ref and the access rights",
            detail="\n".join(said.strip().splitlines()[-_DETAIL_LINES:]) or None,
        )


def redact_remote(remote: str) -> str:
    """Give a repository's address without user and password."""
    return redact(remote) if "://" in remote else remote


def _fetch(run: _Git, source: FetchGit) -> tuple[str, str | None]:
    """Fetch what is wanted; gives the object's name, and the tag's name when the ref is a tag."""
    ref = source.ref or "HEAD"
    if not _COMMIT.match(ref):
        ref = _full_name(run, ref)
    for depth in (("--depth=1",), ()):
        # Plain HTTP servers cannot serve shallow, and some refuse single commits.
        result = run.attempt(
            "fetch", "--quiet", "--no-tags", *depth, "--", "origin", f"+{ref}:refs/samebit"
        )
        if result.returncode == 0:
            tip = run("rev-parse", "--verify", "refs/samebit").decode().strip()
            tag = ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else None
            return tip, tag
    if re.fullmatch(r"[0-9a-f]{4,64}", ref):
        everything = run.attempt(
            "fetch", "--quiet", "--", "origin", "+refs/heads/*:refs/all/*", "+refs/tags/*:refs/t/*"
        )
        if everything.returncode == 0:
            found = run.attempt("rev-parse", "--verify", f"{ref}^{{commit}}")
            if found.returncode == 0:
                return found.stdout.decode().strip(), None
    raise run.error(f"{source.ref or 'its default branch'} cannot be fetched", result)


def _full_name(run: _Git, ref: str) -> str:
    """Give the remote's full name of a short ref: a tag wins over a branch, as for git itself."""
    listing = run.attempt("ls-remote", "--", "origin", ref)
    if listing.returncode:
        raise run.error("it cannot be read", listing)
    lines = listing.stdout.decode("utf-8", "replace").splitlines()
    names = {line.partition("\t")[2] for line in lines}
    candidates = (ref, f"refs/{ref}", f"refs/tags/{ref}", f"refs/heads/{ref}")
    return next((name for name in candidates if name in names), ref)


def _subdirectory(source: FetchGit, work: Path) -> Path:
    if not source.subdir:
        return work
    try:
        relative = resolve(os.fsencode(work), os.fsencode(source.subdir))
    except NotInTreeError as error:
        raise _no_directory(source) from error
    found = work / os.fsdecode(relative)
    if not found.is_dir() or relative.split(b"/")[0] == b".git":
        raise _no_directory(source)
    return found


def _no_directory(source: FetchGit) -> InputError:
    return InputError(
        f"{redact_remote(source.remote)} has no directory {source.subdir}",
        where=source.place,
        fix="the part after the colon names a directory of the repository",
    )


def _rebuild_git_dir(run: _Git, work: Path, commit: str, tip: str, tag: str | None) -> None:
    """Make `.git` a function of the commit, as far as zlib's stored blocks are one."""
    fetched = "--git-dir=.git-fetched"
    origin = redact_remote(run("remote", "get-url", "origin").decode().strip())
    (work / ".git").rename(work / ".git-fetched")
    form = ["--object-format=sha256"] if len(commit) == 64 else []
    run("init", "--quiet", "--template=", *form, ".")
    listing = run(fetched, "rev-list", "--objects", "--no-object-names", "--max-count=1", commit)
    objects = sorted({*listing.decode().split(), commit, tip})
    # Deltas depend on what else the server packed; without them the order alone decides.
    run(
        "-c", "core.compression=0", fetched, "pack-objects", "--quiet", "--window=0", "--depth=0",
        "--no-reuse-delta", "--no-reuse-object", ".git/objects/pack/pack",
        feed="".join(f"{name}\n" for name in objects).encode(),
    )  # fmt: skip
    (work / ".git" / "shallow").write_text(f"{commit}\n", encoding="ascii")
    if tag:
        run("update-ref", f"refs/tags/{tag}", tip)
    run("update-ref", "--no-deref", "HEAD", commit)
    run("remote", "add", "origin", origin)
    # read-tree leaves the file times in the index empty, so it is the same everywhere.
    run("read-tree", commit)
    shutil.rmtree(work / ".git-fetched")


def _drop_git_dirs(work: Path, *, keep: bool) -> None:
    """Remove `.git` of the repository, unless kept, and of its submodules."""
    for directory, names, files in os.walk(work):
        top = Path(directory) == work
        if ".git" in names:
            names.remove(".git")
            if not (top and keep):
                shutil.rmtree(Path(directory, ".git"))
        elif ".git" in files and not top:
            Path(directory, ".git").unlink()


def _normalise_entry(path: bytes, epoch: int) -> None:
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and mode & stat.S_IXUSR):
        os.chmod(path, 0o755)  # noqa: S103 - git knows no other mode
    elif stat.S_ISREG(mode):
        os.chmod(path, 0o644)
    os.utime(path, ns=(epoch * 10**9, epoch * 10**9), follow_symlinks=False)
