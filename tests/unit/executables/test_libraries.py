from __future__ import annotations

from collections.abc import Mapping

import pytest

from samebit.executables.libraries import LibrarySearch
from samebit.image.entry import Kind
from samebit.model.executable import Executable, Linkage
from samebit.pipeline.audit_tree import AuditTree, Node

AMD64 = (2, 1, 62)
I386 = (1, 1, 3)
GLIBC = b"/lib64/ld-linux-x86-64.so.2"


def elf(machine: tuple[int, int, int] = AMD64, soname: bytes = b"") -> Executable:
    return Executable("elf", "shared library", linkage=Linkage(machine, soname=soname))


def tree(files: Mapping[str, Executable | str | bytes]) -> AuditTree:
    """A tree of ELF files, symlinks (text) and configuration files (bytes)."""
    nodes: dict[bytes, Node] = {}
    for name, value in files.items():
        path = name.encode()
        parts = path.split(b"/")
        for length in range(1, len(parts)):
            nodes.setdefault(b"/".join(parts[:length]), Node(Kind.DIRECTORY, 0, -length))
        number = len(nodes)
        match value:
            case str():
                nodes[path] = Node(Kind.SYMLINK, 0, number, link=value.encode())
            case bytes():
                nodes[path] = Node(Kind.FILE, 1, number, text=value)
            case _:
                nodes[path] = Node(Kind.FILE, 1, number, facts=value)
    return AuditTree(dict(sorted(nodes.items())))


def find(
    files: Mapping[str, Executable | str | bytes],
    *,
    path: str = "usr/bin/app",
    library_path: bytes = b"",
    **linkage: bytes,
) -> bytes | None:
    wanted = Linkage(AMD64, linkage.pop("interpreter", GLIBC), (b"liba.so.1",), **linkage)
    search = LibrarySearch(tree(files), library_path)
    ((_, place),) = search.libraries(path.encode(), wanted)
    return place


@pytest.mark.parametrize(
    "folder",
    ["lib", "usr/lib", "lib64", "usr/lib64", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"],
)
def test_where_glibc_looks(folder: str) -> None:
    path = f"{folder}/liba.so.1"
    assert find({path: elf()}) == path.encode()
    assert find({path: elf(I386)}) is None


def test_elsewhere() -> None:
    files = {"opt/lib/liba.so.1": elf()}
    assert find(files) is None
    assert find(files, library_path=b"/opt/lib") == b"opt/lib/liba.so.1"
    assert find(files, rpath=b"/opt/lib") == b"opt/lib/liba.so.1"
    assert find(files, runpath=b"/opt/lib") == b"opt/lib/liba.so.1"
    # DT_RPATH is ignored where there is a DT_RUNPATH.
    assert find(files, rpath=b"/opt/lib", runpath=b"/nowhere") is None
    assert find(files, path="opt/bin/app", runpath=b"$ORIGIN/../lib") == b"opt/lib/liba.so.1"
    assert find(files, path="opt/bin/app", runpath=b"${ORIGIN}/../lib") == b"opt/lib/liba.so.1"


def test_configuration_of_the_loader() -> None:
    files: dict[str, Executable | str | bytes] = {
        "etc/ld.so.conf": b"include /etc/ld.so.conf.d/*.conf\n# none\n",
        "etc/ld.so.conf.d/a.conf": b"/opt/lib\n",
        "etc/ld.so.conf.d/a.other": b"/elsewhere\n",
        "opt/lib/liba.so.1": elf(),
        "elsewhere/liba.so.1": elf(),
    }
    assert find(files) == b"opt/lib/liba.so.1"
    # One that includes itself ends, too.
    assert find({"etc/ld.so.conf": b"include ld.so.conf\n"}) is None


def test_musl() -> None:
    interpreter = b"/lib/ld-musl-x86_64.so.1"
    files: dict[str, Executable | str | bytes] = {"usr/local/lib/liba.so.1": elf()}
    assert find(files, interpreter=interpreter) == b"usr/local/lib/liba.so.1"
    files["etc/ld-musl-x86_64.path"] = b"/opt/lib\n"
    assert find(files, interpreter=interpreter) is None


def test_symlinks_stay_in_the_tree() -> None:
    assert find({"lib": "usr/lib", "usr/lib/liba.so.1": "liba.so.1.2", "usr/lib/liba.so.1.2": elf()}) == b"usr/lib/liba.so.1.2"  # fmt: skip  # noqa: E501
    assert find({"lib": "/../../usr/lib", "usr/lib/liba.so.1": elf()}) == b"usr/lib/liba.so.1"
    assert find({"lib/liba.so.1": "liba.so.1"}) is None


def test_library_that_its_user_has_loaded() -> None:
    files = {"opt/jvm/libjvm.so": elf(), "opt/x/other.so": elf(soname=b"libson.so.1")}
    search = LibrarySearch(tree(files))
    alone = Linkage(AMD64, None, (b"libjvm.so", b"libson.so.1", b"libnone.so"))
    places = [place is not None for _, place in search.libraries(b"opt/jvm/x.so", alone)]
    assert places == [True, True, False]
    started = Linkage(AMD64, GLIBC, (b"libjvm.so",))
    assert search.libraries(b"bin/x", started) == [(b"libjvm.so", None)]


def test_commands() -> None:
    files: dict[str, Executable | str | bytes] = {
        "bin": "usr/bin", "usr/bin/sh": "dash", "usr/bin/dash": elf(), "opt/bin/tool": elf(),
    }  # fmt: skip
    search = LibrarySearch(tree(files), path=b"/usr/bin:/opt/bin")
    assert search.command(b"/bin/sh") == b"usr/bin/dash"
    assert search.command(b"tool") == b"opt/bin/tool"
    assert search.command(b"/bin/bash") is None
    assert search.command(b"none") is None
