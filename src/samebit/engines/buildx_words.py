"""What buildx says (`--progress=rawjson`): which step runs, what it prints, why the build failed.

A stream of BuildKit's SolveStatus as JSON, each on a line or, in older versions, indented over
several; what is none is buildx's own words. Text in another form is kept whole.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from samebit.engines import shim

# `[s0 2/5] RUN …`, with the platform where several are built, and no stage where there is one.
_VERTEX = re.compile(r"\[(?:\S+/\S+ )?(?:(\S+) )?(\d+)/\d+\] (\S+)")
_COUNTED = ("ADD", "COPY", "RUN", "WORKDIR")
_MAKES_NOTHING = ("WORKDIR /", 'WORKDIR "/"')
_STATUS = re.compile(r"did not complete successfully: exit code: (\d+)")
_USER = re.compile(r"unable to find (user|group) (\S+?):? no matching entries")
# What it says of every name where the image has no list of users.
_NO_LIST = re.compile(r"unable to find (?:user|group) \S+?: invalid argument")
_NO_SOURCE = re.compile(
    r'failed to (?:calculate checksum of|compute cache key).*?: "?([^"\n]*?)"?: not found'
)
# The same without a cache, when nobody has looked before: below where it has mounted the tree.
_NO_FILE = re.compile(
    r"(?:lstat|open) [^\n]*?/buildkit-mount\d+(/[^\n]*?): no such file or directory"
)
_UNSTARTED = re.compile(
    r"(?:runc run failed: |crun: )(?:unable to start container process: )?"
    r"(?:error during container init: )?(.*)\Z"
)
_SHIM = "samebit: "
_ERROR = "ERROR: "
# The line that failed, as buildx shows it.
_RUN_SHOWN = re.compile(r" *\d+ \| >>> RUN ")
_PLACE = re.compile(r"Dockerfile:(\d+)")
_TAIL_LINES = 200


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """Where BuildKit's steps are in a lowered Dockerfile.

    `known` maps (stage's name, number) to keyword, stage and step, both from 1; `lines` maps line
    numbers to stage and step, `users` these to what the last USER says.
    """

    known: Mapping[tuple[str, int], tuple[str, int, int]]
    lines: Mapping[int, tuple[int, int]]
    users: Mapping[tuple[int, int], str]

    @classmethod
    def of(cls, dockerfile: str) -> Self:
        """Count what changes the tree, as BuildKit does; the others count every instruction."""
        found: dict[tuple[str, int], tuple[str, int, int]] = {}
        lines: dict[int, tuple[int, int]] = {}
        users: dict[tuple[int, int], str] = {}
        stage, step, number, name, user = 0, 0, 0, "", ""
        continued = False
        for at, line in enumerate(dockerfile.splitlines(), 1):
            if not continued:
                words = line.split(" ")
                step += 1
                if words[0] == "FROM":
                    stage, step, number, user = stage + 1, 1, 0, ""
                    name = words[3] if len(words) > 3 else ""
                elif words[0] == "USER":
                    user = words[1].strip('"')
                elif words[0] in _COUNTED and line not in _MAKES_NOTHING:
                    number += 1
                    found[name, number] = (words[0], stage, step)
            lines[at] = (stage, step)
            users[stage, step] = user
            continued = line.endswith("\\")
        return cls(found, lines, users)

    def unknown(self, position: tuple[int, int]) -> str:
        """Say which name of the user there is in no list: numbers need none."""
        user, _, group = self.users[position].partition(":")
        return f'group "{group}"' if group and user.isdigit() else f'user "{user}"'

    def position(self, vertex: str) -> tuple[int, int] | None:
        """Give (stage, step) of the step that BuildKit calls so; None for what is none."""
        match = _VERTEX.match(vertex)
        if match is None:
            return None
        name, number, keyword = match[1], int(match[2]), match[3]
        if name is None:
            # Only where there is one stage.
            name = next((name for name, _ in self.known), "")
        # Some versions count FROM.
        for one in (number, number - 1):
            found = self.known.get((name, one))
            if found is not None and found[0] == keyword:
                return found[1:]
        return None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a build failed, as in StepFailedError.

    `vertex` is the failed step's name, empty where buildx only gives the `line` of the Dockerfile,
    0 where not even that. `unlisted` means that the image has no users at all, but USER a name.
    """

    vertex: str
    output: tuple[str, ...]
    status: int | None
    reason: str
    unstarted: bool = False
    line: int = 0
    unlisted: bool = False


@dataclass(slots=True)
class BuildxOutput:
    """Reads buildx's lines; `feed` gives what of a line a person should see.

    `ended` holds the names of the steps that have ended.
    """

    ended: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    tails: dict[str, deque[str]] = field(default_factory=dict)
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))
    _pending: dict[str, bytes] = field(default_factory=dict)
    _begun: list[str] = field(default_factory=list)

    def feed(self, line: str) -> tuple[list[str], list[tuple[str, str]]]:
        """Take a line; gives the names of steps that started, and (step, line) they printed."""
        if line == "{" or self._begun:
            self._begun.append(line)
            if line != "}":
                return [], []
            line = "\n".join(self._begun)
            self._begun.clear()
        status = _status(line)
        if status is None:
            if line.strip():
                self.said.append(line)
            return [], []
        started = []
        for vertex in status.get("vertexes") or []:
            digest = vertex["digest"]
            self.names[digest] = vertex.get("name", "")
            if vertex.get("started") and digest not in self.started:
                self.started.append(digest)
                started.append(self.names[digest])
            if vertex.get("completed"):
                self.ended.add(self.names[digest])
            if vertex.get("error"):
                self.errors[digest] = vertex["error"]
        printed = []
        for log in status.get("logs") or []:
            digest = log["vertex"]
            for text in self._lines(digest, base64.b64decode(log.get("data") or "")):
                self.tails.setdefault(digest, deque(maxlen=_TAIL_LINES)).append(text)
                if text != shim.IN_VAIN:
                    printed.append((self.names.get(digest, ""), text))
        return started, printed

    def ending(self) -> Ending:
        """Tell how the build failed."""
        for digest, error in self.errors.items():
            # What waited for the step that failed may be told first.
            if "context canceled" not in error and shim.IN_VAIN not in self._printed(digest):
                return self._ending(digest, error)
        said = list(self.said)
        place = next(filter(None, map(_PLACE.fullmatch, said)), None)
        start = next((n for n, text in enumerate(said) if text.startswith(_ERROR)), 0)
        reason = "\n".join(said[start:]).removeprefix(_ERROR).removeprefix("failed to solve: ")
        line = int(place[1]) if place else 0
        ran = any(map(_RUN_SHOWN.match, said))
        return replace(_classified(reason, ran=ran), line=line)

    def _printed(self, digest: str) -> tuple[str, ...]:
        output = tuple(self.tails.get(digest, ()))
        pending = self._pending.get(digest)
        return (*output, _text(pending)) if pending else output

    def _ending(self, digest: str, error: str) -> Ending:
        name = self.names[digest]
        output = self._printed(digest)
        found = _STATUS.search(error)
        if found is not None:
            last = output[-1] if output else ""
            unstarted = _UNSTARTED.search(last)
            if unstarted is not None:
                return Ending(name, output[:-1], None, unstarted[1], unstarted=True)
            if last.startswith(_SHIM):
                return Ending(name, output[:-1], None, last, unstarted=True)
            return Ending(name, output, int(found[1]), "")
        return replace(_classified(error, ran="] RUN " in name), vertex=name, output=output)

    def _lines(self, digest: str, data: bytes) -> list[str]:
        *lines, rest = (self._pending.get(digest, b"") + data).split(b"\n")
        self._pending[digest] = rest
        return [_text(line) for line in lines]


def _classified(error: str, *, ran: bool) -> Ending:
    """Word what failed before a program was started; `ran` says that it was to be one of RUN."""
    user = _USER.search(error)
    if user is not None:
        return Ending("", (), None, f'the image has no {user[1]} "{user[2]}"')
    if _NO_LIST.search(error):
        return Ending("", (), None, "", unlisted=True)
    missing = _missing(error)
    if missing is None:
        return Ending("", (), None, error)
    if ran:
        reason = f'samebit: the source of the mount does not exist: "{missing}"'
        return Ending("", (), None, reason, unstarted=True)
    return Ending("", (), None, f'"{missing}": no such file or directory')


def _missing(error: str) -> str | None:
    found = _NO_SOURCE.search(error) or _NO_FILE.search(error)
    return found[1] if found is not None else None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def _status(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        status = json.loads(line)
    except ValueError:
        return None
    return status if isinstance(status, dict) else None
