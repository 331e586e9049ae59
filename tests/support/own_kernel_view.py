"""Command lines in a user namespace with all of this machine's IDs: less rights, own emulators.

As inside a container of a continuous integration: root, but no control groups can be written and,
with `masked`, no /proc mounted anew, so that runc and crun start nothing. Emulators are registered
for this namespace alone (binfmt_misc knows them by namespace from Linux 6.7 on).
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_ENTER = r"""
import ctypes, os, sys
C = ctypes.CDLL(None, use_errno=True)
def check(result, doing):
    if result != 0:
        sys.exit(f"{doing}: {os.strerror(ctypes.get_errno())}")
masked, emulator, command = sys.argv[1] == "masked", sys.argv[2], sys.argv[3:]
told, tell = os.pipe()
go, going = os.pipe()
child = os.fork()
if child == 0:
    check(C.unshare(0x00020000), "mounts")
    check(C.mount(None, b"/", None, ctypes.c_ulong(1 << 18 | 1 << 14), None), "private")
    if masked:
        # Of the namespace outside, so that it cannot be taken away inside.
        check(C.mount(b"none", b"/proc/acpi", b"tmpfs", 1, None), "mask")
    check(C.unshare(0x10000000 | 0x00020000), "user")
    os.write(tell, b"x")
    os.read(go, 1)
    os.setgid(0)
    os.setuid(0)
    if emulator:
        place = b"/proc/sys/fs/binfmt_misc"
        check(C.mount(b"none", place, b"binfmt_misc", 0, None), "binfmt_misc")
        magic = rb"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
        mask = rb"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
        with open(place + b"/register", "wb") as stream:
            stream.write(b":arm64:M::%s:%s:%s:F" % (magic, mask, emulator.encode()))
    os.execvp(command[0], command)
os.read(told, 1)
for name in ("uid_map", "gid_map"):
    with open(f"/proc/{child}/{name}", "w") as stream:
        stream.write("0 0 4294967295\n")
os.write(going, b"x")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def prefix(*, masked: bool = False, emulator: Path | str = "") -> tuple[str, ...]:
    """Give the beginning of such a command line; `emulator` is a static one for arm64."""
    return (sys.executable, "-c", _ENTER, "masked" if masked else "plain", str(emulator))


def arm64_writer(path: bytes, text: bytes) -> bytes:
    """Make a static arm64 program that writes `text` to the new file `path`, and ends with 0."""
    code = [
        0x92800C60,  # mov x0, #-100: AT_FDCWD
        0,  # adr x1, path
        0xD2800822,  # mov x2, #0x41: O_WRONLY | O_CREAT
        0xD2803483,  # mov x3, #0644
        0xD2800708,  # mov x8, #56: openat
        0xD4000001,  # svc #0
        0,  # adr x1, text
        0xD2800002 | len(text) << 5,  # mov x2, #length
        0xD2800808,  # mov x8, #64: write
        0xD4000001,
        0xD2800000,  # mov x0, #0
        0xD2800BA8,  # mov x8, #93: exit
        0xD4000001,
    ]
    stored = path + b"\0" * (4 - len(path) % 4)
    end = 4 * len(code)
    code[1] = 0x10000001 | (end - 4) >> 2 << 5
    code[6] = 0x10000001 | (end + len(stored) - 24) >> 2 << 5
    body = struct.pack(f"<{len(code)}I", *code) + stored + text
    address, size = 0x400000, 120 + len(body)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, address + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, size, size, 0x1000) + body
