from __future__ import annotations

import base64
import hashlib
import io
import tarfile

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten

SCRIPTS = named("alpine/apk-scripts")
INSTALLED = named("alpine/apk-installed")
WORLD = named("alpine/apk-world")
DATABASE = b"lib/apk/db/installed"

MUSL = b"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nT:the musl c library\nF:lib\nR:libc.so\nZ:Q1x=\n\n"


def virtual(version: str, checksum: str, name: str = ".build-deps") -> bytes:
    return (
        f"C:Q1{checksum}\nP:{name}\nV:{version}\nA:noarch\nS:0\nI:0\nT:virtual meta package\nU:\n"
        f"L:\nD:gcc make\n\n"
    ).encode()


def plain(name: str = ".build-deps") -> str:
    text = virtual("19800102.000000", "", name).partition(b"\n")[2]
    return base64.b64encode(hashlib.sha1(text).digest()).decode()


def archive(mtime: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in [("busybox-1.post-install", b"#!/bin/sh\n" * 90), ("x.trigger", b"")]:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), mtime, 0o755
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


def test_members_of_the_scripts_have_the_epoch() -> None:
    assert matches(SCRIPTS, b"lib/apk/db/scripts.tar", b"")
    new = rewritten(SCRIPTS, archive(1795614580), b"lib/apk/db/scripts.tar")
    with tarfile.open(fileobj=io.BytesIO(new)) as tar:
        assert [member.mtime for member in tar] == [EPOCH, EPOCH]
    assert new == rewritten(SCRIPTS, archive(1), b"lib/apk/db/scripts.tar")
    assert len(new) == len(archive(1))


@pytest.mark.parametrize(
    "data", [b"x" * 512, archive(5)[:700], archive(5) + b"x", archive(5)[:1536] + b"\1" * 512]
)
def test_what_is_no_sound_archive_stays(data: bytes) -> None:
    assert rewritten(SCRIPTS, data, b"lib/apk/db/scripts.tar") == data


def test_virtual_packages_are_named_after_the_epoch() -> None:
    data = MUSL + virtual("20261125.133000", "clock=")
    new = rewritten(INSTALLED, data, DATABASE)
    assert new == MUSL + virtual("19800102.000000", plain())
    later = rewritten(INSTALLED, MUSL + virtual("20270101.000000", "other="), DATABASE)
    assert later == new


def test_what_only_looks_virtual_stays() -> None:
    data = virtual("20261125.133000", "c").replace(b"virtual meta package", b"a program")
    data += virtual("1.0-r0", "c")
    data += virtual("20261125.133000", "c").replace(b"D:gcc", b"F:usr\nR:file\nD:gcc")
    assert rewritten(INSTALLED, data, DATABASE) == data


def test_virtual_packages_of_the_base_keep_their_version() -> None:
    before = virtual("20250101.000000", "c", ".base-deps")
    data = before + virtual("20261125.133000", "d")
    facts = facts_of(DATABASE, data, base={DATABASE: before})
    new = rewritten(INSTALLED, data, DATABASE, facts)
    assert new == before + virtual("19800102.000000", plain())
    world = b".base-deps=20250101.000000\n.build-deps=20261125.133000\nbusybox\nx=20261125.133000\n"
    about = facts_of(b"etc/apk/world", world, layer={DATABASE: data}, base={DATABASE: before})
    assert rewritten(WORLD, world, b"etc/apk/world", about) == world.replace(
        b".build-deps=20261125.133000", b".build-deps=19800102.000000"
    )


def test_a_world_without_virtual_packages_stays() -> None:
    world = b"alpine-baselayout\npkg=20261125.133000\n"
    about = facts_of(b"etc/apk/world", world, layer={DATABASE: MUSL})
    assert rewritten(WORLD, world, b"etc/apk/world", about) == world


def test_a_package_of_very_many_files_is_read_in_pieces() -> None:
    large = b"C:Q1x\nP:firmware\nV:20261125.133000\nF:lib\n" + b"R:file\n" * 200_000 + b"\n"
    data = large + virtual("20261125.133000", "d")
    assert rewritten(INSTALLED, data, DATABASE) == large + virtual("19800102.000000", plain())
