from __future__ import annotations

import hashlib
import io
import os
import py_compile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from normalising import EPOCH

from samebit.image.entry import Entry, Kind
from samebit.model.normalising import NormaliserChoices
from samebit.normalisers.apply import Contents, normalise, open_regular
from samebit.normalisers.owned import find_owned
from samebit.normalisers.selection import NormaliserSelection
from samebit.normalisers.spool import Spool

MD5 = b"0123456789abcdef" * 2
FILES = {
    b"var/lib/dpkg/info/libx:amd64.md5sums": MD5
    + b"  usr/share/x/a.zip\n"
    + MD5
    + b"  lib/x.a\nrubbish\n",
    b"usr/lib/python3/dist-packages/p-1.dist-info/RECORD": b"p/data.zip,sha256=abc,12\n"
    b'"p/with, comma.zip",sha256=abc,12\np/__pycache__/m.cpython-311.pyc,,\n'
    b"../../../bin/p,sha256=abc,9\n../../../../../../../etc/x,sha256=a,1\n",
    b"lib/apk/db/installed": b"P:x\nF:usr/share\nR:a.png\nZ:Q1abc=\nR:b.png\nF:\nR:top\nZ:Q1x=\n",
}
OWNED = (
    b"usr/share/x/a.zip",
    b"lib/x.a",
    b"usr/lib/x.a",
    b"usr/lib/python3/dist-packages/p/data.zip",
    b"usr/lib/python3/dist-packages/p/with, comma.zip",
    b"usr/bin/p",
    b"usr/share/a.png",
    b"top",
)
FREE = (
    b"usr/share/b.png",
    b"usr/lib/python3/dist-packages/p/__pycache__/m.cpython-311.pyc",
    b"etc/x",
    b"",
)


def entries(files: Mapping[bytes, bytes]) -> list[Entry]:
    return [Entry(path, Kind.FILE, 0o644, size=len(files[path])) for path in sorted(files)]


def test_lists_of_package_managers() -> None:
    owned = find_owned(entries(FILES), lambda entry: io.BytesIO(FILES[entry.path]))
    for path in OWNED:
        assert path in owned, path
    for path in FREE:
        assert path not in owned, path


def test_rpm_keeps_its_list_in_a_database() -> None:
    files = {b"usr/lib/sysimage/rpm/rpmdb.sqlite": b""}
    owned = find_owned(entries(files), lambda _entry: io.BytesIO())
    assert b"usr/share/a.png" in owned
    assert b"usr/local/share/a.png" not in owned
    assert b"srv/a.png" not in owned


@dataclass(frozen=True)
class NoBase:
    entries: Mapping[bytes, Entry] = field(default_factory=dict)
    contents: Mapping[bytes, bytes] = field(default_factory=dict)


def normalised(
    files: Mapping[bytes, bytes],
    root: Path,
    mtimes: Mapping[bytes, int] | None = None,
    given: tuple[bytes, ...] = (),
) -> dict[bytes, bytes]:
    for path, data in files.items():
        file = root / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        if mtimes and path in mtimes:
            os.utime(file, (mtimes[path], mtimes[path]))
    result = {}
    with Spool(root) as spool:
        done = normalise(
            entries(files),
            NoBase(),
            Contents(
                lambda entry: open_regular(os.fsencode(root), entry.path),
                lambda path: open_regular(b"/nowhere", path),
            ),
            NormaliserSelection.of(1, NormaliserChoices()),
            epoch=EPOCH,
            spool=spool,
            scratch=root,
            given=given,
        )
        for entry in done.entries:
            with done.open_content(entry) as file:
                result[entry.path] = file.read() or b""
    return result


def test_a_package_s_archive_ships_as_it_came(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b", b"1")
        archive.writestr("a", b"2")
    data = buffer.getvalue()
    files = {**FILES, b"usr/share/x/a.zip": data, b"usr/share/x/b.zip": data}
    result = normalised(files, tmp_path)
    assert result[b"usr/share/x/a.zip"] == data
    assert result[b"usr/share/x/b.zip"] != data
    context = (hashlib.sha256(data).digest(),)
    assert normalised(files, tmp_path, given=context)[b"usr/share/x/b.zip"] == data


def test_bytecode_is_judged_by_its_source_on_disk(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(b"x = 1\n")
    os.utime(tmp_path / "m.py", (1_700_000_000, 1_700_000_000))
    code = Path(
        str(py_compile.compile(str(tmp_path / "m.py"), str(tmp_path / "m.pyc")))
    ).read_bytes()
    path = b"a/__pycache__/m.cpython-311.pyc"
    files = {path: code, b"a/m.py": b"x = 1\n"}
    for clock, stated in ((1_700_000_000, EPOCH), (1_700_000_009, 1)):
        result = normalised(files, tmp_path, {b"a/m.py": clock})
        assert int.from_bytes(result[path][8:12], "little") == stated
