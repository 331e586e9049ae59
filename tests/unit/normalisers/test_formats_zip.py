from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten
from strip_oracle import agree, stripped

ZIP = named("formats/zip")
PROGRAM = named("formats/zip-program")
JMOD = named("formats/jmod")
MORNING = (2026, 11, 25, 8, 0, 2)
EVENING = (2026, 11, 26, 21, 30, 58)
THEN = (1980, 1, 2, 0, 0, 0)

Files = dict[str, bytes]


def make(files: Files, when: tuple[int, ...] = MORNING, *, method: int = 8) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression=method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, when)  # type: ignore[arg-type]
            info.compress_type = method
            info.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def read(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def times(data: bytes) -> set[tuple[int, ...]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.date_time for info in archive.infolist()}


def test_times_and_order_go() -> None:
    files = {"b": b"two" * 50, "a": b"one", "d/": b"", "d/x": os.urandom(3000)}
    other = dict(reversed(files.items()))
    result = agree(ZIP, (make(files), make(other, EVENING)), "x.zip", "zip")
    assert read(result) == files
    assert list(read(result)) == sorted(files)
    assert times(result) == {THEN}


def test_info_zip_with_times_and_owners_in_extra_fields(tmp_path: Path) -> None:
    def packed(clock: int, folder: Path) -> bytes:
        folder.mkdir()
        for name in ("b", "a"):
            (folder / name).write_bytes(name.encode() * 999)
            os.utime(folder / name, (clock, clock))
        os.link(folder / "a", folder / "c")
        (folder / "link").symlink_to("a")
        subprocess.run(["zip", "-qry", "o.zip", "."], cwd=folder, check=True)
        return (folder / "o.zip").read_bytes()

    first, second = packed(1_700_000_000, tmp_path / "1"), packed(1_750_000_001, tmp_path / "2")
    result = rewritten(ZIP, first, b"o.zip")
    assert first != second
    assert result == rewritten(ZIP, second, b"o.zip")
    (tmp_path / "o.zip").write_bytes(result)
    out = tmp_path / "out"
    subprocess.run(["unzip", "-q", str(tmp_path / "o.zip"), "-d", str(out)], check=True)
    assert (out / "a").stat().st_mtime == EPOCH
    assert (out / "link").readlink() == Path("a")
    subprocess.run(["unzip", "-tqq", str(tmp_path / "o.zip")], check=True)


def test_streamed_members_with_descriptors() -> None:
    class Unseekable(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    def streamed(when: tuple[int, ...]) -> bytes:
        out = Unseekable()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
            for name in ("z", "META-INF/MANIFEST.MF", "a"):
                archive.writestr(
                    zipfile.ZipInfo(name, when),  # type: ignore[arg-type]
                    b"Built-By: me\r\nX: y\r\n\r\n" * 9,
                    zipfile.ZIP_DEFLATED,
                )
        return out.data

    result = agree(ZIP, (streamed(MORNING), streamed(EVENING)), "x.jar", "jar")
    assert list(read(result)) == ["META-INF/MANIFEST.MF", "a", "z"]


def test_zip64(tmp_path: Path) -> None:
    def big(when: tuple[int, ...], names: tuple[str, ...]) -> bytes:
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                info = zipfile.ZipInfo(name, when)  # type: ignore[arg-type]
                with archive.open(info, "w", force_zip64=True) as member:
                    member.write(name.encode() * 100)
        return path.read_bytes()

    result = rewritten(ZIP, big(MORNING, ("b", "a")))
    assert result == rewritten(ZIP, big(EVENING, ("a", "b")))
    assert read(result) == {"a": b"a" * 100, "b": b"b" * 100}


@pytest.mark.prove
def test_more_members_than_16_bits_can_count() -> None:
    files = {f"{number:05}": b"" for number in range(65_540)}
    shuffled = dict(random.Random(1).sample(list(files.items()), len(files)))
    result = rewritten(ZIP, make(files, method=0))
    assert result == rewritten(ZIP, make(shuffled, EVENING, method=0))
    assert list(read(result)) == list(files)


def test_what_precedes_the_archive_is_kept() -> None:
    body = make({"__main__.py": b"print('hello')\n", "a": b"x"})
    for shebang in (b"#!/usr/bin/env python3\n", b"#!/bin/sh\nexec python3 $0\nexit\n"):
        data = shebang + body
        assert matches(PROGRAM, b"app.pyz", data)
        result = rewritten(PROGRAM, data, b"app.pyz")
        assert result.startswith(shebang + b"PK")
        assert times(result) == {THEN}
    first = b"#!/usr/bin/python3\n" + body
    second = b"#!/usr/bin/python3\n" + make(
        {"__main__.py": b"print('hello')\n", "a": b"x"}, EVENING
    )
    agree(PROGRAM, (first, second), "app.pyz", "pyzip")


def test_offsets_from_the_start_of_the_file_stay_so() -> None:
    buffer = io.BytesIO(b"#!/usr/bin/python3\n")
    buffer.seek(0, 2)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("b", b"1")
        archive.writestr("__main__.py", b"print(42)")
    result = rewritten(PROGRAM, buffer.getvalue(), b"app.pyz")
    assert read(result) == {"__main__.py": b"print(42)", "b": b"1"}
    end = struct.unpack("<I", result[-6:-2])[0]
    assert result[end : end + 4] == b"PK\x01\x02"


def test_a_program_still_runs(tmp_path: Path) -> None:
    data = b"#!/usr/bin/python3\n" + make(
        {"lib.py": b"x = 42", "__main__.py": b"import lib; print(lib.x)"}
    )
    app = tmp_path / "app"
    app.write_bytes(rewritten(PROGRAM, data, b"app"))
    app.chmod(0o755)
    assert subprocess.run([app], capture_output=True, check=True).stdout == b"42\n"


JAR_MANIFEST = b"Manifest-Version: 1.0\r\nCreated-By: 17.0.15 (Debian)\r\nMain-Class: A\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "others", "kept"),
    [
        (
            b"Bnd-LastModified: 1732541407000\r\n",
            b"Bnd-LastModified: 1732599999123\r\n",
            b"315619200000",
        ),
        (b"Built-By: alice\r\n", b"Built-By: bob\r\n", None),
    ],
)
def test_manifest_as_strip_nondeterminism(lines: bytes, others: bytes, kept: bytes | None) -> None:
    def jar(noise: bytes, when: tuple[int, ...]) -> bytes:
        return make(
            {"A.class": b"\xca\xfe\xba\xbe", "META-INF/MANIFEST.MF": noise + JAR_MANIFEST}, when
        )

    result = agree(ZIP, (jar(lines, MORNING), jar(others, EVENING)), "a.jar", "jar")
    manifest = read(result)["META-INF/MANIFEST.MF"]
    assert manifest.endswith(JAR_MANIFEST)
    assert (kept or b"Manifest-Version") in manifest
    assert next(iter(read(result))) == "META-INF/MANIFEST.MF"


def test_dates_in_the_manifest_keep_their_form() -> None:
    manifest = (
        b"Manifest-Version: 1.0\r\nBuild-Time: 2026-11-25T13:30:07Z\r\n"
        b"Build-Timestamp: 20261125133007\r\nBuild-Date: 2026-11-25\r\n"
        b"Built-On: whenever\r\nTstamp: Wed Nov 25 13:30:07 CET 2026\r\n"
        b"Implementation-Version: 1.2.3-20261125\r\n\r\nName: a/\r\nBuild-Time: 2026-11-25\r\n\r\n"
    )
    result = read(rewritten(ZIP, make({"META-INF/MANIFEST.MF": manifest})))["META-INF/MANIFEST.MF"]
    assert result == (
        b"Manifest-Version: 1.0\r\nBuild-Time: 1980-01-02T00:00:00Z\r\n"
        b"Build-Timestamp: 19800102000000\r\nBuild-Date: 1980-01-02\r\n"
        b"Built-On: whenever\r\nTstamp: Wed Jan 02 00:00:00 UTC 1980\r\n"
        b"Implementation-Version: 1.2.3-20261125\r\n\r\nName: a/\r\nBuild-Time: 2026-11-25\r\n\r\n"
    )


def test_a_long_line_is_read_and_the_others_stay_wrapped() -> None:
    line = b"Class-Path: " + b"lib/a.jar " * 30
    wrapped = line[:70] + b"".join(b"\r\n " + line[at : at + 69] for at in range(70, len(line), 69))
    manifest = (
        b"Manifest-Version: 1.0\r\n" + wrapped + b"\r\nBuilt-By: a\r\n very long name\r\n\r\n"
    )
    result = read(rewritten(ZIP, make({"META-INF/MANIFEST.MF": manifest})))["META-INF/MANIFEST.MF"]
    assert result == b"Manifest-Version: 1.0\r\n" + wrapped + b"\r\n\r\n"


def test_maven_javadoc_and_nested_jars() -> None:
    def war(day: str, when: tuple[int, ...]) -> bytes:
        page = f"<html>\n<head>\n<!-- Generated by javadoc (17) on {day} -->\n</head>x".encode()
        jar = make(
            {"B": b"1", "META-INF/MANIFEST.MF": f"Built-By: {day[:3]}\r\n\r\n".encode()}, when
        )
        return make(
            {
                "META-INF/maven/g/a/pom.properties": f"#Generated\n#{day}\nversion=1\n".encode(),
                "doc/index.html": page,
                "WEB-INF/lib/a.jar": jar,
            },
            when,
        )

    first = war("Wed Nov 25 13:30:07 UTC 2026", MORNING)
    result = rewritten(ZIP, first)
    assert result == rewritten(ZIP, war("Thu Nov 26 23:59:59 CET 2026", EVENING))
    files = read(result)
    assert b"#Generated\n#Wed Jan 02 00:00:00 UTC 1980\nversion=1\n" in files.values()
    inner = files["WEB-INF/lib/a.jar"]
    assert list(read(inner)) == ["META-INF/MANIFEST.MF", "B"]
    assert times(inner) == {THEN}


def test_debris_of_forked_compilers_goes() -> None:
    name = "org.codehaus.plexus.compiler.javac.JavacCompiler{}arguments"
    first = make({"A": b"1", "javac.sh": b"cd /a", name.format(17): b"x"})
    second = make({"A": b"1", "javac.sh": b"cd /b", name.format(99): b"y"}, EVENING)
    assert read(agree(ZIP, (first, second), "a.jar", "jar")) == {"A": b"1"}
    alone = make({"javac.sh": b"make it"})
    assert read(rewritten(ZIP, alone)) == {"javac.sh": b"make it"}


def test_clojure_sources_stay_older_than_their_classes() -> None:
    result = rewritten(ZIP, make({"a.clj": b"1", "a__init.class": b"2"}))
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        assert archive.getinfo("a.clj").date_time < archive.getinfo("a__init.class").date_time


def test_bytecode_in_eggs_stays_valid(tmp_path: Path) -> None:
    source = tmp_path / "mod.py"
    source.write_text("value = 41 + 1\n")
    clock = 1_764_057_602  # 2025-11-25 08:00:02 UTC
    os.utime(source, (clock, clock))
    code = "import py_compile; py_compile.compile('mod.py', 'mod.pyc', doraise=True)"
    environment = {"PATH": os.environ["PATH"]}
    subprocess.run(["/usr/bin/python3", "-c", code], cwd=tmp_path, env=environment, check=True)
    when = (2025, 11, 25, 8, 0, 2)
    egg = make(
        {"mod.py": source.read_bytes(), "mod.pyc": (tmp_path / "mod.pyc").read_bytes()}, when
    )
    result = rewritten(ZIP, egg)
    assert struct.unpack("<I", read(result)["mod.pyc"][8:12])[0] == EPOCH
    (tmp_path / "e.egg").write_bytes(result)
    run = subprocess.run(
        ["/usr/bin/python3", "-v", "-c", "import mod; print(mod.value)"],
        env={**environment, "PYTHONPATH": str(tmp_path / "e.egg"), "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "42\n"
    assert "import 'mod' # <zipimporter" in run.stderr
    assert "bytecode is stale" not in run.stderr


@pytest.mark.parametrize(
    "extra",
    [
        {"META-INF/A.SF": b"x"},
        {"META-INF/cert.rsa": b"x"},
        {".signature.p7s": b"x"},
        {"_xmlsignatures/sig1.xml": b"x"},
        {"META-INF/cose.sig": b"x"},
    ],
)
def test_signed_archives_are_left_alone(extra: Files) -> None:
    data = make({"b": b"1", "a": b"2", **extra})
    facts = facts_of(b"a.jar", data)
    assert rewritten(ZIP, data, b"a.jar", facts) == data
    assert any("signed" in why for why in facts.remarks)
    assert stripped(data, "a.jar", "jar") == data or "META-INF/A.SF" not in extra


def test_android_signing_block_is_left_alone() -> None:
    data = make({"a": b"1"})
    (start,) = struct.unpack("<I", data[-6:-2])
    block = struct.pack("<Q", 24) + struct.pack("<Q", 24) + b"APK Sig Block 42"
    signed = (
        data[:start] + block + data[start:-6] + struct.pack("<I", start + len(block)) + data[-2:]
    )
    facts = facts_of(b"a.apk", signed)
    assert rewritten(ZIP, signed, b"x", facts) == signed
    assert facts.remarks


def test_encrypted_archives_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("secret")
    subprocess.run(["zip", "-q", "-P", "x", "a.zip", "a"], cwd=tmp_path, check=True)
    data = (tmp_path / "a.zip").read_bytes()
    facts = facts_of(b"a.zip", data)
    assert rewritten(ZIP, data, b"a.zip", facts) == data
    assert facts.remarks == ["a member is encrypted"] * 2


def test_what_has_a_checksum_beside_it_is_left_alone() -> None:
    data = make({"b": b"1", "a": b"2"})
    for ending in (b".sha1", b".asc", b".sha256"):
        facts = facts_of(b"m/a.jar", data, layer={b"m/a.jar" + ending: b"x"})
        assert rewritten(ZIP, data, b"m/a.jar", facts) == data
    for path in (b"root/go/pkg/mod/cache/download/x/@v/v1.zip", b"root/.npm/_cacache/content-v2/a"):
        assert rewritten(ZIP, data, path) == data


def test_content_of_wheels_is_what_record_says() -> None:
    files = {
        "p/a.properties": b"#Wed Nov 25 13:30:07 UTC 2026\na=b\n",
        "p-1.dist-info/RECORD": b"",
        "p-1.dist-info/METADATA": b"",
        "a.py": b"",
    }
    result = read(rewritten(ZIP, make(files), b"p-1-py3-none-any.whl"))
    assert result == files
    assert list(result)[-2:] == ["p-1.dist-info/METADATA", "p-1.dist-info/RECORD"]


@pytest.mark.parametrize(
    "names",
    [
        ("mimetype", "a"),
        ("BOOT-INF/", "BOOT-INF/lib/z.jar", "BOOT-INF/lib/a.jar"),
        ("AndroidManifest.xml", "classes.dex", "a"),
    ],
)
def test_order_stays_where_it_matters(names: tuple[str, ...]) -> None:
    files = {name: b"1" if not name.endswith("/") else b"" for name in names}
    result = rewritten(ZIP, make(files))
    assert list(read(result)) == list(names)
    assert times(result) == {THEN}


def test_alignment_stays() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("b.so", "a.so"):
            info = zipfile.ZipInfo(name, MORNING)
            info.extra = struct.pack("<HHH", 0xD935, 2, 4)
            archive.writestr(info, b"1234")
    assert list(read(rewritten(ZIP, buffer.getvalue()))) == ["b.so", "a.so"]


def test_two_members_of_one_name_keep_their_order() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b", b"1")
        archive.writestr("a", b"first")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"last")
    result = rewritten(ZIP, buffer.getvalue())
    with zipfile.ZipFile(io.BytesIO(result)) as archive:
        assert archive.read("a") == b"last"


def test_comments_and_attributes_are_kept() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("run", MORNING)
        info.external_attr = 0o100755 << 16
        info.comment = b"of a member"
        archive.writestr(info, b"x")
        archive.comment = b"of the archive"
    with zipfile.ZipFile(io.BytesIO(rewritten(ZIP, buffer.getvalue()))) as archive:
        assert archive.comment == b"of the archive"
        assert archive.getinfo("run").comment == b"of a member"
        assert archive.getinfo("run").external_attr >> 16 == 0o100755


def test_an_epoch_before_1980_is_1980() -> None:
    data = make({"a": b"1"})
    assert times(rewritten(ZIP, data, b"f", facts_of(b"f", data, epoch=0))) == {THEN}


def test_jmod_keeps_its_header() -> None:
    first = b"JM\x01\0" + make({"classes/b": b"1", "classes/a": b"2"})
    second = b"JM\x01\0" + make({"classes/a": b"2", "classes/b": b"1"}, EVENING)
    assert matches(JMOD, b"m.jmod", first)
    assert agree(JMOD, (first, second), "m.jmod", "jmod").startswith(b"JM\x01\0PK")


def test_old_kinds_of_extra_fields() -> None:
    def with_extra(clock: int, owner: int, size: int) -> bytes:
        buffer = io.BytesIO()
        ntfs = struct.pack("<HHIHH3Q", 0x000A, 32, 0, 1, 24, clock, clock, clock)
        unix = struct.pack("<HHIIHH", 0x5855, 12, clock, clock, owner, owner)
        owners = struct.pack("<HHBBIBI", 0x7875, 11, 1, 4, owner, 4, owner)
        old_owners = struct.pack("<HHHH", 0x7855, 4, owner, owner)
        kept = struct.pack("<HH4s", 0x4242, 4, b"kept")
        with zipfile.ZipFile(buffer, "w") as archive:
            info = zipfile.ZipInfo("a", MORNING)
            info.extra = ntfs + unix + owners + old_owners + kept
            archive.writestr(info, b"x" * size)
        return buffer.getvalue()

    result = rewritten(ZIP, with_extra(1_732_541_407, 1000, 5))
    assert result == rewritten(ZIP, with_extra(1_732_599_999, 33, 5))
    assert b"kept" in result
    assert read(result) == {"a": b"x" * 5}


def test_empty_archive_and_rubbish() -> None:
    for data in (make({}), b"PK\x03\x04", b"PK\x03\x04" + bytes(100), make({"a": b"1"})[:-3]):
        assert rewritten(ZIP, data) == data
