"""The syntax tree of a Dockerfile: what the parser produces and everything else reads.

The tree is lossless: `Dockerfile.text` is the source, and the pieces (`Dockerfile.pieces`) cover it
without gaps, so joining their texts gives the source back byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from samebit.errors import Place


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets in the source, with 1-based line and column."""

    start: int
    end: int
    line: int
    column: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document of RUN, COPY or ADD (Dockerfile reference, "Here-Documents").

    `content` is the body with `<<-` tab stripping already done; `expand` is False when the
    delimiter was quoted, so variables stay as written. `raw` is the body as it stands in the source
    including the terminator line.
    """

    name: str
    content: str
    expand: bool
    strip_tabs: bool
    raw: str
    span: Span


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before the arguments; `value` is None for a bare `--name`. Unexpanded."""

    name: str
    value: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, unexpanded.

    `keyword` is upper case. `source` is the exact text including continuations, embedded comments
    and heredocs. `arguments` is what follows keyword and flags with continuations joined and
    embedded comments removed (heredoc markers such as `<<EOF` remain in it, bodies do not).
    `exec_form` is the parsed JSON array when the arguments are one, else None. `words` are the
    shell-like words for the instructions that split on white space (quotes kept, unexpanded); for
    ENV, LABEL and ARG use `pairs`: (key, value) with quotes kept, value None when ARG has none.
    `trigger` is the nested instruction of ONBUILD. `ordinal` counts the instructions of its stage
    from 0 = the FROM itself; instructions before the first FROM have stage -1.
    """

    keyword: str
    source: str
    arguments: str
    span: Span
    flags: tuple[Flag, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    exec_form: tuple[str, ...] | None = None
    words: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str | None], ...] = ()
    trigger: Instruction | None = None
    stage: int = -1
    ordinal: int = 0

    def flag(self, name: str) -> Flag | None:
        """Return the last flag of that name, or None."""
        return next((f for f in reversed(self.flags) if f.name == name), None)

    def flag_values(self, name: str) -> tuple[str, ...]:
        """All values of a repeatable flag, in order; a bare flag gives an empty string."""
        return tuple(f.value or "" for f in self.flags if f.name == name)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of source text: an instruction, or the comments, directives and blanks between."""

    text: str
    instruction: Instruction | None = None


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed Dockerfile. `path` is how the user named it, for messages."""

    path: str
    text: str
    escape: str
    syntax: str | None
    pieces: tuple[Piece, ...]
    instructions: tuple[Instruction, ...]

    def place(self, span: Span) -> Place:
        """Where `span` starts, for an error or a finding."""
        return Place(self.path, span.line, span.column)
