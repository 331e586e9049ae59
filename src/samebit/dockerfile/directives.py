"""Parser directives: the special comments at the top (Dockerfile reference, "Parser directives").

They are read as long as every line is a known directive; the first comment that is none, empty
line or instruction ends them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from samebit.dockerfile.source import SPACES, Line, Source
from samebit.errors import DockerfileError

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=[\t\f\r ]*(.+?)[\t\f\r ]*\Z")
_KNOWN = ("check", "escape", "syntax")


@dataclass(slots=True)
class Directives:
    """The directives read so far; `escape` is the escape character in force."""

    escape: str = "\\"
    values: dict[str, str] = field(default_factory=dict)
    open: bool = True

    @property
    def syntax(self) -> str | None:
        """The value of the syntax directive, or None."""
        return self.values.get("syntax")

    def read(self, source: Source, line: Line) -> None:
        """Take one physical line into account; raises DockerfileError on a wrong directive."""
        if not self.open:
            return
        text = source.text[line.start : line.end].lstrip(SPACES)
        match = _DIRECTIVE.match(text[1:].lstrip(SPACES)) if text.startswith("#") else None
        name = match[1].lower() if match else ""
        if match is None or name not in _KNOWN:
            self.open = False
            return
        where = source.place(line.end - len(text))
        if name in self.values:
            raise DockerfileError(
                f"duplicate parser directive {name!r}: only one is allowed",
                where=where,
                fix="remove one of the two lines",
            )
        if name == "escape":
            if match[2] not in ("\\", "`"):
                raise DockerfileError(
                    f"invalid escape directive {match[2]!r}: expected \\ or `",
                    where=where,
                    fix="write `# escape=\\` or `` # escape=` ``",
                )
            self.escape = match[2]
        self.values[name] = match[2]
