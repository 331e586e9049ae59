"""Static libraries: Unix archives and the objects in them (ar(5), System V and BSD names)."""

from __future__ import annotations

from samebit.executables.formats import elf
from samebit.executables.inspect import Context
from samebit.executables.source import WINDOW, FormatError, MemorySource, PartSource, Source
from samebit.executables.traces import OWNER, Traces, text
from samebit.model.executable import Executable, Trace

NAME = "static-library"
MAGICS = (b"!<arch>\n", b"!<thin>\n")

_MAX_MEMBERS = 200_000
_MAX_NAMES = 16 << 20
_INDEXES = (b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED")


def recognise(head: bytes, path: bytes) -> bool:
    """Debian packages are archives too, of other things."""
    return not head[8:].startswith(b"debian-binary") and not path.endswith(b".deb")


def inspect(source: Source, context: Context) -> Executable:
    """Read every member's header and, in archives that hold them, the objects."""
    traces = Traces(context.epoch)
    archive = _Archive(source, context, traces)
    with traces.reading("members"):
        archive.read()
    return Executable(
        NAME,
        "static library",
        architecture=" ".join(sorted(archive.architectures)),
        language=archive.language,
        toolchain=tuple(archive.toolchain),
        debug=archive.debug,
        details=(("members", str(archive.members)),),
        traces=(*traces.all(), *archive.inner),
    )


class _Archive:
    def __init__(self, source: Source, context: Context, traces: Traces) -> None:
        self._source = source
        self._context = context
        self._traces = traces
        self._thin = source.read(0, 8) == MAGICS[1]
        self._names = b""
        self._inner: dict[tuple[str, str], Trace] = {}
        self._more = 0
        self.members = 0
        self.architectures: set[str] = set()
        self.toolchain: dict[str, None] = {}
        self.language: str | None = None
        self.debug = False

    @property
    def inner(self) -> tuple[Trace, ...]:
        """What the objects hold; the same finding with the same value is told once."""
        return tuple(self._inner.values())

    def read(self) -> None:
        offset = 8
        while offset < self._source.size:
            header = self._source.read(offset, 60)
            if header[58:60] != b"`\n":
                raise FormatError(f"there is no member at byte {offset}")
            raw = header[:16].rstrip(b" ")
            size = _number(header[48:58], 10)
            start = offset + 60
            special = raw in (*_INDEXES, b"//")
            held = 0 if self._thin and not special else size
            part = PartSource(self._source, start, held)
            if raw == b"//":
                if size > _MAX_NAMES:
                    raise FormatError("its names are too long")
                self._names = part.read(0, size)
            else:
                self._member(raw, header, part)
            offset = start + held + (held & 1)

    def _member(self, raw: bytes, header: bytes, part: PartSource) -> None:
        name, skipped = self._name(raw, part)
        what = text(name)
        seconds = _number(header[16:28], 10)
        if seconds:
            self._traces.add_time(seconds, f"member {what}")
        uid, gid = _number(header[28:34], 10), _number(header[34:40], 10)
        if uid or gid:
            self._traces.add(OWNER, f"{uid}:{gid}", f"member {what}")
        if raw in _INDEXES or name in _INDEXES:
            return
        self.members += 1
        if self.members > _MAX_MEMBERS:
            raise FormatError("it has too many members")
        if part.size - skipped < 16 or part.read(skipped, 4) != elf.MAGICS[0]:
            return
        size = part.size - skipped
        body: Source = PartSource(part, skipped, size)
        if size <= WINDOW:
            body = MemorySource(part.read(skipped, size))
        try:
            self._object(elf.inspect(body, self._context), what)
        except FormatError as error:
            self._traces.unreadable(f"member {what}", error)

    def _object(self, found: Executable, what: str) -> None:
        self.architectures.add(found.architecture)
        self.language = self.language or found.language
        self.debug = self.debug or found.debug
        for line in found.toolchain:
            if len(self.toolchain) < 50:
                self.toolchain.setdefault(line)
        for trace in found.traces:
            # Sizes differ from object to object; that each has some is one fact.
            key = (trace.finding, "" if trace.finding == "debug-info" else trace.value)
            if key not in self._inner and len(self._inner) < 200:
                self._inner[key] = Trace(
                    trace.finding, trace.value, f"member {what}: {trace.place}".rstrip(": ")
                )

    def _name(self, raw: bytes, part: PartSource) -> tuple[bytes, int]:
        if raw.startswith(b"#1/"):
            length = _number(raw[3:], 10)
            return part.read(0, length).rstrip(b"\0"), length
        if raw.startswith(b"/") and raw[1:].isdigit():
            at = int(raw[1:])
            return self._names[at : at + 4096].split(b"\n", 1)[0].rstrip(b"/"), 0
        return raw if raw in _INDEXES else raw.removesuffix(b"/"), 0


def _number(field: bytes, base: int) -> int:
    digits = field.strip()
    if not digits:
        return 0
    if not digits.isdigit():
        raise FormatError("a number in a member's header is none")
    return int(digits, base)
