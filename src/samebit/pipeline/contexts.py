"""The build contexts of a build: what enters, its digest, and the staged copies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from samebit.context.git_facts import untracked_findings
from samebit.context.ignore import NO_RULES, IgnoreRules, read_ignore
from samebit.context.stage import Modes, StagedContext, digest_context, stage
from samebit.context.stat_cache import StatCache
from samebit.dockerfile.lowering_model import CONTEXT_DIRECTORY
from samebit.dockerfile.stages import Plan
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.pipeline.request import BuildRequest
from samebit.pipeline.workspace import Workspace
from samebit.store.store import Store

MAIN = ""
"""The name of the build context itself among the named ones."""


class Contexts:
    """The main context and the directories of --build-context that the stages use."""

    def __init__(self, request: BuildRequest, workspace: Workspace, store: Store) -> None:
        self._request = request
        self._workspace = workspace
        self._store = store
        self._modes = Modes.KEEP if request.keep_modes else Modes.GIT
        # Neither what a build reads beside its context nor what it writes is part of its input.
        outside = [*workspace.lock_files, *request.excluded]
        if workspace.lock_file is not None:
            outside.append(workspace.lock_file)
        self._exclude = frozenset(path.absolute() for path in outside)

    def digests(self, plan: Plan, only: frozenset[bytes] | None) -> dict[str, Digest]:
        """Digest every context, reading only files that changed since the last time.

        `only` are the parts of the main context that the stages can reach, None for all of it.
        """
        found = {}
        for name, folder, rules in self._folders(plan):
            kind, key = "stat-cache", _key(folder)
            cache = StatCache.load(self._store.record(kind, key))
            before = cache.dump()
            found[name] = digest_context(
                folder,
                rules,
                modes=self._modes,
                exclude=self._exclude,
                only=only if name == MAIN else None,
                cache=cache,
            )
            after = cache.dump()
            if after != before:
                self._store.set_record(kind, key, after)
        return found

    def stage(
        self, plan: Plan, root: Path, epoch: int, only: frozenset[bytes] | None
    ) -> dict[str, StagedContext]:
        """Copy every context below `root` and normalise it: the main one as CONTEXT_DIRECTORY."""
        staged = {}
        root.mkdir()
        for number, (name, folder, rules) in enumerate(self._folders(plan)):
            staged[name] = stage(
                folder,
                rules,
                root / (CONTEXT_DIRECTORY if name == MAIN else f"named-{number}"),
                epoch=epoch,
                modes=self._modes,
                exclude=self._exclude,
                only=only if name == MAIN else None,
                cache=StatCache.load(self._store.record("stat-cache", _key(folder))),
            )
        return staged

    def findings(self, staged: dict[str, StagedContext]) -> tuple[Finding, ...]:
        """Warn about files that git does not know and that entered all the same."""
        return untracked_findings(self._workspace.context, staged[MAIN].entries)

    @property
    def excluded(self) -> frozenset[Path]:
        """Absolute paths that must never enter a context."""
        return self._exclude

    def folders(self, plans: Sequence[Plan]) -> list[tuple[str, Path, IgnoreRules]]:
        """Give the name, directory and ignore rules of every context that the plans use."""
        found = {
            name: (name, at, rules) for plan in plans for name, at, rules in self._folders(plan)
        }
        return [found[name] for name in sorted(found)]

    @property
    def folder(self) -> Path:
        """The main context's directory."""
        return self._workspace.context

    @property
    def rules(self) -> IgnoreRules:
        """The ignore rules of the main context."""
        return self._workspace.rules

    def _folders(self, plan: Plan) -> list[tuple[str, Path, IgnoreRules]]:
        folders = [(MAIN, self._workspace.context, self._workspace.rules)]
        used = {external.reference for external in plan.images}
        for name, given in sorted(self._request.build_contexts.items()):
            if name in used and os.path.isdir(given):
                folders.append((name, Path(given), read_ignore(Path(given)) or NO_RULES))
        return folders


def _key(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()
