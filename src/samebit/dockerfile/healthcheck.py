"""HEALTHCHECK: its arguments, its flags and Go's notation of durations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samebit.dockerfile.syntax import Instruction

# Nanoseconds.
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_SHORTEST = _UNITS["ms"]
_LONGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """The Healthcheck of an image config; times are in nanoseconds, 0 means inherited."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class HealthcheckError(ValueError):
    """A flag of HEALTHCHECK that cannot be read; `flag` is its name, the text says why."""

    def __init__(self, flag: str, text: str) -> None:
        super().__init__(text)
        self.flag = flag


def healthcheck(instruction: Instruction) -> Healthcheck:
    """Read a parsed HEALTHCHECK; raises HealthcheckError for a wrong flag value."""
    kind = instruction.words[0]
    if kind == "NONE":
        return Healthcheck(("NONE",))
    if instruction.exec_form is not None:
        test = ("CMD", *instruction.exec_form)
    else:
        test = ("CMD-SHELL", instruction.words[1])
    return Healthcheck(
        test,
        interval=_period(instruction, "interval"),
        timeout=_period(instruction, "timeout"),
        start_period=_period(instruction, "start-period"),
        start_interval=_period(instruction, "start-interval"),
        retries=_retries(instruction),
    )


def duration(text: str) -> int:
    """Read a duration such as `1m30s` or `500ms` into nanoseconds; raises ValueError."""
    sign, unsigned = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if unsigned == "0":
        return 0
    total = at = 0
    while match := _TERM.match(unsigned, at):
        whole, fraction, unit = match[1], match[2] or "", match[3]
        if unit not in _UNITS or not (whole or fraction):
            break
        total += int(whole or "0") * _UNITS[unit]
        # Nine digits are exact for every unit up to the second; more never change a config.
        total += int(fraction[:18].ljust(18, "0")) * _UNITS[unit] // 10**18
        at = match.end()
    if at != len(unsigned) or not unsigned or total > _LONGEST:
        raise ValueError(text)
    return sign * total


def _period(instruction: Instruction, name: str) -> int:
    flag = instruction.flag(name)
    if flag is None or not flag.value:
        return 0
    try:
        value = duration(flag.value)
    except ValueError:
        raise HealthcheckError(
            name, f"--{name}={flag.value}: expected a duration such as 30s, 1m30s or 500ms"
        ) from None
    if value and value < _SHORTEST:
        raise HealthcheckError(name, f"--{name}={flag.value}: expected 0 or at least 1ms")
    return value


def _retries(instruction: Instruction) -> int:
    flag = instruction.flag("retries")
    if flag is None or not flag.value:
        return 0
    if not re.fullmatch(r"\+?[0-9]{1,10}", flag.value) or int(flag.value) >= 2**31:
        raise HealthcheckError(
            "retries", f"--retries={flag.value}: expected a number from 0 to 2147483647"
        )
    return int(flag.value)
