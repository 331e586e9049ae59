"""A part of samebit as root of a user namespace: real ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

import pytest

from samebit.engines.user_namespace import FIRST_ID, run_inside, why_not
from samebit.errors import InternalError, MachineError

pytestmark = pytest.mark.skipif(bool(why_not()), reason="needs root and user namespaces")


def test_it_has_the_callers_files_and_no_rights_over_the_machine(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)

    def call(lines: TextIO) -> bytes:
        made = tmp_path / "private" / "made"
        made.write_text("made")
        os.chown(made, 7, 8)
        try:
            os.mknod(tmp_path / "device", 0o20600, os.makedev(1, 3))
        except PermissionError:
            print("no devices", file=lines)
        return f"{os.geteuid()} {made.stat().st_uid}".encode()

    told: list[str] = []
    assert run_inside(call, told.append) == b"0 7"
    assert told == ["no devices"]
    made = (tmp_path / "private" / "made").stat()
    assert (made.st_uid, made.st_gid) == (FIRST_ID + 7, FIRST_ID + 8)


def test_much_is_brought_back() -> None:
    data = os.urandom(1 << 20)

    def call(lines: TextIO) -> bytes:
        lines.writelines(f"line {number}\n" for number in range(5000))
        return data

    told: list[str] = []
    assert run_inside(call, told.append) == data
    assert told[-1] == "line 4999"


def test_what_goes_wrong_there_is_told() -> None:
    def surprised(_: TextIO) -> bytes:
        raise ValueError("who would have thought")

    def killed(_: TextIO) -> bytes:
        os.kill(os.getpid(), 9)
        return b""

    with pytest.raises(InternalError, match="who would have thought"):
        run_inside(surprised, print)
    with pytest.raises(MachineError):
        run_inside(killed, print)
