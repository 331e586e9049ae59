"""`samebit lock --check`: whether the lock belongs to the recipe, without fetching anything."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.dockerfile.config import ImageConfig, read_config
from samebit.dockerfile.stages import External, Plan, plan
from samebit.errors import InputError, InternalError
from samebit.lock.epoch import locked_epoch
from samebit.lock.model import Lock, Recipe, make_recipe
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.platform import Platform
from samebit.pipeline.bases import BaseFinder
from samebit.pipeline.recipe import platforms_of, require_epoch, require_fresh
from samebit.pipeline.recorded_base import MadeBase
from samebit.pipeline.request import BuildRequest
from samebit.pipeline.workspace import Workspace, open_workspace
from samebit.store.store import Store
from samebit.transports.resolve import stored_image


def check(request: BuildRequest, store: Store) -> Path | None:
    """Raise LockError unless the lock is there and belongs to the recipe; gives its path.

    No base image is brought in and no connection opened. Of a base that the store does not have,
    the triggers are unknown: what only they could use counts as used.
    """
    workspace = open_workspace(request)
    if workspace.lock is None:
        require_fresh(workspace, None, None)
        raise InternalError("a missing lock was taken for a fresh one")
    if request.epoch is None:
        locked_epoch(workspace.lock, os.environ)
    else:
        require_epoch(workspace, request.epoch)
    recipe = _recipe(request, workspace, workspace.lock, store)
    require_fresh(workspace, workspace.lock, recipe)
    return workspace.lock_file


def _recipe(request: BuildRequest, workspace: Workspace, lock: Lock, store: Store) -> Recipe:
    with BaseFinder(
        store,
        context=workspace.context,
        configuration=workspace.configuration,
        build_contexts=request.build_contexts,
        lock=lock,
        make_debian=_never,
        say=lambda _line: None,
        locked=True,
    ) as finder:
        references = []
        used: dict[str, str] = {}
        complete = True
        platforms = platforms_of(request, lock)
        for platform in platforms:
            planned, whole = _plan(
                request, workspace, lock=lock, platform=platform, finder=finder, store=store
            )
            complete = complete and whole
            used.update(planned.used_args)
            references += [
                finder.reference(external)
                for external in planned.images
                if finder.directory(external.reference) is None
            ]
    if not complete:
        references += lock.recipe.bases
        given = request.build_args.items()
        used.update(pair for pair in lock.recipe.build_args if pair in given)
    return make_recipe(
        workspace.dockerfile.instructions,
        bases=references,
        target=request.target,
        platforms=platforms,
        build_args=used,
        normalising=workspace.configuration.normalising,
    )


def _plan(
    request: BuildRequest,
    workspace: Workspace,
    *,
    lock: Lock,
    platform: Platform,
    finder: BaseFinder,
    store: Store,
) -> tuple[Plan, bool]:
    """Plan the stages with what the store has; tells whether that was every base's config."""
    configs: dict[External, ImageConfig] = {}
    while True:
        planned = plan(
            workspace.dockerfile,
            platform=platform,
            build_platform=Platform.native(),
            build_args=request.build_args,
            target=request.target,
            epoch=lock.epoch,
            bases=configs,
        )
        found = {
            external: config
            for external in planned.unresolved
            if (config := _stored_config(external, lock, finder, store)) is not None
        }
        if not found:
            return planned, not planned.unresolved
        configs |= found


def _stored_config(
    external: External, lock: Lock, finder: BaseFinder, store: Store
) -> ImageConfig | None:
    reference = finder.reference(external)
    locked = lock.base(reference.name, reference.platform)
    if locked is None or locked.digest is None or not store.has(locked.digest):
        return None
    try:
        descriptor = Descriptor(OCI_MANIFEST, locked.digest, store.size(locked.digest))
        image = stored_image(store, descriptor, external.platform)
        return read_config(image.config_document.document, external.reference)
    except InputError:
        # Incomplete or damaged: a build brings it in anew.
        return None


def _never(_order: object) -> MadeBase:
    raise InternalError("a check does not make base images")
