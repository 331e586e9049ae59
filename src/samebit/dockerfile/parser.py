"""The Dockerfile parser: text in, lossless syntax tree out (Dockerfile reference, "Format").

Joining the texts of the pieces gives the source back. What docker build refuses is refused here,
with the place and what was expected; nothing is expanded.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from samebit.dockerfile import arguments, grammar, heredoc, words
from samebit.dockerfile.arguments import Arguments, Scope
from samebit.dockerfile.directives import Directives
from samebit.dockerfile.healthcheck import HealthcheckError, healthcheck
from samebit.dockerfile.mounts import MountError, parse_mount
from samebit.dockerfile.source import (
    BLANKS,
    SPACES,
    Line,
    LogicalLine,
    Source,
    decode,
    is_comment,
    join,
)
from samebit.dockerfile.syntax import Dockerfile, Flag, Heredoc, Instruction, Piece, Span
from samebit.errors import DockerfileError, Place

__all__ = ["decode", "parse", "parse_trigger"]

# No image can have so many layers, and what is computed grows with instructions and variables.
_MAX_INSTRUCTIONS = 5_000
_FORBIDDEN_TRIGGERS = ("FROM", "MAINTAINER", "ONBUILD")


def parse(text: str, path: str) -> Dockerfile:
    """Parse a whole Dockerfile; `path` is how the user named it.

    Raises DockerfileError, with line and column, for everything that is no valid Dockerfile.
    """
    source = Source(text, path)
    directives = Directives()
    lines = source.lines()
    pieces: list[Piece] = []
    done = 0
    stage, ordinal, count = -1, 0, 0
    for line in lines:
        directives.read(source, line)
        body = text[line.start : line.end]
        if not body.strip(SPACES) or is_comment(body):
            continue
        begin = text.rfind("\n", 0, line.start) + 1
        if begin > done:
            pieces.append(Piece(text[done:begin]))
        instruction, done = _read(source, line, lines, directives.escape)
        if instruction.keyword == "FROM":
            stage, ordinal = stage + 1, 0
        elif stage < 0 and instruction.keyword != "ARG":
            raise DockerfileError(
                f"expected FROM before {instruction.keyword}: only ARG may stand before it",
                where=source.place(instruction.span.start),
                fix="begin the build with FROM IMAGE or FROM scratch",
            )
        instruction = dataclasses.replace(instruction, stage=stage, ordinal=ordinal)
        ordinal += 1
        count += 1
        if count > _MAX_INSTRUCTIONS:
            raise DockerfileError(
                f"more than {_MAX_INSTRUCTIONS} instructions",
                where=source.place(instruction.span.start),
                fix="split the build into several images",
            )
        pieces.append(Piece(text[begin:done], instruction))
    if done < len(text):
        pieces.append(Piece(text[done:]))
    if stage < 0:
        raise DockerfileError(
            "no FROM: expected at least one build stage",
            where=source.place(len(text.rstrip("\r\n"))),
            fix="begin the build with FROM IMAGE or FROM scratch",
        )
    return Dockerfile(
        path=path,
        text=text,
        escape=directives.escape,
        syntax=directives.syntax,
        pieces=tuple(pieces),
        instructions=tuple(piece.instruction for piece in pieces if piece.instruction),
    )


def parse_trigger(text: str, where: Place, span: Span) -> Instruction:
    """Parse one ONBUILD trigger of a base image, as its config holds it.

    The result has the span of the FROM that triggers it; errors are raised at `where`, the place of
    that FROM. Raises DockerfileError.
    """
    try:
        instruction = _only(Source(text, where.path))
    except DockerfileError as error:
        raise DockerfileError(
            f"the base image's ONBUILD trigger {text[:100]!r} cannot be used: {error.what}",
            where=where,
            fix="the base image must be corrected; its config holds this trigger",
        ) from None
    return dataclasses.replace(instruction, span=span)


def _only(source: Source) -> Instruction:
    found: Instruction | None = None
    lines = source.lines()
    for line in lines:
        body = source.text[line.start : line.end]
        if not body.strip(SPACES) or is_comment(body):
            continue
        if found is not None:
            raise DockerfileError("expected one instruction only")
        found, _ = _read(source, line, lines, "\\")
    if found is None:
        raise DockerfileError("expected an instruction")
    if found.keyword in _FORBIDDEN_TRIGGERS:
        raise DockerfileError(f"{found.keyword} is not allowed as an ONBUILD trigger")
    return found


def _read(
    source: Source, first: Line, lines: Iterator[Line], escape: str
) -> tuple[Instruction, int]:
    """Read the instruction that begins at `first`; give it and the offset after its last line."""
    line = join(source, first, lines, escape)
    instruction = _instruction(line, 0, escape)
    carrier = instruction.trigger or instruction
    end, after = line.end, line.next
    if carrier.keyword in grammar.HEREDOC and carrier.exec_form is None:
        wanted = heredoc.markers(line.text)
        if carrier.keyword != "RUN":
            _check_sources(line, carrier, wanted)
        bodies, last = heredoc.read(line, wanted, lines)
        if last is not None:
            end, after = last.end, last.next
            carrier = _close(source, carrier, end, heredocs=bodies)
            if instruction.trigger:
                instruction = dataclasses.replace(instruction, heredocs=bodies, trigger=carrier)
            else:
                instruction = carrier
    if instruction.trigger:
        trigger = _close(source, instruction.trigger, end, heredocs=instruction.heredocs)
        instruction = dataclasses.replace(instruction, trigger=trigger)
    return _close(source, instruction, end, heredocs=instruction.heredocs), after


def _check_sources(line: LogicalLine, copy: Instruction, wanted: list[heredoc.Marker]) -> None:
    """Refuse a heredoc that is only half one: the line shows it, but no source is it."""
    if [found for word in copy.words if (found := heredoc.marker(word))] != wanted:
        raise DockerfileError(
            f"{copy.keyword}: expected every heredoc as a word of its own, such as <<EOF",
            where=line.place(line.text.index("<<")),
            fix="write the name directly after <<, and close every quote on the line",
        )


def _close(
    source: Source, instruction: Instruction, end: int, heredocs: tuple[Heredoc, ...]
) -> Instruction:
    start = instruction.span.start
    return dataclasses.replace(
        instruction,
        source=source.text[start:end],
        span=source.span(start, end),
        heredocs=heredocs,
    )


def _instruction(line: LogicalLine, start: int, escape: str) -> Instruction:
    """Read keyword, flags and arguments from index `start` of the joined line."""
    text = line.text
    end = len(text.rstrip(SPACES))
    at = start
    while at < end and text[at] in SPACES:
        at += 1
    begin = at
    while at < end and text[at] not in BLANKS:
        at += 1
    name = text[begin:at]
    keyword = name.upper()
    if keyword not in grammar.FLAGS:
        raise _unknown(line, begin, name)
    tokens, at = words.flags(text, at, escape)
    scope = Scope(keyword, line, min(at, end), end, escape)
    trigger: Instruction | None = None
    if keyword == "ONBUILD":
        trigger = _trigger(scope)
        read = Arguments()
    seen: set[str] = set()
    flags = tuple(
        Flag(*arguments.check_flag(scope, token, seen), span=_span(line, token.start, token.end))
        for token in tokens
    )
    if keyword != "ONBUILD":
        read = arguments.read(scope)
    instruction = Instruction(
        keyword=keyword,
        source="",
        # docker writes the blanks that end a trigger's line into the config too.
        arguments=text[scope.start :] if keyword == "ONBUILD" else scope.text,
        span=_span(line, begin, len(text)),
        flags=flags,
        exec_form=read.exec_form,
        words=read.words,
        pairs=read.pairs,
        trigger=trigger,
    )
    _check_values(instruction, line.source)
    return instruction


def _trigger(scope: Scope) -> Instruction:
    if scope.start == scope.end:
        raise scope.error("ONBUILD: expected an instruction after it")
    trigger = _instruction(scope.line, scope.start, scope.escape)
    if trigger.keyword in _FORBIDDEN_TRIGGERS:
        raise scope.error(f"{trigger.keyword} is not allowed as an ONBUILD trigger")
    return trigger


def _unknown(line: LogicalLine, begin: int, name: str) -> DockerfileError:
    if not name:
        return DockerfileError(
            "expected an instruction, found only a line continuation", where=line.place(begin)
        )
    near = grammar.nearest(name.upper(), grammar.FLAGS)
    return DockerfileError(
        f"unknown instruction {name!r}" + (f", did you mean {near}?" if near else ""),
        where=line.place(begin),
        fix=f"expected one of {', '.join(grammar.FLAGS)}",
    )


def _check_values(instruction: Instruction, source: Source) -> None:
    """Check the flag values that are errors before anything is expanded."""
    for flag in instruction.flags:
        if instruction.keyword == "RUN" and flag.name == "mount":
            try:
                parse_mount(flag.value or "")
            except MountError as error:
                raise DockerfileError(
                    f"RUN: --mount={(flag.value or '')[:200]}: {error}",
                    where=source.place(flag.span.start),
                ) from None
    if instruction.keyword == "HEALTHCHECK":
        try:
            healthcheck(instruction)
        except HealthcheckError as error:
            flag_at = instruction.flag(error.flag)
            start = flag_at.span.start if flag_at else instruction.span.start
            raise DockerfileError(f"HEALTHCHECK: {error}", where=source.place(start)) from None


def _span(line: LogicalLine, start: int, end: int) -> Span:
    first = line.offset(start)
    last = line.offset(end - 1) + 1 if end > start else first
    return line.source.span(first, max(first, last))
