"""Reading .dockerignore (Dockerfile reference, ".dockerignore file")."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from samebit.context.patterns import PatternError, PatternList, clean_path, compile_pattern
from samebit.errors import DockerfileError, InputError, Place

_BOM = b"\xef\xbb\xbf"
_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules of one ignore file; `path` is how it is named in messages, None without a file."""

    patterns: PatternList
    path: str | None = None

    def excluded_by(self, path: bytes) -> Place | None:
        """Where the rule stands that keeps `path` (relative, no leading slash) out, else None."""
        excluded, pattern = self.patterns.decides(os.fsdecode(path))
        if not excluded or pattern is None or self.path is None:
            return None
        return Place(self.path, pattern.line)


NO_RULES = IgnoreRules(PatternList(()))


def ignore_file(context_dir: Path, dockerfile: Path | None) -> Path | None:
    """Find the ignore file: `<Dockerfile>.dockerignore` wins over the context's own.

    `dockerfile` is None when the Dockerfile is not a file (standard input).
    """
    candidates = [context_dir / ".dockerignore"]
    if dockerfile is not None:
        candidates.insert(0, dockerfile.with_name(dockerfile.name + ".dockerignore"))
    return next((c for c in candidates if c.is_file()), None)


def read_ignore(context_dir: Path, dockerfile: Path | None = None) -> IgnoreRules:
    """Read the ignore rules that apply; none when there is no ignore file.

    Raises DockerfileError for a malformed pattern and InputError for an unreadable file.
    """
    path = ignore_file(context_dir, dockerfile)
    if path is None:
        return NO_RULES
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise InputError(
            f"the ignore file cannot be read: {error.strerror}", where=Place(str(path))
        ) from error
    if len(data) > _LIMIT:
        raise InputError("the ignore file is larger than 16 MiB", where=Place(str(path)))
    return parse_ignore(data, str(path))


def parse_ignore(data: bytes, path: str) -> IgnoreRules:
    """Parse the text of an ignore file. Raises DockerfileError naming the line."""
    patterns = []
    for number, raw in enumerate(data.removeprefix(_BOM).split(b"\n"), start=1):
        # Names need not be UTF-8; surrogates keep such bytes comparable with os.fsdecode names.
        line = raw.decode("utf-8", "surrogateescape")
        if line.startswith("#"):
            continue
        line = line.strip()
        if not line:
            continue
        negated = line.startswith("!")
        if negated:
            line = line[1:].strip()
        if line:
            line = clean_path(line)
            if len(line) > 1:
                line = line.removeprefix("/")
        try:
            pattern = compile_pattern(("!" if negated else "") + line, line=number)
        except PatternError as error:
            raise DockerfileError(
                f"malformed ignore pattern: {error}",
                where=Place(path, number),
                fix="see the .dockerignore section of the Dockerfile reference",
            ) from error
        if pattern is not None:
            patterns.append(pattern)
    return IgnoreRules(PatternList(patterns), path)
