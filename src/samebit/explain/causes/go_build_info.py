"""What the Go linker writes of the build: the commit, the settings, the toolchain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.executables import go_build_info
from samebit.executables.elf_file import ElfFile
from samebit.executables.source import FormatError
from samebit.explain.protocol import Detector, Found, Kind, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_REFERENCE = "https://pkg.go.dev/runtime/debug#BuildSetting"
_STAMP = Cause(
    name="go/vcs-stamp",
    confidence=Confidence.CERTAIN,
    what="the Go program is stamped with the commit, its time, or whether the checkout was clean",
    fix="build with go build -buildvcs=false, or ENV GOFLAGS=-buildvcs=false; or list .git in"
    " .dockerignore",
    reference=_REFERENCE,
    axis="path",
)
_SETTINGS = Cause(
    name="go/build-settings",
    confidence=Confidence.CERTAIN,
    what="the Go program was built with other settings, modules or another toolchain",
    fix="set what differs in the Dockerfile (GOFLAGS, CGO_ENABLED, GOAMD64, -ldflags) and build"
    " with -trimpath",
    reference=_REFERENCE,
    axis="environment",
)
_SECTIONS = frozenset({b".go.buildinfo", b".note.go.buildid", b".data", b".rodata", b".gopclntab"})
_VCS = b"build\tvcs"
_MOST_EVIDENCE = 5


def _detect(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    sides = [_lines(elf) for elf in pair.elves]
    if None in sides or sides[0] == sides[1]:
        return
    a, b = (dict.fromkeys(side or ()) for side in sides)
    only = [[line for line in a if line not in b], [line for line in b if line not in a]]
    for cause, wanted in ((_STAMP, True), (_SETTINGS, False)):
        left, right = (
            {_key(line): line for line in side if _is_stamp(line) is wanted} for side in only
        )
        evidence = tuple(
            Evidence(None, None, shown(left.get(key, b"")), shown(right.get(key, b"")))
            for key in [*left, *(key for key in right if key not in left)]
        )
        if evidence:
            found = replace(cause, evidence=evidence[:_MOST_EVIDENCE], places=len(evidence))
            yield Found(found, sections=_SECTIONS)


def _is_stamp(line: bytes) -> bool:
    # The main module's version is made of the commit where it has no tag (Go 1.24).
    return line.startswith((_VCS, b"mod\t"))


def _key(line: bytes) -> bytes:
    if line.startswith(b"build\t"):
        return line.partition(b"=")[0]
    return b"\t".join(line.split(b"\t")[:2])


def _lines(elf: ElfFile) -> list[bytes] | None:
    section = elf.section(b".go.buildinfo")
    if section is None:
        return None
    try:
        info = go_build_info.read_build_info(
            elf.source, section.offset, section.size, elf.offset_of
        )
    except FormatError:
        return None
    if info is None:
        return None
    return [b"go\t" + info.version, *filter(None, info.module.split(b"\n"))]


DETECTOR = Detector("go/build-info", _detect, of=Kind.ELF)
