"""`samebit verify`: build one thing several times under other conditions, and compare every bit."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from samebit.engines.conditions import MovedClock
from samebit.engines.machine import PACKAGES, require_engine
from samebit.engines.select import engine_program
from samebit.errors import InputError, SamebitError, UsageError
from samebit.model.digest import Digest
from samebit.model.escaped import escaped
from samebit.model.verification import (
    AsBuilt,
    BuildOutcome,
    Expectation,
    UnvariedAxis,
    VariedAxis,
    Verification,
)
from samebit.pipeline.build import prepare
from samebit.pipeline.lock import record
from samebit.pipeline.open_image import open_source
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.request import STANDARD_INPUT, BuildRequest
from samebit.pipeline.session import Session
from samebit.pipeline.temporary import temporary_directory
from samebit.pipeline.verify_builds import VerifiedBuild, VerifyBuilds, without_failing
from samebit.pipeline.verify_differences import Differences, first_holding
from samebit.pipeline.witness import differing
from samebit.pipeline.workspace import open_workspace
from samebit.report.progress import BuildProgress
from samebit.store.failure import machine_errors
from samebit.transports.resolve import choose
from samebit.variations.apply import Variation, vary
from samebit.variations.axes.clock import AXIS as CLOCK
from samebit.variations.axes.clock import probe
from samebit.variations.protocol import Conditions
from samebit.variations.registry import all_axes
from samebit.variations.selection import select_axes

SECONDS_APART = 61
STEP_SECONDS = 600
OTHER_ENGINE = "SAMEBIT_OTHER_ENGINE"
# What axes leave in the environment of RUN.
_TRACES = {
    "clock": (b"FAKETIME", b"libfaketime"),
    "hash-seed": (b"PERL_HASH_SEED", b"PERL_PERTURB_KEYS"),
}
DEFAULT_SEARCH = 12
_SHOWN_AS_BUILT = 20
_GO = "go"
_UNREACHED = {
    "static": "its program is linked statically",
    "machine": "the image is for another processor",
    "glibc": "the image's glibc is older than libfaketime",
    "libc": "the image has no glibc",
    _GO: "Go programs see the real time",
}
# Which axes a failing build is tried without, one set after the other.
_RISKY = (
    frozenset({"user"}),
    frozenset({"clock"}),
    frozenset({"kernel", "open-files"}),
    frozenset({"storage", "directory-order"}),
    frozenset(axis.name for axis in all_axes() if axis.risky),
)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What a person asks of a verification.

    `vary` are the values of --vary. `expect` is a digest, `against` an image in any place. `search`
    is how many builds may look for the axes to blame, 0 for none. `apart` is the least number of
    seconds between the starts of two builds whose clocks cannot be moved. `other_engine` names the
    engine that the axis of that name takes (`buildah:PATH`). Steps of varied builds are stopped
    after `patience` seconds, or ten times what the plain build took if that is more. Images that
    differ are written below `keep`. `limit` is how many differences are told, None for all.
    """

    builds: int = 2
    vary: tuple[str, ...] = ()
    expect: str | None = None
    against: str | None = None
    search: int = DEFAULT_SEARCH
    apart: int = SECONDS_APART
    patience: int = STEP_SECONDS
    other_engine: str | None = None
    keep: Path | None = None
    limit: int | None = None


def verify(
    request: BuildRequest, options: VerifyOptions, session: Session, told: BuildProgress
) -> Verification:
    """Build and compare. Raises as a build does, LockError for a stale lock, UsageError."""
    names = select_axes(options.vary, [axis.name for axis in all_axes()])
    expect = _expected_digest(options)
    other_engine = _other_engine(options)
    # An ordinary user's process starts anew here.
    session.start_engine()
    request = replace(request, use_memo=False)
    _require_lock(request, session, told)
    locked = replace(request, locked=True, locked_by="samebit verify")
    prepared = prepare(locked, session.store, told.say)
    with (
        temporary_directory("verify") as work,
        VerifyBuilds(
            request,
            prepared,
            session,
            work,
            told,
            other_engine=other_engine,
            patience=options.patience,
        ) as builds,
    ):
        run = _Run(options, session, told, builds=builds, names=names, work=work)
        return run.result(expect)


def _expected_digest(options: VerifyOptions) -> Digest | None:
    if options.builds < 2:
        raise UsageError("--builds: one build proves nothing", fix="compare 2 or more")
    if options.expect is not None and options.against is not None:
        raise UsageError("--expect and --against exclude each other", fix="give one of them")
    if options.expect is None:
        return None
    try:
        return Digest.parse(options.expect)
    except InputError as error:
        raise UsageError(f"--expect: {error.what}", fix="give sha256: and 64 digits") from error


def _other_engine(options: VerifyOptions) -> str:
    named = options.other_engine or os.environ.get(OTHER_ENGINE)
    if named and named.partition(":")[0] != "buildah":
        raise UsageError(
            f"--other-engine is {named!r}, but only another buildah can take the place of one",
            fix="name it as buildah:PATH; compare with other engines by --expect",
        )
    return require_engine(engine_program(named), PACKAGES) if named else ""


def _require_lock(request: BuildRequest, session: Session, told: BuildProgress) -> None:
    if request.file == STANDARD_INPUT:
        raise UsageError(
            "a Dockerfile from standard input has no lock, so its builds may differ by what they"
            " fetch",
            fix="write it to a file and name that with -f",
        )
    if open_workspace(request).lock is not None:
        return
    told.say("there is no lock: recording one")
    done = record(request, session.store, session.start_engine, told)
    told.say(f"wrote {done.path}")


class _Run:
    def __init__(
        self,
        options: VerifyOptions,
        session: Session,
        told: BuildProgress,
        *,
        builds: VerifyBuilds,
        names: frozenset[str],
        work: Path,
    ) -> None:
        self._options = options
        self._session = session
        self._told = told
        self._builds = builds
        self._names = names
        self._work = work
        self._left_out: dict[str, str] = {}

    def result(self, expect: Digest | None) -> Verification:
        # An image that cannot be read is told before minutes of building.
        expectation = self._expectation(expect)
        count = self._options.builds
        self._told.say(f"build 1 of {count}: nothing varied")
        plain = self._builds.build(_plain())
        self._look_at_clock(plain)
        varied = [self._varied(plain, number) for number in range(1, count)]
        found = [plain, *varied]
        axes, not_varied = self._axes(plain, varied)
        # Before anything that takes longer is looked into.
        self._told.say(f"comparing the images of {count} builds")
        as_built = self._as_built(plain, varied)
        verification = Verification(
            digest=str(plain.image.digest),
            builds=tuple(_outcome(build) for build in found),
            axes=axes,
            not_varied=not_varied,
            seconds_apart=int(min(build.started - plain.started for build in varied)),
            as_built=as_built,
            builds_made=self._builds.made,
            expectation=expectation,
        )
        if verification.identical:
            return verification
        other = next((one for one in varied if one.image.digest != plain.image.digest), None)
        self._keep(found)
        differences = Differences(
            self._builds, self._session, self._told, self._work, self._options.limit
        )
        if other is None:
            return differences.from_expected(verification, plain)
        machine = self._builds.machine(found.index(other))
        return differences.between(
            verification,
            plain,
            other,
            lambda names: vary(names, machine) if names else _plain(),
            self._options.search,
        )

    def _look_at_clock(self, plain: VerifiedBuild) -> None:
        """Leave the clock alone where no step would see it moved."""
        unreached = plain.witness.unreached
        never = [step for step, reason in unreached.items() if reason != _GO]
        if CLOCK.name in self._names and never and len(never) == self._builds.run_steps:
            self._names -= {CLOCK.name}
            self._left_out[CLOCK.name] = f"it cannot be moved: {self._unreached(unreached)}"

    def _varied(self, plain: VerifiedBuild, number: int) -> VerifiedBuild:
        machine = self._builds.machine(number)
        count = self._options.builds

        def build(variation: Variation) -> VerifiedBuild:
            self._wait(plain, variation)
            self._told.say(f"build {number + 1} of {count}: {_words(variation)}")
            try:
                return self._builds.build(variation)
            except SamebitError as error:
                self._told.say(f"it failed: {error}")
                raise

        done, left_out = without_failing(
            self._names, _RISKY, lambda names: vary(names, machine), build
        )
        self._left_out.update(left_out)
        shown = self._shown_by(plain, done)
        if not shown:
            return done
        # That build would differ only for the way in which it is varied.
        self._names -= shown.keys()
        self._left_out.update(shown)
        return self._varied(plain, number)

    def _shown_by(self, plain: VerifiedBuild, build: VerifiedBuild) -> dict[str, str]:
        """Say which axes a file shows that keeps the environment of RUN, and which file."""
        found = {}
        for axis, words in _TRACES.items():
            if axis in build.variation.varied:
                path = first_holding(self._session.store, plain, build, words)
                if path is not None:
                    found[axis] = f"/{escaped(path)} keeps RUN's environment, which shows it"
        return found

    def _wait(self, plain: VerifiedBuild, variation: Variation) -> None:
        """Wait until time itself has varied enough, where the clock cannot be moved."""
        if CLOCK.name in variation.varied and not plain.witness.unreached:
            return
        left = plain.started + self._options.apart - time.monotonic()
        if left > 0:
            self._told.say(
                f"waiting {int(left) + 1} s: builds whose clock cannot be moved must start"
                f" {self._options.apart} s apart"
            )
            time.sleep(left)

    def _axes(
        self, plain: VerifiedBuild, varied: list[VerifiedBuild]
    ) -> tuple[tuple[VariedAxis, ...], tuple[UnvariedAxis, ...]]:
        how: dict[str, str] = {}
        reasons: dict[str, str] = {}
        for build in reversed(varied):
            how.update(build.variation.varied)
            reasons.update(build.variation.not_varied)
        reasons.update(self._left_out)
        for axis in all_axes():
            if axis.name not in self._names:
                reasons.setdefault(axis.name, "left out by --vary")
        unreached = varied[0].witness.unreached
        if CLOCK.name in how and unreached:
            how[CLOCK.name] += f"; not for {self._unreached(unreached)}"
        if CLOCK.name in reasons:
            apart = int(min(build.started - plain.started for build in varied))
            reasons[CLOCK.name] += f"; builds started {_apart(apart)} apart"
        return (
            tuple(VariedAxis(name, how[name]) for name in sorted(how)),
            tuple(UnvariedAxis(name, reasons[name]) for name in sorted(reasons) if name not in how),
        )

    def _unreached(self, unreached: dict[str, str]) -> str:
        by_reason: dict[str, list[str]] = {}
        for step, reason in sorted(unreached.items()):
            where = self._builds.instructions[step].where
            by_reason.setdefault(_UNREACHED[reason], []).append(f"line {where.line}")
        return "; ".join(
            f"{', '.join(dict.fromkeys(lines))} ({reason})"
            for reason, lines in sorted(by_reason.items())
        )

    def _as_built(self, plain: VerifiedBuild, varied: list[VerifiedBuild]) -> AsBuilt:
        shown: set[bytes] = set()
        count = 0
        for build in varied:
            number = 0
            for platform in range(len(plain.platforms)):
                pair = plain.witness.written(platform), build.witness.written(platform)
                for path in differing(*pair):
                    number += 1
                    if len(shown) < _SHOWN_AS_BUILT:
                        shown.add(path)
            count = max(count, number)
        return AsBuilt(count, tuple(f"/{escaped(path)}" for path in sorted(shown)))

    def _expectation(self, expect: Digest | None) -> Expectation | None:
        if expect is not None:
            return Expectation(str(expect), str(expect))
        name = self._options.against
        if name is None:
            return None
        with open_source(name, None, self._session.store.root, self._work / "against") as source:
            found = source.descriptor
            platforms = self._builds.platforms
            if source.index is not None and len(platforms) == 1:
                # Published for several, of which one is built.
                found = choose(source.blobs, source.index, platforms[0], name).descriptor
            return Expectation(name, str(found.digest))

    def _keep(self, found: list[VerifiedBuild]) -> None:
        if self._options.keep is None:
            return
        with machine_errors(f"cannot write to {self._options.keep}"):
            self._options.keep.mkdir(parents=True, exist_ok=True)
        for number, build in enumerate(found, 1):
            place = self._options.keep / f"build-{number}"
            wanted = Outputs(locations=parse_locations((f"oci:{place}",)))
            deliver(wanted, build.image, self._session.store, self._told.say, ())


def _plain() -> Variation:
    """Give the conditions of an ordinary build, which tells which steps a clock would reach."""
    clock: MovedClock | None = probe()
    conditions = Conditions()
    if clock is not None:
        conditions = replace(conditions, step=replace(conditions.step, clock=clock))
    return Variation(conditions, {}, {})


def _apart(seconds: int) -> str:
    """Word a time between builds, the same in most verifications."""
    return f"more than {SECONDS_APART - 1} s" if seconds >= SECONDS_APART else f"{seconds} s"


def _outcome(build: VerifiedBuild) -> BuildOutcome:
    varied = tuple(VariedAxis(*item) for item in sorted(build.variation.varied.items()))
    return BuildOutcome(str(build.image.digest), varied)


def _words(variation: Variation) -> str:
    return "; ".join(f"{name} {how}" for name, how in variation.varied.items()) or "nothing varied"
