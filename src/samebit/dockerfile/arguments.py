"""What each instruction's arguments must look like, and their split form.

One function a shape of arguments; `parser` calls `read` for every instruction. Rules are those of
the Dockerfile reference; where it is silent, what docker build accepts is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from samebit.dockerfile import grammar, words
from samebit.dockerfile.heredoc import marker
from samebit.dockerfile.source import SPACES, LogicalLine
from samebit.errors import DockerfileError

_STAGE_NAME = re.compile(r"[a-z][a-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The argument fields of an Instruction (see there)."""

    exec_form: tuple[str, ...] | None = None
    words: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The arguments of one instruction: `line.text[start:end]`, blanks around them removed."""

    keyword: str
    line: LogicalLine
    start: int
    end: int
    escape: str

    @property
    def text(self) -> str:
        """The arguments as one string."""
        return self.line.text[self.start : self.end]

    def error(self, what: str, at: int | None = None, fix: str | None = None) -> DockerfileError:
        """Build an error at index `at` of the line, or at the arguments."""
        where = self.line.place(self.start if at is None else at)
        return DockerfileError(what, where=where, fix=fix)


def read(scope: Scope) -> Arguments:
    """Split and check the arguments; raises DockerfileError with the place of what is wrong."""
    return _READERS[scope.keyword](scope)


def _json(scope: Scope, start: int | None = None) -> tuple[str, ...] | None:
    begin = scope.start if start is None else start
    try:
        return words.json_array(scope.line.text[begin : scope.end])
    except words.NotStringsError:
        raise scope.error(
            f"{scope.keyword}: expected only strings in the JSON array",
            begin,
            fix='quote every element, for example ["echo", "1"]',
        ) from None


def _command(scope: Scope) -> Arguments:
    array = _json(scope)
    if scope.keyword == "RUN" and array == ():
        raise scope.error("RUN: expected a command, found an empty JSON array")
    return Arguments(exec_form=array)


def _shell(scope: Scope) -> Arguments:
    array = _json(scope)
    if array is None:
        raise scope.error(
            "SHELL: expected a JSON array",
            fix='write it in JSON form, for example SHELL ["/bin/bash", "-c"]',
        )
    if not array:
        raise scope.error("SHELL: expected at least one argument")
    return Arguments(exec_form=array)


def _list(scope: Scope) -> tuple[tuple[str, ...] | None, list[words.Token]]:
    array = _json(scope)
    if array is not None:
        return array, [words.Token(item, scope.start, scope.end) for item in array]
    return None, words.split(scope.line.text, scope.start, scope.end)


def _copy(scope: Scope) -> Arguments:
    array, tokens = _list(scope)
    if len(tokens) < 2:
        raise scope.error(
            f"{scope.keyword}: expected at least one source and a destination",
            fix=f"write {scope.keyword} SOURCE... DESTINATION",
        )
    if array is None and marker(tokens[-1].value):
        raise scope.error(
            f"{scope.keyword}: expected a destination, found a heredoc", tokens[-1].start
        )
    return Arguments(exec_form=array, words=tuple(token.value for token in tokens))


def _volume(scope: Scope) -> Arguments:
    array, tokens = _list(scope)
    if not tokens:
        raise _none(scope)
    values = tuple(token.value.strip(SPACES) for token in tokens)
    if not all(values):
        raise scope.error("VOLUME: expected a path, found an empty string")
    return Arguments(exec_form=array, words=values)


def _expose(scope: Scope) -> Arguments:
    tokens = words.split(scope.line.text, scope.start, scope.end)
    if not tokens:
        raise _none(scope)
    return Arguments(words=tuple(token.value for token in tokens))


def _from(scope: Scope) -> Arguments:
    tokens = words.split(scope.line.text, scope.start, scope.end)
    if not tokens:
        raise scope.error("FROM: expected an image or a stage", fix="write FROM IMAGE [AS NAME]")
    if len(tokens) not in (1, 3) or (len(tokens) == 3 and tokens[1].value.lower() != "as"):
        raise scope.error(
            "FROM: expected `FROM IMAGE` or `FROM IMAGE AS NAME`",
            tokens[1].start,
            fix="flags come before the image, and nothing after the name",
        )
    if len(tokens) == 3 and not _STAGE_NAME.match(tokens[2].value.lower()):
        raise scope.error(
            f"FROM: invalid stage name {tokens[2].value!r}: expected a letter, then letters, "
            "digits, '.', '_' or '-'",
            tokens[2].start,
        )
    return Arguments(words=tuple(token.value for token in tokens))


def _single(scope: Scope) -> Arguments:
    if scope.start == scope.end:
        raise scope.error(f"{scope.keyword}: expected exactly one argument")
    return Arguments(words=(scope.text,))


def _pairs(scope: Scope) -> Arguments:
    text = scope.line.text
    tokens = words.quoted(text, scope.start, scope.end, scope.escape)
    if not tokens:
        raise _none(scope)
    if "=" not in tokens[0].value:
        pair = words.blank_pair(text, scope.start, scope.end)
        if pair is None:
            raise scope.error(
                f"{scope.keyword}: expected a value after {tokens[0].value!r}",
                fix=f"write {scope.keyword} NAME=VALUE",
            )
        return Arguments(pairs=(pair,))
    pairs: list[tuple[str, str | None]] = []
    for token in tokens:
        split = words.key_and_value(token)
        if split is None:
            raise scope.error(
                f"{scope.keyword}: expected NAME=VALUE, found {token.value!r}",
                token.start,
                fix="quote a value that holds blanks",
            )
        if not split[0]:
            raise scope.error(f"{scope.keyword}: expected a name before '='", token.start)
        pairs.append(split)
    return Arguments(pairs=tuple(pairs))


def _arg(scope: Scope) -> Arguments:
    tokens = words.quoted(scope.line.text, scope.start, scope.end, scope.escape)
    if not tokens:
        raise _none(scope)
    pairs: list[tuple[str, str | None]] = []
    for token in tokens:
        pair = words.key_and_value(token) or (token.value, None)
        if not pair[0]:
            raise scope.error("ARG: expected a name before '='", token.start)
        pairs.append(pair)
    return Arguments(pairs=tuple(pairs))


def _healthcheck(scope: Scope) -> Arguments:
    text = scope.line.text
    at = scope.start
    while at < scope.end and text[at] not in SPACES:
        at += 1
    kind = text[scope.start : at].upper()
    if not kind:
        raise scope.error("HEALTHCHECK: expected CMD or NONE")
    while at < scope.end and text[at] in SPACES:
        at += 1
    rest = text[at : scope.end]
    if kind == "NONE":
        if rest:
            raise scope.error("HEALTHCHECK NONE: expected no arguments", at)
        return Arguments(words=("NONE",))
    if kind != "CMD":
        raise scope.error(f"HEALTHCHECK: expected CMD or NONE, found {kind!r}")
    array = _json(scope, at)
    if not rest or array == ():
        raise scope.error("HEALTHCHECK CMD: expected a command", at)
    if array is not None:
        return Arguments(exec_form=array, words=("CMD",))
    return Arguments(words=("CMD", rest))


def _none(scope: Scope) -> DockerfileError:
    return scope.error(f"{scope.keyword}: expected at least one argument")


_READERS: dict[str, Callable[[Scope], Arguments]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _single,
    "RUN": _command,
    "SHELL": _shell,
    "STOPSIGNAL": _single,
    "USER": _single,
    "VOLUME": _volume,
    "WORKDIR": _single,
}


def check_flag(scope: Scope, token: words.Token, seen: set[str]) -> tuple[str, str | None]:
    """Split a flag into name and value and check both; `seen` collects the names."""
    keyword = scope.keyword
    valid = grammar.FLAGS[keyword]
    name, equals, text = token.value[2:].partition("=")
    value = text if equals else None
    kind = valid.get(name)
    if kind is None:
        near = grammar.nearest(name, valid)
        listed = ", ".join(f"--{flag}" for flag in valid) or "none"
        raise scope.error(
            f"{keyword}: unknown flag --{name}" + (f", did you mean --{near}?" if near else ""),
            token.start,
            fix=f"flags of {keyword}: {listed}",
        )
    if name in seen and kind is not grammar.FlagKind.REPEATED:
        raise scope.error(f"{keyword}: duplicate flag --{name}", token.start)
    seen.add(name)
    if kind is grammar.FlagKind.SWITCH:
        if value is not None and value.lower() not in ("true", "false"):
            raise scope.error(
                f"{keyword}: --{name}: expected true or false, found {value!r}", token.start
            )
    elif value is None:
        raise scope.error(f"{keyword}: --{name}: expected a value", token.start)
    choices = grammar.CHOICES.get((keyword, name))
    if choices and value not in choices:
        raise scope.error(
            f"{keyword}: --{name}: expected one of {', '.join(choices)}, found {value!r}",
            token.start,
        )
    return name, value
