"""Makes the hard trees, inside of RUN. The arguments are names of functions, some with a number."""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys

CAPABILITY = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
# user::rwx, user:1234:r--, group::r-x, mask::rwx, other::r-x (acl(5) and the kernel's version 2)
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in (
        (0x01, 7, 0xFFFFFFFF),
        (0x02, 4, 1234),
        (0x04, 5, 0xFFFFFFFF),
        (0x10, 7, 0xFFFFFFFF),
        (0x20, 5, 0xFFFFFFFF),
    )
)
NAMES = (
    b" leading and trailing ",
    b"-rf",
    b"--",
    b"...",
    b"*?[a-z]",
    b"\\back\\slash\\n",
    b"new\nline",
    b"\ttab\r\x01\x7f",
    b"quote'\"`$HOME",
    b".wh",
    b".who",
    b".whoops.file",
    b"wh.file",
    "caf\u00e9".encode(),
    "cafe\u0301".encode(),
    "\U0001f40b".encode(),
    b"\xff\xfe not UTF-8",
    b"\xc3(",
    b"\xed\xa0\x80",
    b"a:b=c,d",
    b"CASE",
    b"case",
    b"n" * 255,
    b"\xfd" * 255,
    b"n" * 100,
    b"n" * 99,
    b"n" * 101,
)


def write(path: bytes | str, content: bytes = b"content\n", mode: int = 0o644) -> None:
    with open(path, "wb") as stream:
        stream.write(content)
    os.chmod(path, mode)


def remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            remove(f"{path}/{name}")
        os.rmdir(path)
    else:
        os.unlink(path)


def first() -> None:
    kinds_that_change()
    attributes()
    nodes()
    names()
    links_of_its_own()


def kinds_that_change() -> None:
    os.chdir("/base")
    # Removed and made anew: overlay calls that opaque.
    for name in ("emptied", "refilled", "deep-refilled/sub"):
        remove(name)
        os.mkdir(name, 0o711)
    write("refilled/same", b"other\n")
    write("refilled/new")
    remove("to-file")
    write("to-file")
    os.unlink("to-directory")
    os.mkdir("to-directory")
    write("to-directory/child")
    # Back again in the next step.
    os.unlink("file-and-back")
    os.mkdir("file-and-back")
    write("file-and-back/between")
    remove("directory-and-back")
    write("directory-and-back")
    os.unlink("removed-and-back")
    remove("directory-removed-and-back")
    # A symlink to a directory becomes a directory that holds the same name, and the other way.
    os.unlink("link-to-directory")
    os.mkdir("link-to-directory")
    write("link-to-directory/f", b"not the target's\n")
    remove("directory-to-link")
    os.symlink("real", "directory-to-link")
    os.unlink("link-to-file")
    os.symlink("f", "link-to-file")
    os.unlink("loop")
    os.symlink("loop", "loop")
    os.unlink("node-to-file")
    write("node-to-file", b"")
    remove("gone")
    os.unlink(b"gone\xff\n")
    os.unlink("three-names-2")
    # Nothing changes here but times.
    write("rewritten", b"rewritten\n")
    os.utime("touched", (0, 0))
    os.chmod("touched", 0o600)
    os.chmod("touched", 0o644)
    write("kept/temporary")
    os.unlink("kept/temporary")
    os.rename("renamed-twice", "other-name")
    os.rename("other-name", "renamed-twice")
    os.rename("swap-1", "swap")
    os.rename("swap-2", "swap-1")
    os.rename("swap", "swap-2")
    os.rename("upper", "UPPER")
    write("volume/added")
    os.unlink("volume/gone")


def attributes() -> None:
    os.chdir("/base")
    os.chmod("mode", 0o4711)
    os.chmod("mode-of-directory", 0o3770)
    os.chown("owner", 4_000_000, 3_000_000)
    os.chown("set-user-id", 1, 1)
    os.chown("owner-of-link", 5, 6, follow_symlinks=False)
    os.setxattr("attribute", "user.note", b"\0changed\n=")
    os.setxattr("attribute", "user.empty", b"")
    os.setxattr("attribute", "user.na\u00efve", b"x" * 2000)
    os.removexattr("attribute", "user.gone")
    os.setxattr("attribute-of-directory", "user.note", b"d")
    os.removexattr("capable", "security.capability")
    os.setxattr("to-be-capable", "security.capability", CAPABILITY)
    # Writing to a file takes its capabilities from it.
    write("capable-until-written", b"written\n")
    os.mkdir("/attributes")
    os.chdir("/attributes")
    for mode in (0o0, 0o1, 0o777, 0o1644, 0o2755, 0o4755, 0o6755, 0o7777):
        write(f"file-{mode:o}", mode=mode)
        os.mkdir(f"directory-{mode:o}")
        os.chmod(f"directory-{mode:o}", mode)
    for owner in (1, 65534, 2_097_151, 2_097_152, 4_294_967_294):
        write(f"owner-{owner}")
        os.chown(f"owner-{owner}", owner, owner)
    write("capable", mode=0o755)
    os.setxattr("capable", "security.capability", CAPABILITY)
    os.mkdir("inherits")
    os.chown("inherits", 0, 77)
    os.chmod("inherits", 0o2775)
    os.mkdir("inherits/sub")
    write("inherits/sub/file")
    write("with-acl")
    os.setxattr("with-acl", "system.posix_acl_access", ACL)
    os.mkdir("with-default-acl")
    os.setxattr("with-default-acl", "system.posix_acl_default", ACL)
    write("with-default-acl/file")


def nodes() -> None:
    os.mkdir("/nodes")
    os.chdir("/nodes")
    os.mkfifo("fifo", 0o600)
    os.mknod("null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod("big", stat.S_IFCHR | 0o600, os.makedev(4095, 1_048_575))
    os.mknod("loop", stat.S_IFBLK | 0o660, os.makedev(7, 0))
    os.chmod("null", 0o666)
    os.link("fifo", "fifo-too")
    os.link("null", "null-too")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind("socket")
    # In the place of a file of the base.
    os.unlink("/base/to-socket")
    other = socket.socket(socket.AF_UNIX)
    other.bind("/base/to-socket")


def names() -> None:
    os.mkdir("/names")
    os.chdir("/names")
    for name in NAMES:
        write(name, name)
        os.symlink(name * 15, b"l" + name[:254])
        os.mkdir(b"d" + name[:254])
        write(b"d" + name[:254] + b"/" + name)
    for name in ("a", "a-b", "a.b", "a0", "a b"):
        os.makedirs(f"order/{name}")
        write(f"order/{name}/f")
    for length in (98, 99, 100, 101, 154, 155, 156, 157, 254, 255, 256, 257, 511, 512, 3000):
        path = b"long"
        while len(path) < length:
            os.makedirs(path, exist_ok=True)
            path += b"/" + b"x" * min(240, max(1, length - len(path) - 1))
        if not os.path.isdir(path):
            write(path)
    write("empty", b"")
    with open("sparse", "wb") as stream:
        stream.seek(40 << 20)
        stream.write(b"x")
        stream.truncate(60 << 20)


def links_of_its_own() -> None:
    os.makedirs("/linked/z")
    os.chdir("/linked")
    write("z/first-made", b"one\n")
    os.link("z/first-made", "a")
    os.link("a", b"\xff")
    os.chmod("a", 0o640)
    os.setxattr("z/first-made", "user.note", b"of all")
    os.symlink("nowhere", "z/symlink")
    os.link("z/symlink", "symlink", follow_symlinks=False)
    write("empty", b"")
    os.link("empty", "empty-too")
    write("pair-1")
    os.link("pair-1", "pair-2")
    os.makedirs("/made/from/sub")
    write("/made/from/sub/f")
    write("broken-later", b"both\n")
    os.link("broken-later", "broken-later-too")


def second() -> None:
    os.chdir("/base")
    remove("file-and-back")
    write("file-and-back", b"file-and-back\n")
    os.unlink("directory-and-back")
    os.mkdir("directory-and-back")
    write("directory-and-back/f", b"directory-and-back/f\n")
    write("removed-and-back", b"removed-and-back\n")
    os.mkdir("directory-removed-and-back")
    write("directory-removed-and-back/f", b"directory-removed-and-back/f\n")
    # Links that the step before made are links still, whatever stores them.
    os.unlink("/linked/pair-1")
    os.unlink("/linked/broken-later")
    write("/linked/broken-later", b"one\n")


def last() -> None:
    os.rmdir("/nodes/../base/kept/empty")
    os.mkdir("/base/kept/empty", 0o755)
    os.mkdir("/unreadable", 0o000)
    write("/unreadable/inside", mode=0o000)


def links() -> None:
    os.chdir("/base")
    with open("link-1", "ab") as stream:
        stream.write(b"through the first\n")
    os.chmod("link-mode-2", 0o600)
    os.chown("link-owner-1", 9, 9)
    os.setxattr("link-attribute-1", "user.note", b"one")
    os.link("link-new-1", "link-new-3")
    os.rename("link-renamed-1", "link-renamed-0")
    os.unlink("link-remade-1")
    write("link-remade-1", b"link-remade-1\n")
    os.unlink("link-joined-1")
    os.link("single", "link-joined-1")
    os.utime("link-touched-1", (0, 0))
    os.unlink("three-names-1")


def deep(depth: int) -> None:
    os.mkdir("/deep")
    os.chdir("/deep")
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    write("f")


def wide(width: int) -> None:
    os.mkdir("/wide")
    for number in range(width):
        write(f"/wide/{number}", b"%d" % number)


def sparse(size: int) -> None:
    with open("/sparse", "wb") as stream:
        stream.seek(size // 2)
        stream.write(b"middle")
        stream.truncate(size)


if __name__ == "__main__":
    os.umask(0o022)
    words = sys.argv[1:]
    while words:
        function = globals()[words.pop(0)]
        arguments = [int(words.pop(0))] if words and words[0].isdecimal() else []
        function(*arguments)
