"""From the user's files to what will be built: stages, bases, recipe, and the lock that pins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from samebit.dockerfile.config import ImageConfig, read_config
from samebit.dockerfile.stages import External, Plan, StageBase, plan
from samebit.errors import DockerfileError, InputError, LockError, Place
from samebit.image.manifest import Image
from samebit.lock.fetch import LockedFetch, combine, of_base, of_steps
from samebit.lock.model import Lock, Recipe, make_recipe
from samebit.lock.staleness import staleness
from samebit.lock.update import matching_origins, settle, without_origins
from samebit.model.platform import Platform
from samebit.pipeline.bases import Base, BaseFinder
from samebit.pipeline.harden import hardening_of
from samebit.pipeline.request import EVERYTHING, BuildRequest
from samebit.pipeline.workspace import Workspace

# A trigger of a base may name another image; so many rounds no real Dockerfile needs.
_MAX_ROUNDS = 32


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """The stages of one platform with every image they need; `configs` are those of `bases`."""

    platform: Platform
    plan: Plan
    bases: Mapping[External, Base]

    def configs(self) -> dict[External, ImageConfig]:
        """Read the configs of all base images."""
        return {external: _config(external, base) for external, base in self.bases.items()}

    def root_image(self) -> Image | None:
        """Give the outside image that the target stands on, None for scratch."""
        base = self.plan.stages[self.plan.target].base
        while isinstance(base, StageBase):
            base = self.plan.stages[base.index].base
        return self.bases[base].image if isinstance(base, External) else None


def platforms_of(request: BuildRequest, lock: Lock | None) -> tuple[Platform, ...]:
    """Give what is built for, in order: what was asked for, else what the lock holds.

    Only what has neither is built for this machine: a lock gives one image on every machine.
    """
    locked = lock.recipe.platforms if lock is not None else ()
    return tuple(sorted(set(request.platforms or locked or (Platform.native(),))))


def told_platform(request: BuildRequest, platform: Platform) -> Platform | None:
    """Give what the image says of its platform, None where its base decides."""
    return platform if request.platforms or platform != Platform.native() else None


def resolve_recipe(
    workspace: Workspace,
    request: BuildRequest,
    platform: Platform,
    epoch: int,
    finder: BaseFinder,
) -> ResolvedRecipe:
    """Plan the stages, bringing each image they name into the store.

    Raises DockerfileError, InputError, LockError and whatever finding a base raises.
    """
    bases: dict[External, Base] = {}
    configs: dict[External, ImageConfig] = {}
    for _ in range(_MAX_ROUNDS):
        planned = plan(
            workspace.dockerfile,
            platform=platform,
            build_platform=Platform.native(),
            build_args=request.build_args,
            target=request.target,
            epoch=epoch,
            bases=configs,
        )
        missing = [
            external
            for external in planned.images
            if external not in bases and finder.directory(external.reference) is None
        ]
        for external in planned.unresolved:
            if finder.directory(external.reference) is not None:
                raise DockerfileError(
                    f"FROM {external.reference}: --build-context gives a directory of that name",
                    where=_place(workspace, planned, external),
                    fix="give an image: docker-image://NAME or oci-layout://PATH",
                )
        for external in missing:
            try:
                bases[external] = finder.find(external, _place(workspace, planned, external))
            except InputError as error:
                error.fix = _stage_hint(planned, external) or error.fix
                raise
            configs[external] = _config(external, bases[external])
        if not missing:
            break
    used = {external: bases[external] for external in planned.images if external in bases}
    return ResolvedRecipe(platform, planned, used)


def complete_bases(
    workspace: Workspace, part: ResolvedRecipe, finder: BaseFinder
) -> ResolvedRecipe:
    """Find out what bases are made from of which the lock does not know it. Raises as finding."""
    bases = {
        external: finder.completed(external, base, _place(workspace, part.plan, external))
        for external, base in part.bases.items()
    }
    return replace(part, bases=bases)


def recipe_of(
    workspace: Workspace, request: BuildRequest, parts: Sequence[ResolvedRecipe]
) -> Recipe:
    """Describe the recipe as the lock compares it."""
    used: dict[str, str] = {}
    for part in parts:
        used.update(part.plan.used_args)
    return make_recipe(
        workspace.dockerfile.instructions,
        bases=[base.locked.reference for part in parts for base in part.bases.values()],
        target=request.target,
        platforms=[part.platform for part in parts],
        build_args=used,
        normalising=workspace.configuration.normalising,
        hardening=hardening_of(request, workspace.configuration),
    )


def new_lock(
    recipe: Recipe,
    parts: Sequence[ResolvedRecipe],
    epoch: int,
    known: Lock | None,
    update: str | None,
) -> Lock:
    """Pin everything that was resolved, and what is known of the network.

    That are the fetches of the lock so far, `known`, without the origins that `update` matches, and
    what bases were made from where that is known anew; of other bases nothing stays. The
    versions of `known` stay, but for an update of everything; else they are the newest.
    """
    pinned = {base.locked.reference: base.locked for part in parts for base in part.bases.values()}
    fetches = known.fetches if known is not None else ()
    if update is not None:
        fetches = without_origins(fetches, matching_origins(fetches, update))
    stay = settle(of_steps(fetches), {}, recipe.platforms)
    made = [f for part in parts for base in part.bases.values() for f in _made_from(base, known)]
    lock = Lock(
        epoch=epoch,
        recipe=recipe,
        bases=tuple(pinned.values()),
        fetches=combine([*stay, *made]),
        inputs=known.inputs if known is not None else None,
    )
    if known is None or update == EVERYTHING:
        return lock
    return replace(
        lock,
        canonical_form=known.canonical_form,
        normalisers=known.normalisers,
        environment=known.environment,
    )


def require_epoch(workspace: Workspace, wanted: int) -> None:
    """Refuse, with --locked, another epoch than the lock's. Raises LockError."""
    lock = workspace.lock
    if lock is not None and lock.epoch != wanted:
        raise LockError(
            f"--source-date-epoch is {wanted}, but the lock says {lock.epoch}",
            where=Place(str(workspace.lock_file)),
            fix="leave the option out, or build without --locked",
        )


def require_fresh(
    workspace: Workspace, lock: Lock | None, recipe: Recipe | None, by: str = "--locked"
) -> None:
    """Refuse, because of `by`, a lock that is missing or stale. Raises LockError."""
    where = Place(str(workspace.lock_file)) if workspace.lock_file else None
    if lock is None:
        raise LockError(
            f"there is no lock, and {by} forbids to make one",
            where=where,
            fix="record it first: samebit lock",
        )
    reasons = staleness(lock, recipe) if recipe is not None else ()
    if reasons:
        raise LockError(
            f"the lock is stale, and {by} forbids to extend it",
            where=where,
            detail="\n".join(reasons),
            fix="bring it up to date: samebit lock",
        )


def _made_from(base: Base, known: Lock | None) -> tuple[LockedFetch, ...]:
    """Give what a base was made from: found anew, or as the lock has it for this very base."""
    name, platform = base.locked.name, base.locked.platform
    if base.fetches is not None:
        return base.fetches
    if known is None or known.base(name, platform) != base.locked:
        return ()
    found = of_base(known.fetches, name, platform)
    return tuple(replace(fetch, platforms=(platform,)) for fetch in found)


def _config(external: External, base: Base) -> ImageConfig:
    return read_config(base.image.config_document.document, external.reference)


def _place(workspace: Workspace, planned: Plan, external: External) -> Place | None:
    for index in planned.needed:
        stage = planned.stages[index]
        if stage.base == external:
            return workspace.dockerfile.place(stage.origin.span)
        for instruction in stage.instructions:
            if external.reference in instruction.source:
                return workspace.dockerfile.place(instruction.span)
    return None


def _stage_hint(planned: Plan, external: External) -> str | None:
    """Advise on a name that may have been meant for a stage: nothing says which registry."""
    names = [stage.name for stage in planned.stages if stage.name]
    if not names or any(mark in external.reference for mark in "/.:@"):
        return None
    return (
        f"if a stage was meant: the stages are {', '.join(names)}; if an image was meant: check its"
        " name and the network"
    )
