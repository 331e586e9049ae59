"""Scripts: what their first line asks the kernel to start (execve(2), "Interpreter scripts")."""

from __future__ import annotations

import posixpath

from samebit.executables.inspect import Context
from samebit.executables.source import Source
from samebit.executables.traces import text
from samebit.model.executable import Executable

NAME = "script"
MAGICS = (b"#!",)

# BINPRM_BUF_SIZE: Linux reads no further.
_MAX_LINE = 255
_LANGUAGES = {
    "python": "python", "ruby": "ruby", "perl": "perl", "node": "node", "php": "php",
    "Rscript": "r",
}  # fmt: skip


def recognise(head: bytes, path: bytes) -> bool:
    """Only an absolute path is an interpreter; `#![` starts a Rust source file."""
    del path
    return head[2:].lstrip(b" \t").startswith(b"/")


def inspect(source: Source, context: Context) -> Executable:
    """Read the first line; what follows it is data."""
    del context
    line = source.read(0, min(_MAX_LINE, source.size))[2:].split(b"\n", 1)[0]
    words = line.split()
    commands = [words[0]]
    if posixpath.basename(words[0]) == b"env":
        command = _started_by_env(words[1:])
        if command:
            commands.append(command)
    name = posixpath.basename(commands[-1]).decode("ascii", "replace")
    language = next(
        (known for prefix, known in _LANGUAGES.items() if name.startswith(prefix)), None
    )
    return Executable(
        NAME,
        "script",
        language=language,
        commands=tuple(commands),
        details=(("interpreter", text(line.strip())),),
    )


def _started_by_env(words: list[bytes]) -> bytes | None:
    """Give the command among env's arguments: `-S`, its options and assignments come before."""
    for word in words:
        if word.startswith(b"-S") and len(word) > 2:
            word = word[2:]  # noqa: PLW2901 - `-Spython3`
        if not word.startswith(b"-") and b"=" not in word:
            return word
    return None
