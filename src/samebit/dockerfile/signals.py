"""STOPSIGNAL: the names and numbers of Linux signals (signal(7))."""

from __future__ import annotations

import re

_NAME = re.compile(
    "ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|"
    "STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|"
    r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?"
)


def is_signal(text: str) -> bool:
    """Whether `text` is a signal, such as `SIGTERM`, `term`, `9` or `SIGRTMIN+3`."""
    if text.isascii() and text.isdecimal():
        return len(text) < 4 and 0 < int(text) <= 64
    return _NAME.fullmatch(text.upper().removeprefix("SIG")) is not None
