"""The bug path: an exception that nobody foresaw becomes a report file and exit code 70."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

import samebit
from samebit.errors import InternalError, SamebitError
from samebit.store.durable import replace_file
from samebit.store.home import default_home

_SHORTEST_SECRET = 4
_HIDDEN = "[hidden]"


def report_bug(
    error: Exception, arguments: Iterable[str], environment: Mapping[str, str]
) -> InternalError:
    """Write a report below the state folder; gives the error that tells where it is.

    The report holds versions and the traceback, which shows our code and no values. A message may
    repeat a value all the same, so what the arguments gave is hidden in it.
    """
    values = _values(arguments, environment)
    text = _hide(_worded(error), values)
    path = _write(text)
    what = error.what if isinstance(error, InternalError) else text.strip().splitlines()[-1]
    return InternalError(
        f"this is a bug of samebit: {_hide(what, values)}",
        where=error.where if isinstance(error, SamebitError) else None,
        detail=None if path else text,
        fix=f"please report it with the file {path}; it holds no arguments and no environment"
        if path
        else "please report it with the lines above",
    )


def _worded(error: Exception) -> str:
    system = platform.uname()
    lines = [
        f"samebit {samebit.__version__}",
        f"Python {sys.version.split()[0]}",
        f"{system.system} {system.release} {system.machine}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(line.rstrip("\n") for line in lines) + "\n"


def _values(arguments: Iterable[str], environment: Mapping[str, str]) -> set[str]:
    found = set()
    for argument in arguments:
        found.add(argument.partition("=")[2])
        # NAME of --build-arg NAME and of --secret id=…,env=NAME.
        found.update(environment.get(word, "") for word in re.split(r"[=,]", argument))
    return {value for value in found if len(value) >= _SHORTEST_SECRET}


def _hide(text: str, values: Iterable[str]) -> str:
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, _HIDDEN).replace(repr(value)[1:-1], _HIDDEN)
    return text


def _write(text: str) -> Path | None:
    try:
        folder = default_home() / "reports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = (
            folder / f"bug-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:12]}.txt"
        )
        replace_file(path, text.encode("utf-8", "replace"), temporary=folder, prefix=".report-")
    except (OSError, SamebitError):
        return None
    return path
