"""Where the dynamic loader looks for libraries, inside a tree (ld.so(8), musl's dynlink.c)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from samebit.model.executable import Linkage

_MAX_INCLUDES = 64
_DEFAULTS = (b"lib64", b"usr/lib64", b"lib", b"usr/lib")
_MUSL = (b"lib", b"usr/local/lib", b"usr/lib")
# What Debian's glibc has built in, by e_machine and class.
_MULTIARCH = {
    (62, 2): b"x86_64-linux-gnu", (3, 1): b"i386-linux-gnu", (183, 2): b"aarch64-linux-gnu",
    (40, 1): b"arm-linux-gnueabihf", (243, 2): b"riscv64-linux-gnu", (22, 2): b"s390x-linux-gnu",
    (21, 2): b"powerpc64le-linux-gnu", (258, 2): b"loongarch64-linux-gnu",
}  # fmt: skip
_PLATFORMS = {62: b"x86_64", 3: b"i686", 183: b"aarch64"}
PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class FileTree(Protocol):
    """The files around an executable. Paths are relative to the root, without slashes around."""

    def resolve(self, path: bytes) -> bytes | None:
        """Give the real path of a regular file, through symlinks inside the tree; None if none."""
        ...

    def linkage(self, path: bytes) -> Linkage | None:
        """Give what the loader reads of a file, by its real path; None when it is no ELF file."""
        ...

    def text(self, path: bytes) -> bytes | None:
        """Give the content of a configuration file of the loader, None when it is not there."""
        ...

    def names(self, folder: bytes) -> Sequence[bytes]:
        """Give the sorted names in a folder."""
        ...

    def has_name(self, name: bytes, machine: tuple[int, int, int]) -> bool:
        """Say whether a library of that file name or SONAME is anywhere."""
        ...


class LibrarySearch:
    """The loader's search in one tree. `library_path` is LD_LIBRARY_PATH of the image's config."""

    def __init__(self, tree: FileTree, library_path: bytes = b"", path: bytes = PATH) -> None:
        self._tree = tree
        self._library_path = library_path
        self._path = path
        self._configured = tuple(dict.fromkeys(_configured(tree, b"etc/ld.so.conf", [0])))
        self._known: dict[tuple[object, ...], bytes | None] = {}

    def libraries(self, path: bytes, linkage: Linkage) -> list[tuple[bytes, bytes | None]]:
        """Give every library that the file at `path` names itself, and where it is found.

        For a library that nothing starts by itself, one that is elsewhere in the tree counts as
        found: whoever loads it has it already.
        """
        machine = linkage.machine
        started = linkage.interpreter is not None
        found: list[tuple[bytes, bytes | None]] = []
        # Where it lies matters only where it says $ORIGIN.
        place = path if b"$" in linkage.rpath + linkage.runpath + self._library_path else b""
        given = (machine, linkage.interpreter, linkage.rpath, linkage.runpath, place)
        for name in linkage.needed:
            key = (name, path if b"/" in name else b"", *given)
            if key not in self._known:
                self._known[key] = self._find(name, path, linkage)
            at = self._known[key]
            if at is None and not started and self._tree.has_name(name, machine):
                at = name
            found.append((name, at))
        return found

    def interpreter(self, path: bytes) -> bytes | None:
        """Give the real path of what a program asks to be started by, None when it is missing."""
        return self._tree.resolve(_relative(path))

    def command(self, name: bytes) -> bytes | None:
        """Give the real path of a command: a path, or a name to be found on PATH."""
        if b"/" in name:
            return self._tree.resolve(_relative(name))
        for folder in self._path.split(b":"):
            place = self._tree.resolve(_relative(folder + b"/" + name))
            if place is not None:
                return place
        return None

    def _find(self, name: bytes, path: bytes, linkage: Linkage) -> bytes | None:
        if b"/" in name:
            return self._fitting(_relative(_expanded(name, path, linkage)), linkage)
        for folder in self._folders(path, linkage):
            place = self._fitting(folder + b"/" + name if folder else name, linkage)
            if place is not None:
                return place
        return None

    def _fitting(self, path: bytes, linkage: Linkage) -> bytes | None:
        place = self._tree.resolve(path)
        if place is None:
            return None
        found = self._tree.linkage(place)
        # The loader goes on looking when a file is for another machine.
        return place if found is not None and found.machine == linkage.machine else None

    def _folders(self, path: bytes, linkage: Linkage) -> Iterator[bytes]:
        run_path = linkage.runpath
        if not run_path:
            yield from _split(linkage.rpath, path, linkage)
        yield from _split(self._library_path, path, linkage)
        yield from _split(run_path, path, linkage)
        interpreter = posixpath.basename(linkage.interpreter or b"")
        if interpreter.startswith(b"ld-musl-"):
            given = self._tree.text(b"etc/" + interpreter.rpartition(b".so")[0] + b".path")
            if given is None:
                yield from _MUSL
            else:
                parts = given.replace(b"\n", b":").split(b":")
                yield from (_relative(part) for part in parts if part)
            return
        yield from self._configured
        multiarch = _MULTIARCH.get((linkage.machine[2], linkage.machine[0]))
        if multiarch is not None:
            yield b"lib/" + multiarch
            yield b"usr/lib/" + multiarch
        yield from _DEFAULTS
        if linkage.interpreter is None:
            yield from _MUSL


def _split(value: bytes, path: bytes, linkage: Linkage) -> Iterator[bytes]:
    for part in value.replace(b";", b":").split(b":"):
        if part:
            yield _relative(_expanded(part, path, linkage))


def _expanded(value: bytes, path: bytes, linkage: Linkage) -> bytes:
    wide = linkage.machine[0] == 2
    words = {
        b"ORIGIN": b"/" + posixpath.dirname(path),
        b"LIB": b"lib64" if wide else b"lib",
        b"PLATFORM": _PLATFORMS.get(linkage.machine[2], b"unknown"),
    }
    for word, text in words.items():
        value = value.replace(b"${" + word + b"}", text).replace(b"$" + word, text)
    return value


def _relative(path: bytes) -> bytes:
    return posixpath.normpath(b"/" + path).lstrip(b"/")


def _configured(tree: FileTree, path: bytes, seen: list[int]) -> Iterator[bytes]:
    """Give the folders of ld.so.conf and what it includes (ldconfig(8))."""
    seen[0] += 1
    content = tree.text(path) if seen[0] <= _MAX_INCLUDES else None
    for line in (content or b"").split(b"\n"):
        words = line.split(b"#", 1)[0].replace(b",", b" ").split()
        if words[:1] == [b"include"]:
            for pattern in words[1:]:
                full = posixpath.join(posixpath.dirname(path), pattern)
                folder, name = posixpath.split(_relative(full))
                for entry in tree.names(folder):
                    if fnmatchcase(entry.decode("latin-1"), name.decode("latin-1")):
                        yield from _configured(tree, posixpath.join(folder, entry), seen)
        else:
            for word in words:
                if word.startswith(b"/"):
                    yield _relative(word)
