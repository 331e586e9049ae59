"""What compilers and linkers write into programs beside the program: build IDs, DWARF, symbols."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from samebit.executables.dwarf import Unit, read_units
from samebit.executables.elf_dynamic import read_notes
from samebit.executables.elf_file import SHT_SYMTAB, ElfFile
from samebit.executables.source import FormatError, c_string
from samebit.explain.elf_files import content_of, is_computed, paired_sections, section_bytes
from samebit.explain.protocol import Detector, Found, Kind, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_BUILD_ID = Cause(
    name="elf/build-id",
    confidence=Confidence.CERTAIN,
    what="the program's build ID differs and nothing else: it is random, or a hash of parts that"
    " were stripped afterwards",
    fix="link with -Wl,--build-id=none or --build-id=sha1 (never uuid), or build with --strip",
    reference="https://sourceware.org/binutils/docs/ld/Options.html",
)
_DEBUG = Cause(
    name="elf/debug-paths",
    confidence=Confidence.CERTAIN,
    what="the debug information names the directory or the files that it was compiled from",
    fix="compile in a fixed directory (WORKDIR), or map it away: gcc -ffile-prefix-map=$PWD=.,"
    " rustc --remap-path-prefix, go build -trimpath; or build with --strip",
    reference="https://reproducible-builds.org/docs/build-path/",
    axis="path",
)
_PRODUCER = Cause(
    name="elf/producer",
    confidence=Confidence.CERTAIN,
    what="another compiler, another version of it, or other options made the program",
    fix="pin the compiler's version in the Dockerfile; the lock pins what it downloads",
    reference="https://reproducible-builds.org/docs/perimeter/",
)
_LTO = Cause(
    name="elf/lto-seed",
    confidence=Confidence.CERTAIN,
    what="sections or symbols are named after a random number that the compiler chose (link-time"
    " optimisation, or unnamed namespaces of C++)",
    fix="compile with -frandom-seed= and the file's name, as in CFLAGS += -frandom-seed=$@",
    reference="https://gcc.gnu.org/onlinedocs/gcc/Developer-Options.html",
)
_ORDER = Cause(
    name="elf/order",
    confidence=Confidence.LIKELY,
    what="the program holds the same symbols in another order: its objects were linked in the order"
    " of a directory, or were compiled side by side",
    fix="sort the list of objects that is linked: $(sort $(wildcard *.o)), sorted(glob(…))",
    reference="https://reproducible-builds.org/docs/stable-inputs/",
    axis="directory-order",
)
_MOST_EVIDENCE = 5
_MOST_UNITS = 5000
_MOST_SYMBOLS = 500_000
_RANDOM_PART = re.compile(rb"[0-9a-f]{8,16}\b|[0-9A-F]{8,16}\b|\d{8,}")


def _build_ids(elf: ElfFile) -> bytes:
    try:
        return b"".join(
            note.content for note in read_notes(elf) if (note.owner, note.kind) == (b"GNU", 3)
        )
    except FormatError:
        return b""


def _detect_build_id(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    a, b = map(_build_ids, pair.elves)
    if not a or not b or a == b:
        return
    differing = {
        name
        for name, one, other in paired_sections(*pair.elves)
        if one is None
        or other is None
        or content_of(pair.elves[0], one) != content_of(pair.elves[1], other)
    }
    # Elsewhere it follows from the other differences and is no cause.
    if differing == {b".note.gnu.build-id"}:
        evidence = Evidence(None, None, a.hex(), b.hex(), *["GNU build ID"] * 2)
        yield Found(replace(_BUILD_ID, evidence=(evidence,)), sections=frozenset(differing))


def _units(elf: ElfFile) -> list[Unit]:
    try:
        return list(islice(read_units(elf), _MOST_UNITS))
    except FormatError:
        return []


def _detect_debug(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    both = list(zip(*map(_units, pair.elves), strict=False))
    differing: dict[tuple[bytes, bytes], str] = {}
    for one, other in both:
        for what, left, right in (
            ("DW_AT_comp_dir", one.directory, other.directory),
            ("DW_AT_name", one.name, other.name),
        ):
            if left != right:
                differing.setdefault((left, right), what)
    evidence = tuple(
        Evidence(None, None, shown(left), shown(right), f"{what} of a unit", f"{what} of a unit")
        for (left, right), what in islice(differing.items(), _MOST_EVIDENCE)
    )
    if evidence:
        claimed = frozenset({b".debug_str", b".debug_line", b".debug_line_str", b".debug_info"})
        yield Found(replace(_DEBUG, evidence=evidence, places=len(differing)), sections=claimed)


def _detect_producer(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    comments = [section_bytes(elf, b".comment") for elf in pair.elves]
    found = [set(comment.split(b"\0")) - {b""} for comment in comments]
    for side, elf in zip(found, pair.elves, strict=True):
        side |= {unit.producer for unit in _units(elf) if unit.producer}
    only = [sorted(found[0] - found[1]), sorted(found[1] - found[0])]
    if any(only):
        a, b = (shown(b"; ".join(side)) for side in only)
        evidence = Evidence(None, None, a, b, *("only here" if side else "" for side in only))
        yield Found(
            replace(_PRODUCER, evidence=(evidence,)),
            sections=frozenset({b".comment", b".debug_str"}),
        )


def _symbols(elf: ElfFile) -> list[bytes]:
    """Give the names of the symbols in the order of the table; none when it is damaged."""
    table = next((section for section in elf.sections if section.kind == SHT_SYMTAB), None)
    if table is None or not 0 < table.link < len(elf.sections):
        return []
    entries, names = content_of(elf, table), content_of(elf, elf.sections[table.link])
    if entries is None or names is None:
        return []
    size = 24 if elf.wide else 16
    order = "little" if elf.order == "<" else "big"
    found = []
    for at in range(0, min(len(entries), _MOST_SYMBOLS * size) - size + 1, size):
        start = int.from_bytes(entries[at : at + 4], order)  # type: ignore[arg-type]
        try:
            found.append(c_string(names, start))
        except FormatError:
            return []
    return found


def _sections(elf: ElfFile) -> list[bytes]:
    return [section.name for section in elf.sections]


def _detect_lto(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    for what, names_of in (("section", _sections), ("symbol", _symbols)):
        pairs = _random_pairs(names_of, pair.elves)
        evidence = tuple(
            Evidence(None, None, shown(one), shown(other), what, what)
            for one, other in pairs[:_MOST_EVIDENCE]
        )
        if evidence:
            claimed = {name for both in pairs for name in both}
            yield Found(
                replace(_LTO, evidence=evidence, places=len(pairs)),
                sections=frozenset(claimed | {b".strtab", b".shstrtab", b".symtab"}),
            )
            return


def _random_pairs(
    names_of: Callable[[ElfFile], list[bytes]], elves: tuple[ElfFile, ElfFile]
) -> list[tuple[bytes, bytes]]:
    """Give names that only one side has and that differ in nothing but a random number."""
    a, b = map(names_of, elves)
    only_a, only_b = Counter(a) - Counter(b), Counter(b) - Counter(a)
    others: dict[bytes, list[bytes]] = {}
    for name in sorted(only_b):
        others.setdefault(_RANDOM_PART.sub(b"#", name), []).append(name)
    found = []
    for name in sorted(only_a):
        masked = _RANDOM_PART.sub(b"#", name)
        rest = others.get(masked)
        if masked != name and rest:
            found.append((name, rest.pop(0)))
    return found


def _detect_order(pair: Pair) -> Iterator[Found]:
    if pair.elves is None:
        return
    a, b = map(_symbols, pair.elves)
    if a == b or Counter(a) != Counter(b):
        return
    number = next(n for n, both in enumerate(zip(a, b, strict=True)) if both[0] != both[1])
    place = f"symbol {number}"
    evidence = Evidence(None, None, shown(a[number]), shown(b[number]), place, place)
    # The order of everything: code, data, debug information.
    names = frozenset(name for name, _, _ in paired_sections(*pair.elves))
    moved = frozenset(
        name
        for name in names
        if is_computed(name) or name.startswith((b".data", b".rodata", b".bss", b".debug"))
    )
    yield Found(replace(_ORDER, evidence=(evidence,)), sections=moved)


BUILD_ID = Detector(_BUILD_ID.name, _detect_build_id, of=Kind.ELF)
DEBUG = Detector(_DEBUG.name, _detect_debug, of=Kind.ELF)
PRODUCER = Detector(_PRODUCER.name, _detect_producer, of=Kind.ELF)
LTO = Detector(_LTO.name, _detect_lto, of=Kind.ELF)
ORDER = Detector(_ORDER.name, _detect_order, of=Kind.ELF)
