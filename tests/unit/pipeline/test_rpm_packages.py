"""Packages of rpm in an image, in the databases that rpm itself writes."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from zlib import adler32

import pytest
from compiled_files import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_images import Member, write_layout

from samebit.inventory.managers import rpm
from samebit.inventory.packages import Records
from samebit.model.image_difference import Grade
from samebit.pipeline.audit import AuditRequest, audit
from samebit.pipeline.diff import diff_images

SPEC = """\
Name: {name}
Version: 1.2
Release: 3
{epoch}
Summary: a package
License: none
BuildArch: noarch
%description
A package.
%install
mkdir -p %{{buildroot}}/usr/share/{name} %{{buildroot}}/opt
echo {name} > %{{buildroot}}/usr/share/{name}/one
echo {name} > %{{buildroot}}/opt/{name}
%files
/usr/share/{name}
/opt/{name}
"""
BACKENDS = {"sqlite": "rpmdb.sqlite", "ndb": "Packages.db"}


def ndb(headers: Sequence[bytes]) -> bytes:
    """Write a database as rpm's ndb does, which Debian's rpm lacks (lib/backend/ndb/rpmpkg.c)."""
    slots, blobs = b"", b""
    for index, header in enumerate(headers, 1):
        slot_block = (4096 + len(blobs)) // 16
        blob = struct.pack("<4sIII", b"BlbS", index, 7, len(header)) + header
        blob = blob.ljust((len(blob) + 12 + 15) // 16 * 16 - 12, b"\0")
        blob += struct.pack("<II4s", adler32(blob), len(header), b"BlbE")
        slots += struct.pack("<4sIII", b"Slot", index, slot_block, len(blob) // 16)
        blobs += blob
    head = struct.pack("<4sIIII", b"RpmP", 0, 1, 1, len(headers) + 1).ljust(32, b"\0")
    # A free slot in between, as removed packages leave it.
    free = b"Slot".ljust(16, b"\0")
    return (head + slots[:16] + free + slots[16:] + free * 256)[:4096] + blobs


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, bytes]]:
    """Each backend's files, with two packages that rpm installed."""
    folder = tmp_path_factory.mktemp("rpm")
    top = ("--define", f"_topdir {folder}/top")
    packages = []
    for name, epoch in (("one", ""), ("two", "Epoch: 4")):
        (folder / f"{name}.spec").write_text(SPEC.format(name=name, epoch=epoch))
        run("rpmbuild", "-bb", "--quiet", *top, f"{name}.spec", cwd=folder, HOME=str(folder))
        packages += sorted((folder / "top" / "RPMS" / "noarch").glob(f"{name}-*.rpm"))
    chosen = ("--dbpath", folder / "db")
    run("rpm", *chosen, "--initdb", cwd=folder)
    run("rpm", *chosen, "-i", "--justdb", "--nodeps", *packages, cwd=folder)
    listed = run("rpm", *chosen, "-qa", "--qf", "%{NAME} %{EVR}\\n", cwd=folder)
    assert sorted(listed.splitlines()) == ["one 1.2-3", "two 4:1.2-3"]
    names = ("rpmdb.sqlite", "rpmdb.sqlite-wal")
    files = {name: folder / "db" / name for name in names}
    found = {name: path.read_bytes() for name, path in files.items() if path.exists()}
    # Copies: what rpm wrote last lies in a log that opening the database merges.
    for name, data in found.items():
        (folder / name).write_bytes(data)
    with closing(sqlite3.connect(folder / "rpmdb.sqlite")) as database:
        headers = [row[0] for row in database.execute("SELECT blob FROM Packages ORDER BY hnum")]
    return {"sqlite": found, "ndb": {"Packages.db": ndb(headers)}}


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize("place", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_packages_of_an_image(
    tmp_path: Path, databases: Mapping[str, Mapping[str, bytes]], backend: str, place: str
) -> None:
    files = {f"{place}/{name}": data for name, data in databases[backend].items()}
    members = [Member(path, data) for path, data in files.items()]
    members += [Member("usr/share/one/one", b"one\n"), Member("opt/two", b"22\n")]
    members += [Member("opt/own", b"o")]
    write_layout(tmp_path / "image", [members])
    light = audit(AuditRequest(f"oci:{tmp_path / 'image'}", store_root=tmp_path / "s")).lightness
    assert light is not None
    assert [(p.manager, p.name, p.version, p.files, p.size) for p in light.packages] == [
        ("rpm", "one", "1.2-3", 1, 4),
        ("rpm", "two", "4:1.2-3", 1, 3),
    ]
    assert light.unpackaged.files == len(files) + 1


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize("place", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_images_with_the_same_packages(
    tmp_path: Path, databases: Mapping[str, Mapping[str, bytes]], backend: str, place: str
) -> None:
    """Another file, with the same packages; and then without any."""
    files = {f"{place}/{name}": data for name, data in databases[backend].items()}
    layouts = [tmp_path / name for name in ("one", "other", "fewer")]
    for layout in layouts:
        members = [Member(path, data) for path, data in files.items()]
        members.append(Member("srv/made", layout.name.encode()))
        write_layout(layout, [members if layout.name != "fewer" else members[-1:]])
    places = [f"oci:{layout}" for layout in layouts]
    assert diff_images(*places[:2], store_root=tmp_path / "s").grade is Grade.SAME_PACKAGES
    assert diff_images(*places[1:], store_root=tmp_path / "s").grade is Grade.DIFFERENT


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_damaged_databases(databases: Mapping[str, Mapping[str, bytes]], backend: str) -> None:
    name = BACKENDS[backend]
    data = databases[backend][name]
    chance = random.Random(backend)
    for number in range(150):
        changed = bytearray(data[: len(data) if number % 3 else chance.randrange(len(data))])
        for _ in range(chance.choice((1, 8, 200))):
            if changed:
                place = chance.choice((len(changed), min(len(changed), 200)))
                changed[chance.randrange(place)] = chance.choice((0, 1, 0x7F, 0xFF))
        path = b"var/lib/rpm/" + name.encode()
        list(rpm.packages(Records([path], {path: bytes(changed)})))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.sampled_from((b"", b"RpmP", b"SQLite format 3\0")))
def test_anything(data: bytes, magic: bytes) -> None:
    for name in (b"rpmdb.sqlite", b"Packages.db"):
        path = b"var/lib/rpm/" + name
        list(rpm.packages(Records([path], {path: magic + data})))
