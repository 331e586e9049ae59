"""Without its auxiliary cache ldconfig answers the same, and makes the same cache again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from normalising import matches, named

AUXILIARY = b"var/cache/ldconfig/aux-cache"


def ldconfig(root: Path, *options: str) -> str:
    return subprocess.run(
        ["/sbin/ldconfig", "-r", root, *options], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: ldconfig -r changes its root")
def test_ldconfig_answers_the_same(tmp_path: Path) -> None:
    for folder in ("usr/lib", "etc", "var/cache/ldconfig"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/ld.so.conf").write_text("/usr/lib\n")
    (tmp_path / "a.c").write_text("int one(void) { return 1; }")
    for name in ("liba.so.1", "libb.so.2"):
        command = ["gcc", "-shared", f"-Wl,-soname,{name}", "a.c", "-o", f"usr/lib/{name}.0"]
        subprocess.run(command, cwd=tmp_path, check=True)
    ldconfig(tmp_path)
    said = ldconfig(tmp_path, "-p")
    assert "liba.so.1" in said
    cache = (tmp_path / "etc/ld.so.cache").read_bytes()
    auxiliary = tmp_path / os.fsdecode(AUXILIARY)
    assert matches(named("system/ldconfig-aux-cache"), AUXILIARY, auxiliary.read_bytes())
    auxiliary.unlink()
    assert ldconfig(tmp_path, "-p") == said
    ldconfig(tmp_path)
    assert (tmp_path / "etc/ld.so.cache").read_bytes() == cache
