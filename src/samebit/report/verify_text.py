"""What a verification is worth, for people: the verdict first, then what differs and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TextIO

from samebit.model.verification import Instruction, PathDifference, Verification
from samebit.report.diff_words import count
from samebit.report.styled_lines import Line, print_lines

_A, _B, _VERDICT, _HEADING, _NOTE = "red", "green", "bold", "bold", "dim"


def write_verification(verification: Verification, out: TextIO) -> None:
    """Print it. Only a terminal gets colour; elsewhere nothing is wrapped."""
    print_lines(verification_lines(verification), out)


def verification_lines(verification: Verification) -> Iterator[Line]:
    """Give the report line by line."""
    yield Line(verdict(verification), _VERDICT)
    yield from _digests(verification)
    yield Line(f"not varied: {_joined(_reasons(verification)) or 'nothing'}")
    if verification.agree:
        yield Line(as_built(verification))
    shown = verification.differences
    for (where, text), group in groupby(shown, key=_writer):
        yield Line(f"{where}  {text}" if where else text, _HEADING)
        for difference in group:
            yield from _difference(difference, searched=verification.bisected)
    if verification.difference_count > len(shown):
        more = verification.difference_count - len(shown)
        yield Line(f"and {count(more, 'path')} more (--limit 0 shows all)", _NOTE)
    if verification.report is not None:
        yield Line(
            "for every byte that differs: samebit diff"
            f" {verification.report.a.name} {verification.report.b.name}",
            _NOTE,
        )


def verdict(verification: Verification) -> str:
    """Say in one sentence what was found, and what it is worth."""
    names = ", ".join(axis.name for axis in verification.axes)
    if not verification.agree and not verification.difference_count:
        return "different: not the files, but what the image says of itself"
    if not verification.agree:
        paths = count(verification.difference_count, "path")
        return f"different: {paths} not the same in {count(len(verification.builds), 'build')}"
    under = f"identical under {names}" if names else "identical, with nothing varied"
    if verification.expectation is None:
        return under
    if verification.expected:
        return f"{under}, and the same as {verification.expectation.name}"
    return f"different from {verification.expectation.name}; the builds themselves are {under}"


def as_built(verification: Verification) -> str:
    """Say whether normalising was needed."""
    found = verification.as_built
    if not found.count:
        return "as built: identical before normalising, too"
    shown = ", ".join(found.paths)
    more = found.count - len(found.paths)
    words = f"{shown} and {more} more" if more else shown
    return f"as built: identical only after normalising; before, {words} differed"


def _digests(verification: Verification) -> Iterator[Line]:
    if verification.agree:
        yield Line(f"{verification.digest} in {count(len(verification.builds), 'build')}")
    else:
        for number, build in enumerate(verification.builds, 1):
            style = _A if build.digest == verification.digest else _B
            what = ", ".join(axis.name for axis in build.varied) or "nothing varied"
            yield Line(f"build {number}  {build.digest}  {what}", style)
    expectation = verification.expectation
    if expectation is not None and not verification.expected:
        yield Line(f"expected {expectation.digest}", _B)


def _reasons(verification: Verification) -> Iterator[str]:
    """Say why axes were not varied; those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for axis in verification.not_varied:
        reasons.setdefault(axis.reason, []).append(axis.name)
    for reason, names in reasons.items():
        yield f"{', '.join(names)} ({reason})"


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _writer(difference: PathDifference) -> tuple[str, str]:
    made = difference.origin or difference.instruction
    if made is None:
        return "", "by an instruction that is not certain"
    return _place(made)


def _place(instruction: Instruction) -> tuple[str, str]:
    return str(instruction.where), instruction.text


def _difference(difference: PathDifference, *, searched: bool) -> Iterator[Line]:
    platform = f" ({difference.platform})" if difference.platform else ""
    words = f": {blame(difference)}" if searched else ""
    yield Line(f"  {difference.path}{platform}{words}")
    if difference.origin is not None and difference.instruction is not None:
        where, text = _place(difference.instruction)
        yield Line(f"    copied by {where}  {text}", _NOTE)
    for cause in difference.causes:
        yield Line(f"    cause: {cause.what} [{cause.name}, {cause.confidence.value}]")
        for evidence in cause.evidence[:1] if not cause.confidential else ():
            yield Line(f"      {evidence.a} -> {evidence.b}", _NOTE)
        yield Line(f"      fix: {cause.fix}")


def blame(difference: PathDifference) -> str:
    """Say which axis makes a path differ; only where it was searched for."""
    if difference.axes:
        words = "alone makes" if len(difference.axes) == 1 else "each alone make"
        return f"{', '.join(difference.axes)} {words} it differ"
    if difference.unvaried:
        if any(cause.axis == "clock" for cause in difference.causes):
            return "it differs without any variation: it shows the time"
        return "it differs without any variation: it is random, or shows the time"
    if difference.together:
        return "no axis alone makes it differ, but several at once do"
    return "which axis makes it differ was not found out"
