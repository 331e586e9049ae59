"""Jars and their like: times of the entries, the manifest, the classes (JAR File Specification)."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.executables.class_file import FIRST_MAJOR, MAGIC, java_release, read_class
from samebit.executables.inspect import Context
from samebit.executables.source import FormatError, MemorySource, Source
from samebit.executables.text_scan import TextScan
from samebit.executables.traces import DEBUG_INFO, MALFORMED, TIMESTAMP, Traces, shown_time, text
from samebit.executables.zip_file import ZipEntry, read_directory, read_member
from samebit.model.executable import Executable, Trace

NAME = "jar"
MAGICS = (b"PK\x03\x04",)

_ENDINGS = (b".jar", b".war", b".ear", b".hpi", b".jpi", b".sar", b".rar")
_MANIFEST = b"META-INF/MANIFEST.MF"
_TOOLS = ("Created-By", "Build-Jdk", "Build-Jdk-Spec", "Build-Tool")
_MAX_MANIFEST = 1 << 20
_MAX_CLASS = 8 << 20
_MAX_NESTED = 64 << 20
# Classes alike are one fact, and a jar that unpacks to terabytes must not take forever.
_MAX_UNPACKED = 512 << 20
_MAX_DEPTH = 3


def recognise(head: bytes, path: bytes) -> bool:
    """Take what is named like one, or begins as the jar tool begins."""
    return path.lower().endswith(_ENDINGS) or head[30:].startswith(b"META-INF/")


def inspect(source: Source, context: Context) -> Executable:
    """Read the directory, the manifest and the classes. Raises FormatError."""
    return _Jar(source, context).executable()


class _Jar:
    def __init__(self, source: Source, context: Context) -> None:
        self._source = source
        self._context = context
        self._traces = Traces(context.epoch)
        self._scan = TextScan(self._traces, context.rules)
        self._toolchain: dict[str, None] = {}
        self._details: list[tuple[str, str]] = []
        self._versions: set[int] = set()
        self._debug: dict[str, None] = {}
        self._classes = 0
        self._unpacked = 0
        self._inner: list[Trace] = []

    def executable(self) -> Executable:
        times: set[int] = set()
        for entry in read_directory(self._source):
            times.update(seconds for _, seconds in entry.times)
            try:
                self._entry(entry)
            except FormatError as error:
                self._traces.unreadable(f"entry {text(entry.name)}", error)
        self._times(times)
        if self._debug:
            self._traces.add(DEBUG_INFO, ", ".join(sorted(self._debug)), "classes")
        self._toolchain |= {java_release(major): None for major in sorted(self._versions)}
        return Executable(
            NAME,
            "classes",
            language="java",
            toolchain=tuple(self._toolchain),
            debug=bool(self._debug),
            details=(("classes", str(self._classes)), *self._details),
            traces=(*self._traces.all(), *self._inner[:100]),
        )

    def _times(self, times: set[int]) -> None:
        """Tell the earliest and the latest time: thousands of entries are one fact."""
        changing = sorted(t for t in times if not self._traces.is_agreed(t, zip_time=True))
        if not changing:
            return
        span = shown_time(changing[0])
        if len(changing) > 1:
            span += f" to {shown_time(changing[-1])}"
        self._traces.add(TIMESTAMP, span, "times of entries")

    def _entry(self, entry: ZipEntry) -> None:
        if entry.name == _MANIFEST:
            self._manifest(read_member(self._source, entry, _MAX_MANIFEST))
        elif entry.name.endswith(b".class"):
            self._class(entry)
        elif entry.name.lower().endswith(b".jar"):
            self._nested(entry)
        elif entry.name.endswith(b"/pom.properties"):
            self._properties(entry)

    def _manifest(self, content: bytes) -> None:
        for name, value in _attributes(content):
            line = name + b": " + value
            shown = text(name)
            if shown in _TOOLS:
                self._toolchain.setdefault(text(line))
            for rule in self._context.rules.manifest:
                if rule.pattern.search(line):
                    self._traces.add(rule.finding, line, "manifest")
            self._scan.words([value], "manifest")

    def _properties(self, entry: ZipEntry) -> None:
        """Find the date that java.util.Properties.store writes as its second comment."""
        content = read_member(self._source, entry, 4096)
        for line in content.split(b"\n")[:3]:
            words = line.strip().split(b" ")
            if line.startswith(b"#") and len(words) == 6 and words[5].isdigit():
                self._traces.add(TIMESTAMP, line[1:].strip(), text(entry.name))

    def _class(self, entry: ZipEntry) -> None:
        self._classes += 1
        whole = len(self._debug) < 2 and self._unpacked + entry.size <= _MAX_UNPACKED
        data = read_member(self._source, entry, _MAX_CLASS if whole else 8)
        if data[:4] != MAGIC or len(data) < 8:
            raise FormatError("it is no class file")
        self._versions.add(max(int.from_bytes(data[6:8], "big"), FIRST_MAJOR))
        if whole:
            self._unpacked += len(data)
            self._debug |= dict.fromkeys(read_class(data).debug)

    def _nested(self, entry: ZipEntry) -> None:
        if self._context.depth >= _MAX_DEPTH or entry.size > _MAX_NESTED:
            self._traces.add(
                MALFORMED, "nested too deeply or too large to be read", text(entry.name)
            )
            return
        self._unpacked += entry.size
        if self._unpacked > _MAX_UNPACKED:
            self._traces.add(MALFORMED, "unpacks to more than is read", text(entry.name))
            return
        data = read_member(self._source, entry, _MAX_NESTED)
        context = Context(
            entry.name, self._context.rules, self._context.epoch, self._context.depth + 1
        )
        found = _Jar(MemorySource(data), context).executable()
        self._toolchain |= dict.fromkeys(found.toolchain)
        if found.debug:
            self._debug.setdefault("LineNumberTable")
        name = text(entry.name)
        self._inner += [
            Trace(trace.finding, trace.value, f"{name}: {trace.place}") for trace in found.traces
        ]


def _attributes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the manifest's attributes; a line that starts with a blank goes on with the last."""
    text_lines: list[bytes] = []
    for line in content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line.startswith(b" ") and text_lines:
            text_lines[-1] += line[1:]
        else:
            text_lines.append(line)
    for line in text_lines:
        name, colon, value = line.partition(b": ")
        if colon:
            yield name, value
