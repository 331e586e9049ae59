"""Variable expansion and quoting (Dockerfile reference, "Environment replacement").

Every modifier of the reference is here: `$V`, `${V}`, `${V:-w}`, `${V-w}`, `${V:+w}`, `${V+w}`,
`${V:?w}`, `${V?w}`, `${V#p}`, `${V##p}`, `${V%p}`, `${V%%p}`, `${V/p/r}`, `${V//p/r}`; words nest.
Single quotes take everything literally, double quotes expand variables, the escape character takes
the next character literally (inside double quotes only a double quote, a dollar or itself).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from samebit.dockerfile.patterns import PatternError, replace, trim_prefix, trim_suffix
from samebit.dockerfile.source import SPACES
from samebit.errors import DockerfileError, Place

# One-character parameters of a POSIX shell; never set in a Dockerfile.
_SPECIAL = "@*#?-$!0"
# Far above any real Dockerfile, and well below Python's own recursion limit.
_DEEPEST = 100
# `ENV A=$A$A` doubles: a short file could otherwise ask for all of the memory. In characters.
_LONGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Mode:
    """What expansion leaves as it stands; the default removes quotes, escapes and variables.

    `raw_quotes` and `raw_escapes` keep those characters, `quotes` False gives them no meaning at
    all (heredoc bodies), `keep_unset` leaves a variable that is not set as written.
    """

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    quotes: bool = True
    keep_unset: bool = False


class ExpansionError(ValueError):
    """A word that cannot be expanded; the text says why, without a place."""


def expand(
    word: str, env: Mapping[str, str], *, escape: str = "\\", where: Place | None = None
) -> str:
    """Expand to one string with quotes removed (ENV values, FROM, WORKDIR, COPY paths …).

    An unset variable gives an empty string. Raises DockerfileError at `where` for unbalanced
    quotes, a bad substitution, or `${V:?w}` with V unset.
    """
    return _run(word, env, Mode(escape=escape), where)[0]


def expand_words(
    word: str, env: Mapping[str, str], *, escape: str = "\\", where: Place | None = None
) -> tuple[str, ...]:
    """Expand, then split at blanks that are not quoted (EXPOSE); raises as `expand` does."""
    return _run(word, env, Mode(escape=escape), where)[1]


def expand_text(text: str, env: Mapping[str, str], *, where: Place | None = None) -> str:
    """Expand the body of a heredoc of COPY or ADD: variables only, quotes have no meaning.

    The escape character is always the backslash here, as in docker. Raises as `expand` does.
    """
    return _run(text, env, Mode(quotes=False), where)[0]


def _run(
    word: str, env: Mapping[str, str], mode: Mode, where: Place | None
) -> tuple[str, tuple[str, ...]]:
    try:
        return lex(word, env, mode)
    except ExpansionError as error:
        shown = word if len(word) <= 100 else word[:100] + "…"
        raise DockerfileError(f"cannot expand {shown!r}: {error}", where=where) from None


def lex(word: str, env: Mapping[str, str], mode: Mode) -> tuple[str, tuple[str, ...]]:
    """Expand `word` as `mode` says: the whole and its words; raises ExpansionError."""
    lexer = _Lexer(word, env, mode)
    result, words = lexer.until(None, raw_escapes=mode.raw_escapes)
    return result, words


class _Words:
    """Collects words: unquoted blanks separate them, an empty one does not count."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._buffer: list[str] = []

    def split(self, text: str) -> None:
        for character in text:
            if character in SPACES:
                self._flush()
            else:
                self._buffer.append(character)

    def keep(self, text: str) -> None:
        if text:
            self._buffer.append(text)

    def done(self) -> tuple[str, ...]:
        self._flush()
        return tuple(self._words)

    def _flush(self) -> None:
        if self._buffer:
            self._words.append("".join(self._buffer))
            self._buffer.clear()


class _Lexer:
    def __init__(self, text: str, env: Mapping[str, str], mode: Mode) -> None:
        self._text = text
        self._env = env
        self._mode = mode
        self._at = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += len(character)
        return character

    def until(self, stop: str | None, *, raw_escapes: bool) -> tuple[str, tuple[str, ...]]:
        """Process up to and including `stop`, or to the end of the text when it is None."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpansionError(f"substitutions nested deeper than {_DEEPEST}")
        out: list[str] = []
        size = 0
        words = _Words()
        while character := self._peek():
            if character == stop:
                self._at += 1
                self._depth -= 1
                return "".join(out), words.done()
            if character == "$":
                piece = self._dollar()
                words.split(piece)
            elif character == "<":
                piece = self._angle()
                words.keep(piece)
            elif character == "'" and self._mode.quotes:
                piece = self._single()
                words.keep(piece)
            elif character == '"' and self._mode.quotes:
                piece = self._double(raw_escapes=raw_escapes)
                words.keep(piece)
            elif character == self._mode.escape:
                self._at += 1
                piece = (character if raw_escapes else "") + self._next()
                words.keep(piece)
            else:
                self._at += 1
                piece = character
                words.split(piece)
            out.append(piece)
            size += len(piece)
            if size > _LONGEST:
                raise ExpansionError(f"the result is longer than {_LONGEST} characters")
        if stop is not None:
            raise ExpansionError(f"missing {stop!r} in ${{…}}")
        self._depth -= 1
        return "".join(out), words.done()

    def _angle(self) -> str:
        # The name of a heredoc may stand apart from its `<<`; both are one word then.
        if not self._text.startswith("<<", self._at):
            return self._next()
        begin = self._at
        self._at += 2
        while self._peek() in ("\t", "\r", " "):
            self._at += 1
        return self._text[begin : self._at]

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ExpansionError("missing closing single quote")
        begin, self._at = self._at, end + 1
        return self._text[begin : end + 1] if self._mode.raw_quotes else self._text[begin + 1 : end]

    def _double(self, *, raw_escapes: bool) -> str:
        quote = self._next() if self._mode.raw_quotes else self._next()[:0]
        out = [quote]
        while character := self._peek():
            if character == "$":
                out.append(self._dollar())
                continue
            self._at += 1
            if character == '"':
                return "".join([*out, quote])
            if character == self._mode.escape:
                if raw_escapes:
                    out.append(character)
                if not self._peek():
                    break
                if self._peek() in ('"', "$", self._mode.escape):
                    character = self._next()
            out.append(character)
        raise ExpansionError("missing closing double quote")

    def _name(self) -> str:
        begin = self._at
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._at += 1
        elif first and first in _SPECIAL:
            self._at += 1
        else:
            while (character := self._peek()) and (
                character.isalpha() or character.isdecimal() or character == "_"
            ):
                self._at += 1
        return self._text[begin : self._at]

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            unset = "$" + name if self._mode.keep_unset else ""
            return self._env.get(name, unset)
        self._at += 1
        if self._peek() in ("{", "}", ":"):
            raise ExpansionError("bad substitution: a variable name must follow '${'")
        name = self._name()
        modifier = self._next()
        if not modifier:
            raise ExpansionError("missing '}' in ${…}")
        value = self._env.get(name)
        keep = value is None and self._mode.keep_unset
        if modifier == "}":
            return f"${{{name}}}" if keep else value or ""
        if modifier == "/":
            return self._replace(name, value, keep=keep)
        strict = modifier == ":"
        operator = self._next() if strict else modifier
        if operator not in ("-", "+", "?", "#", "%") or (strict and operator in "#%"):
            raise ExpansionError(f"unsupported modifier {modifier + operator * strict!r} in ${{…}}")
        raw = operator in ("#", "%")
        # Escapes in a nested word are raw only where that word is a pattern.
        word, _ = self.until("}", raw_escapes=raw)
        if keep:
            return f"${{{name}{modifier}{operator * strict}{word}}}"
        return _modified(name, value, operator, word, strict=strict)

    def _replace(self, name: str, value: str | None, *, keep: bool) -> str:
        every = self._peek() == "/"
        if every:
            self._at += 1
        pattern, _ = self.until("/", raw_escapes=True)
        replacement, _ = self.until("}", raw_escapes=True)
        if keep:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return replace(value or "", pattern, replacement, every=every)
        except PatternError as error:
            raise ExpansionError(str(error)) from None


def _modified(name: str, value: str | None, operator: str, word: str, *, strict: bool) -> str:
    missing = value is None or (strict and not value)
    if operator == "-":
        return word if missing else value or ""
    if operator == "+":
        return "" if missing else word
    if operator == "?":
        if missing:
            state = "unset" if value is None else "empty"
            raise ExpansionError(f"{name}: {word or f'must not be {state}'}")
        return value or ""
    longest = word.startswith(operator)
    trim = trim_prefix if operator == "#" else trim_suffix
    try:
        return trim(value or "", word[1:] if longest else word, longest=longest)
    except PatternError as error:
        raise ExpansionError(str(error)) from None
