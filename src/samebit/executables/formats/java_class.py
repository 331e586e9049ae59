"""JVM classes."""

from __future__ import annotations

from samebit.executables.class_file import FIRST_MAJOR, MAGIC, java_release, read_class
from samebit.executables.inspect import Context
from samebit.executables.source import FormatError, Source
from samebit.executables.traces import DEBUG_INFO, Traces, text
from samebit.model.executable import Executable

NAME = "java-class"
MAGICS = (MAGIC,)

_MAX_CLASS = 32 << 20


def recognise(head: bytes, path: bytes) -> bool:
    """Tell it from a fat Mach-O file, which has the same magic and less than 45 parts."""
    del path
    return int.from_bytes(head[6:8], "big") >= FIRST_MAJOR


def inspect(source: Source, context: Context) -> Executable:
    """Read a class. Raises FormatError."""
    if source.size > _MAX_CLASS:
        raise FormatError("it is too long for a class")
    found = read_class(source.read(0, source.size))
    traces = Traces(context.epoch)
    if found.debug:
        traces.add(DEBUG_INFO, ", ".join(found.debug), "Code")
    return Executable(
        NAME,
        "classes",
        language="java",
        toolchain=(java_release(found.major),),
        debug=bool(found.debug),
        details=(("SourceFile", text(found.source)),) if found.source else (),
        traces=traces.all(),
    )
