"""What a RUN executes: JSON form, shell form, and the three ways a heredoc can be meant.

Dockerfile reference, "RUN" and "Here-Documents".
"""

from __future__ import annotations

from dataclasses import dataclass

from samebit.dockerfile.heredoc import marker
from samebit.dockerfile.syntax import Heredoc, Instruction

# Where a heredoc that begins with #! is found while its RUN runs, as under docker build.
_SCRIPTS = "/dev/pipes"


@dataclass(frozen=True, slots=True)
class Script:
    """A heredoc that is a program of its own: a file of mode 0755, present only during the RUN."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Command:
    """The argument vector of a RUN, and the file it needs, if any."""

    arguments: tuple[str, ...]
    script: Script | None = None


def command(instruction: Instruction, shell: tuple[str, ...]) -> Command:
    """Give what a parsed RUN executes under `shell`."""
    if instruction.exec_form is not None:
        return Command(instruction.exec_form)
    text = instruction.arguments
    docs = instruction.heredocs
    if docs and marker(text):
        # The heredoc is the whole command: its lines are the script.
        content = docs[0].content
        if content.startswith("#!"):
            path = f"{_SCRIPTS}/{docs[0].name}"
            return Command((path,), Script(path, content))
        return Command((*shell, content))
    # Other heredocs are the shell's own business: it gets them as they were written.
    return Command((*shell, rejoined(text, docs)))


def rejoined(text: str, docs: tuple[Heredoc, ...]) -> str:
    """Give the text of a shell command followed by the bodies of its heredocs."""
    return "".join([text, *(f"\n{body(doc)}{doc.name}" for doc in docs)])


def body(doc: Heredoc) -> str:
    """Give the body of a heredoc as it stands in the source, tabs kept, terminator left out."""
    lines = doc.raw.removesuffix("\n")
    return lines[: lines.rfind("\n") + 1]
