"""Audits of folders, files and images: what counts, what is refused, what is excused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_files import run
from sample_images import Member, write_layout

from samebit.errors import InputError, UsageError
from samebit.model.audit import AuditedFile, AuditReport, Policy
from samebit.model.lightness import Source
from samebit.pipeline.audit import AuditRequest, audit

ELF_HEAD = b"\x7fELF"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small programs: `clean` static one, `loud` one with everything, `dynamic` and its library."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "a.c").write_text("int a(void){return 1;}")
    (folder / "m.c").write_text("int a(void);int main(void){return a();}")
    (folder / "s.c").write_text("int main(void){return 0;}")
    quiet = ("-Wl,--build-id=none", "-s")
    run("gcc", *quiet, "-static", "-o", "clean", "s.c", cwd=folder)
    run("gcc", "-g", "-Wl,--build-id=sha1", "-o", "loud", "s.c", cwd=folder)
    run("gcc", *quiet, "-shared", "-fPIC", "-Wl,-soname,liba.so.1", "-o", "liba", "a.c", cwd=folder)
    run("gcc", *quiet, "-o", "dynamic", "m.c", "./liba", cwd=folder)
    names = ("clean", "loud", "liba", "dynamic")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AuditReport]:
    monkeypatch.chdir(tmp_path)

    def audited(
        target: Path | str, policy: Policy = Policy.REPORT, epoch: int | None = None
    ) -> AuditReport:
        return audit(AuditRequest(str(target), policy, epoch=epoch, store_root=tmp_path / "store"))

    return audited


Audited = Callable[..., AuditReport]


def codes(file: AuditedFile) -> set[str]:
    return {finding.code for finding in file.findings}


def by_path(report: AuditReport) -> dict[str, AuditedFile]:
    return {file.path: file for file in report.files}


def test_file(tmp_path: Path, programs: dict[str, bytes], audited: Audited) -> None:
    (tmp_path / "clean").write_bytes(programs["clean"])
    (tmp_path / "loud").write_bytes(programs["loud"])
    report = audited("clean", Policy.SEALED)
    assert (report.kind, report.violations, len(report.files)) == ("file", 0, 1)
    loud = audited("loud", Policy.DETERMINISTIC).files[0]
    refused = {finding.code for finding in loud.findings if finding.violation}
    assert refused == {"build-id", "build-path"}
    assert codes(loud) == {
        *("build-id", "build-path", "debug-info", "symbols"),
        *("interpreter-missing", "library-missing"),
    }
    sealed = audited("loud", Policy.SEALED)
    assert sealed.violations == len(sealed.files[0].findings)
    assert audited("loud").violations == 0


def test_what_is_no_executable(tmp_path: Path, audited: Audited) -> None:
    (tmp_path / "f").write_text("text")
    assert audited("f", Policy.SEALED).files == ()
    (tmp_path / "empty").write_text("")
    assert audited("empty", Policy.SEALED).files == ()


def test_folder_is_a_root(tmp_path: Path, programs: dict[str, bytes], audited: Audited) -> None:
    root = tmp_path / "root"
    for name in ("bin", "usr/lib", "opt"):
        (root / name).mkdir(parents=True)
    (root / "bin" / "app").write_bytes(programs["clean"])
    (root / "bin" / "again").hardlink_to(root / "bin" / "app")
    (root / "bin" / "link").symlink_to("app")
    (root / "bin" / "run").write_text("#!/bin/app\n")
    (root / "bin" / "run").chmod(0o755)
    (root / "bin" / "text").write_text("#!/bin/none\n")
    (root / "bin" / "text").chmod(0o644)
    (root / "opt" / "broken").write_text("#!/usr/bin/env none\n")
    (root / "opt" / "broken").chmod(0o755)
    report = audited(root, Policy.SEALED)
    files = by_path(report)
    assert set(files) == {"/bin/again", "/bin/run", "/opt/broken"}
    assert files["/bin/again"].links == ("/bin/app",)
    assert codes(files["/bin/run"]) == set()
    assert [finding.value for finding in files["/opt/broken"].findings] == ["/usr/bin/env", "none"]


def members(programs: dict[str, bytes]) -> list[Member]:
    return [
        Member("bin/", mode=0o755),
        Member("bin/dynamic", programs["dynamic"], mode=0o755),
        Member("lib64/", mode=0o755),
        Member("lib64/ld-linux-x86-64.so.2", programs["liba"], mode=0o755),
        Member("lib64/libc.so.6", programs["liba"]),
    ]


def test_image_with_and_without_a_library(
    tmp_path: Path, programs: dict[str, bytes], audited: Audited
) -> None:
    write_layout(tmp_path / "without", [members(programs)])
    report = audited("oci:without", Policy.SEALED)
    file = by_path(report)["/bin/dynamic"]
    assert [(finding.code, finding.value) for finding in file.findings] == [
        ("library-missing", "liba.so.1")
    ]
    assert ("libc.so.6", "/lib64/libc.so.6") in file.libraries
    assert report.digest is not None
    added = [Member("lib64/", mode=0o755), Member("lib64/liba.so.1", programs["liba"])]
    write_layout(tmp_path / "with", [members(programs), added])
    report = audited("oci:with", Policy.SEALED)
    assert by_path(report)["/bin/dynamic"].libraries[0] == ("liba.so.1", "/lib64/liba.so.1")
    # The history names what brought each file.
    assert by_path(report)["/bin/dynamic"].source == Source(0, "layer 0", "", 1)
    assert by_path(report)["/lib64/liba.so.1"].source == Source(1, "layer 1", "", 1)


def test_only_the_final_tree_counts(
    tmp_path: Path, programs: dict[str, bytes], audited: Audited
) -> None:
    first = [Member("bin/", mode=0o755), Member("bin/a", programs["loud"], mode=0o755)]
    first += [Member("bin/b", programs["loud"], mode=0o755)]
    second = [Member("bin/a", programs["clean"], mode=0o755), Member("bin/.wh.b", b"")]
    write_layout(tmp_path / "image", [first, second])
    report = audited("oci:image", Policy.SEALED)
    assert [file.path for file in report.files] == ["/bin/a"]
    assert report.violations == 0


def test_damaged_executable_is_a_finding(
    tmp_path: Path, programs: dict[str, bytes], audited: Audited
) -> None:
    (tmp_path / "cut").write_bytes(programs["loud"][:3000])
    report = audited("cut", Policy.DETERMINISTIC)
    assert "malformed" in codes(report.files[0])
    assert report.violations


CONFIGURATION = """
[[audit.exception]]
path = "/bin/**"
finding = "build-id"
reason = "debuggers find the symbols by it"

[[audit.exception]]
path = "/none"
finding = "*"
reason = "it was there once"
"""


def test_exceptions(tmp_path: Path, programs: dict[str, bytes], audited: Audited) -> None:
    for name in ("bin", "opt"):
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "loud").write_bytes(programs["loud"])
    (tmp_path / "samebit.toml").write_text(CONFIGURATION)
    report = audited("root", Policy.DETERMINISTIC)
    excused = {f.path: [x.code for x in f.findings if x.excused] for f in report.files}
    assert excused == {"/bin/loud": ["build-id"], "/opt/loud": []}
    assert not any(x.violation for x in by_path(report)["/bin/loud"].findings if x.excused)
    assert [item.path for item in report.unused] == ["/none"]
    assert report.unused[0].where == "samebit.toml:7"


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ('path = "/a"\nfinding = "symbols"\n', "reason is missing"),
        ('path = "/a"\nfinding = "symbols"\nreason = " "\n', "needs a reason"),
        ('path = "a"\nfinding = "symbols"\nreason = "r"\n', "no path of the audited tree"),
        ('path = "/a"\nfinding = "Sym bols"\nreason = "r"\n', "not a finding"),
        ('path = "/a"\nfinding = "*"\nreason = "r"\nother = 1\n', "not a known key"),
    ],
)
def test_exceptions_are_read_strictly(
    tmp_path: Path, audited: Audited, lines: str, what: str
) -> None:
    (tmp_path / "samebit.toml").write_text(f"[[audit.exception]]\n{lines}")
    (tmp_path / "f").write_text("x")
    with pytest.raises(UsageError, match=what):
        audited("f")


def test_a_time_that_the_build_agreed_upon(tmp_path: Path, audited: Audited) -> None:
    library = b"!<arch>\n" + f"{'a/':16}{981173106:<12}0     0     100644  0         `\n".encode()
    image = [Member("lib/", mode=0o755), Member("lib/a.a", library)]
    # Every time of that layer is the image's own: a build that agreed on one.
    write_layout(tmp_path / "image", [image])
    (file,) = audited("oci:image", Policy.SEALED).files
    assert codes(file) == set()
    other = [Member("a.a", library.replace(b"981173106", b"981173107"))]
    write_layout(tmp_path / "image", [other])
    (file,) = audited("oci:image", Policy.SEALED).files
    assert codes(file) == {"timestamp"}
    (tmp_path / "a.a").write_bytes(library)
    assert audited("a.a", Policy.SEALED, 981173106).violations == 0
    assert audited("a.a", Policy.SEALED, 981173107).violations == 1


@pytest.mark.parametrize("target", ["./none", "/nowhere/none"])
def test_targets_that_are_not_there(audited: Audited, target: str) -> None:
    with pytest.raises(UsageError, match="no file or folder"):
        audited(target)


def test_layout_without_its_prefix(tmp_path: Path, audited: Audited) -> None:
    write_layout(tmp_path / "image", [[Member("a", b"x")]])
    with pytest.raises(UsageError) as caught:
        audited("image")
    assert caught.value.fix == "write oci:image"


def test_damaged_layer(tmp_path: Path, audited: Audited) -> None:
    write_layout(tmp_path / "image", [[Member("a", b"x" * 100)]], compression="plain")
    for blob in (tmp_path / "image" / "blobs" / "sha256").iterdir():
        data = blob.read_bytes()
        if data.startswith(b"a\0"):
            blob.write_bytes(data.replace(b"x" * 100, b"y" * 100))
    with pytest.raises(InputError):
        audited("oci:image")
