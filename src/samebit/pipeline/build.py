"""`samebit build`: from an unmodified Dockerfile to a canonical image in the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.lowering import context_sources, reachable
from samebit.engines.protocol import Engine
from samebit.errors import MachineError, Place, UsageError
from samebit.lock.epoch import DEFAULT_EPOCH, choose_epoch, locked_epoch
from samebit.lock.fetch import LockedFetch
from samebit.lock.model import Lock
from samebit.lock.redaction import origin_of
from samebit.lock.staleness import staleness
from samebit.lock.toml import check_writable, write_lock
from samebit.lock.update import matching_origins, settle
from samebit.model.descriptor import Descriptor
from samebit.model.finding import Finding
from samebit.model.normalising import Account
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.model.toml_source import nearest
from samebit.normalisers.selection import known_names, unknown_names
from samebit.pipeline.bases import BaseFinder
from samebit.pipeline.compose import combine
from samebit.pipeline.contexts import Contexts
from samebit.pipeline.inputs_gc import note_lock
from samebit.pipeline.memo import memo_key, recall, remember
from samebit.pipeline.recipe import (
    ResolvedRecipe,
    complete_bases,
    new_lock,
    platforms_of,
    recipe_of,
    require_epoch,
    require_fresh,
    resolve_recipe,
    told_platform,
)
from samebit.pipeline.recorded_base import BaseOrder, MadeBase, make_recorded
from samebit.pipeline.replay import is_unproven, note_recorded, note_replayed
from samebit.pipeline.request import EVERYTHING, BuildRequest
from samebit.pipeline.run_stages import StagesResult, run_stages
from samebit.pipeline.workspace import Workspace, open_workspace
from samebit.report.progress import BuildProgress
from samebit.store.store import Store
from samebit.transports.locate import parse_source


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build gave: the image (or the index of several), and what a person should know.

    `reused` says that the memo answered, `lock_written` that the lock file changed, `recorded` that
    this build or the one it reuses settled the lock, and that no replay has proved the digest yet.
    `accounts` say what normalising did, by platform.
    """

    image: Descriptor
    platforms: tuple[tuple[Platform, Descriptor], ...]
    lock: Lock
    lock_file: Path | None
    lock_written: bool
    recorded: bool
    reused: bool
    findings: tuple[Finding, ...]
    accounts: tuple[tuple[Platform, Account], ...] = ()

    def sources(self) -> tuple[Reference, ...]:
        """Give the images of registries whose layers this one may hold."""
        found = []
        for base in self.lock.bases:
            with suppress(UsageError):
                place = parse_source(base.name.removeprefix("docker-image://"))
                found += [place.reference] if place.reference else []
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is known before the engine starts; `recorded`: the lock is to be written."""

    workspace: Workspace
    parts: tuple[ResolvedRecipe, ...]
    lock: Lock
    recorded: bool
    findings: tuple[Finding, ...]


def build_prepared(
    prepared: Prepared,
    request: BuildRequest,
    store: Store,
    start_engine: Callable[[], Engine],
    progress: BuildProgress,
) -> BuildResult:
    """Build what `prepare` made of the same request, into the store, and write the lock.

    `start_engine` is called only when something has to be built. Raises SamebitError of every kind.
    """
    workspace, lock = prepared.workspace, prepared.lock
    recording = not request.locked and (prepared.recorded or request.records)
    if recording and workspace.lock_file is not None:
        # Not after an hour of building.
        check_writable(workspace.lock_file)
    findings = list(prepared.findings)
    images: list[tuple[Platform, Descriptor]] = []
    accounts: list[tuple[Platform, Account]] = []
    built: list[tuple[ResolvedRecipe, frozenset[bytes] | None, StagesResult]] = []
    unproven = False
    engine: Engine | None = None
    # What a secret or an agent gave is not part of the key, so it must not answer for it.
    keyed = not request.secrets and not request.ssh
    contexts = Contexts(request, workspace, store)
    for part in prepared.parts:
        evaluation = evaluate(
            part.plan,
            part.configs(),
            labels=request.labels,
            platform=told_platform(request, part.platform),
        )
        wanted = reachable(context_sources(evaluation))
        if keyed and request.use_memo:
            key = memo_key(request, lock, contexts.digests(part.plan, wanted), part.platform)
            known = recall(store, key)
            if known is not None:
                images.append((part.platform, known))
                from samebit.pipeline.normalise_layer import (  # noqa: PLC0415
                    findings_of,
                    recall_account,
                )
                from samebit.pipeline.origins import renew_places  # noqa: PLC0415

                renew_places(store, known, evaluation)
                account = recall_account(store, key)
                accounts.append((part.platform, account))
                findings += findings_of(account)
                unproven = unproven or is_unproven(store, key)
                continue
        engine = engine or start_engine()
        done = run_stages(
            request,
            part,
            evaluation=evaluation,
            reachable=wanted,
            lock=lock,
            contexts=contexts,
            store=store,
            engine=engine,
            progress=progress,
            record=recording,
        )
        findings += done.findings
        built.append((part, wanted, done))
        images.append((part.platform, done.image))
        accounts.append((part.platform, done.account))
    image = combine(store, images)
    if recording:
        lock = _settled(prepared, {part.platform: done.fetches for part, _, done in built})
        store.sync(fetch.digest for fetch in lock.fetches)
    changed = lock != workspace.lock
    for part, wanted, done in built:
        digests = contexts.digests(part.plan, wanted)
        if keyed and done.context_digests == digests:
            key = memo_key(request, lock, digests, part.platform)
            remember(store, key, done.image)
            # Loaded while the engine ran: see samebit.pipeline.tree_layer.
            from samebit.pipeline.normalise_layer import remember_account  # noqa: PLC0415

            remember_account(store, key, done.account)
            if changed:
                note_recorded(store, key, done.image.digest)
            elif differs := note_replayed(store, key, done.image.digest):
                findings.append(differs)
            unproven = unproven or is_unproven(store, key)
        elif changed:
            unproven = True
    written = recording and changed and _write(workspace.lock_file, lock, image)
    if workspace.lock_file is not None and built:
        note_lock(store, workspace.lock_file, lock)
    return BuildResult(
        image=image,
        platforms=tuple(images),
        lock=lock,
        lock_file=workspace.lock_file,
        lock_written=written,
        recorded=unproven,
        reused=not built,
        findings=tuple(dict.fromkeys(findings)),
        accounts=tuple(accounts),
    )


def prepare(request: BuildRequest, store: Store, say: Callable[[str], None]) -> Prepared:
    """Read the user's files, bring the bases into the store and settle the lock.

    With `request.locked` a missing or stale lock raises LockError; otherwise it is extended.
    """
    workspace = open_workspace(request)
    _check_choices(workspace)
    if request.locked and workspace.lock is None:
        require_fresh(workspace, None, None, request.locked_by)
    epoch, findings = _epoch(request, workspace)

    def make(order: BaseOrder) -> MadeBase:
        # Not the project's epoch: one recipe gives one base, whatever stands on it.
        return make_recorded(order, DEFAULT_EPOCH, store, say=say)

    with BaseFinder(
        store,
        context=workspace.context,
        configuration=workspace.configuration,
        build_contexts=request.build_contexts,
        lock=workspace.lock,
        make_debian=make,
        say=say,
        locked=request.locked,
        records=request.records,
        update=partial(_updates, request, workspace.lock),
    ) as finder:
        for name in request.build_contexts:
            finder.directory(name)
        parts = tuple(
            resolve_recipe(workspace, request, platform, epoch, finder)
            for platform in platforms_of(request, workspace.lock)
        )
        recipe = recipe_of(workspace, request, parts)
        if request.locked:
            require_fresh(workspace, workspace.lock, recipe, request.locked_by)
        known = workspace.lock
        extends = request.records or known is None or bool(staleness(known, recipe))
        if extends and not request.locked:
            parts = tuple(complete_bases(workspace, part, finder) for part in parts)
    _require_match(request, parts, workspace.lock)
    lock = new_lock(recipe, parts, epoch, known, request.update)
    if request.locked or not extends:
        # A replay does not change the lock, even if it could say more.
        lock = replace(lock, fetches=known.fetches if known is not None else ())
    findings += [finding for part in parts for finding in part.plan.findings]
    return Prepared(workspace, parts, lock, lock != workspace.lock, tuple(findings))


def _updates(request: BuildRequest, lock: Lock | None, name: str) -> bool:
    """Tell whether a base shall be looked up anew: by name, or because of where it comes from."""
    if request.updates(name):
        return True
    if request.update is None or lock is None:
        return False
    origins = matching_origins(lock.fetches, request.update)
    return any(f.base == name and origin_of(f.key.url) in origins for f in lock.fetches)


def _check_choices(workspace: Workspace) -> None:
    configuration = workspace.configuration
    for name in unknown_names(configuration.normalising):
        raise UsageError(
            f"normalise.off: no normaliser is called {name}",
            where=Place(str(configuration.path)),
            fix=nearest(name, known_names(), "use"),
        )


def _settled(prepared: Prepared, used: Mapping[Platform, tuple[LockedFetch, ...]]) -> Lock:
    """Give the lock with what was really asked of the network."""
    recipe = prepared.lock.recipe
    fetches = settle(prepared.lock.fetches, used, recipe.platforms)
    return replace(prepared.lock, fetches=fetches)


def _require_match(
    request: BuildRequest, parts: Sequence[ResolvedRecipe], lock: Lock | None
) -> None:
    names = sorted({base.locked.name for part in parts for base in part.bases.values()})
    fetches = lock.fetches if lock is not None else ()
    if request.update is None or request.update == EVERYTHING or any(map(request.updates, names)):
        return
    if matching_origins(fetches, request.update):
        return
    names += sorted({origin_of(fetch.key.url) for fetch in fetches})
    raise UsageError(
        f"--update={request.update}: no base image and no origin of a fetch has such a name",
        fix=f"it is one of: {', '.join(names)}" if names else "this build has no such inputs",
    )


def _write(lock_file: Path | None, lock: Lock, image: Descriptor) -> bool:
    if lock_file is None:
        return False
    try:
        return write_lock(lock_file, lock)
    except MachineError as error:
        raise MachineError(
            error.what,
            where=error.where,
            fix=error.fix,
            detail=f"the image was built and is in the store: {image.digest}",
        ) from error


def _epoch(request: BuildRequest, workspace: Workspace) -> tuple[int, list[Finding]]:
    """Settle the epoch: the option, else the lock, else chosen anew. Raises LockError."""
    lock = workspace.lock
    if request.epoch is not None:
        if request.locked:
            require_epoch(workspace, request.epoch)
        return request.epoch, []
    if lock is not None and not request.updates_epoch:
        return locked_epoch(lock, os.environ), []
    chosen = choose_epoch(workspace.context, os.environ)
    return chosen.seconds, [chosen.finding] if chosen.finding else []
