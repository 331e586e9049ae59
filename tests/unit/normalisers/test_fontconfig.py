from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten

CACHE = named("system/fontconfig-cache")
PATH = b"var/cache/fontconfig/0123-le64.cache-8"
DIRECTORY = b"usr/share/fonts"


def cache(seconds: int, nanoseconds: int, version: int = 8) -> bytes:
    """Make the head of a cache as fontconfig's fcint.h lays it out on 64-bit machines."""
    tail = b"\0" + b"/" + DIRECTORY + b"\0" + b"fonts" * 20
    size = 0x40 + len(tail)
    head = struct.pack("<Iiqqqqq", 0xFC02FC04, version, size, 0x41, 0x58, 1, 0x80)
    return head + struct.pack("<iiq", seconds, 0, nanoseconds) + tail


def test_the_directorys_time_becomes_the_epoch() -> None:
    data = cache(1795614580, 425827691)
    assert matches(CACHE, PATH, data)
    facts = facts_of(PATH, data, layer={DIRECTORY: None})
    assert rewritten(CACHE, data, PATH, facts) == cache(EPOCH, 0)


def test_a_directory_of_the_base_keeps_its_time() -> None:
    data = cache(1795614580, 0)
    facts = facts_of(PATH, data, base={DIRECTORY: None})
    assert rewritten(CACHE, data, PATH, facts) == data


@pytest.mark.parametrize(
    "data",
    [
        cache(1, 2)[:-1],
        cache(1, 2, version=6),
        cache(1, 2)[:0x20],
        cache(1, 2).replace(b"fonts\0", b"font\0\0"),
    ],
)
def test_what_is_no_sound_cache_stays(data: bytes) -> None:
    assert rewritten(CACHE, data, PATH, facts_of(PATH, data, layer={DIRECTORY: None})) == data


def test_other_files_are_left() -> None:
    assert not matches(CACHE, b"var/cache/fontconfig/CACHEDIR.TAG", b"x")
    assert not matches(CACHE, PATH, b"\0" * 100)
    assert not matches(CACHE, b"srv/0123-le64.cache-8", cache(1, 2))


def test_fontconfig_finds_the_cache_valid(tmp_path: Path) -> None:
    if shutil.which("fc-cache") is None:
        pytest.skip("fontconfig is not installed")
    fonts, caches = tmp_path / "fonts", tmp_path / "cache"
    fonts.mkdir()
    (fonts / "a.txt").write_text("no font")
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{fonts}</dir><cachedir>{caches}</cachedir></fontconfig>"
    )
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    environment["FONTCONFIG_FILE"] = str(configuration)

    def fc_cache(*arguments: str) -> str:
        command = ["fc-cache", "-v", *arguments]
        return subprocess.check_output(command, env=environment, text=True)

    assert "new cache contents" in fc_cache("-f")
    (file,) = caches.glob("*.cache-*")
    data = file.read_bytes()
    path = b"var/cache/fontconfig/" + os.fsencode(file.name)
    facts = facts_of(path, data, layer={os.fsencode(fonts).strip(b"/"): None})
    new = rewritten(CACHE, data, path, facts)
    assert new != data
    file.write_bytes(new)
    fc_cache()
    assert file.read_bytes() != new, "a cache that is not valid would be made anew"
    file.write_bytes(new)
    os.utime(fonts, (EPOCH, EPOCH))
    assert "existing cache is valid" in fc_cache()
    assert file.read_bytes() == new
