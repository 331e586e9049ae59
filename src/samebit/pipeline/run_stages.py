"""Running a recipe's stages in the engine, and making the image from the tree they end in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from samebit.dockerfile.evaluate import Evaluation, evaluate
from samebit.dockerfile.stages import External, Scratch
from samebit.engines.protocol import Engine
from samebit.image.manifest import Image
from samebit.lock.model import Lock
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.pipeline.bases import Base
from samebit.pipeline.contexts import Contexts
from samebit.pipeline.recipe import ResolvedRecipe
from samebit.pipeline.request import BuildRequest
from samebit.report.progress import BuildProgress
from samebit.store.store import Store


@dataclass(frozen=True, slots=True)
class StagesResult:
    """The image, the digests of the contexts that were really staged, and what was noticed."""

    image: Descriptor
    context_digests: Mapping[str, Digest]
    findings: tuple[Finding, ...]


def run_stages(
    request: BuildRequest,
    part: ResolvedRecipe,
    lock: Lock,
    contexts: Contexts,
    store: Store,
    engine: Engine,
    progress: BuildProgress,
) -> StagesResult:
    """Build one platform's image into the store.

    Raises BuildFailedError for a failing step, and whatever staging, lowering, the engine and the
    canonical writer raise.
    """
    evaluation = evaluate(
        part.plan,
        part.configs(),
        labels=request.labels,
        platform=part.platform if request.platforms else None,
    )
    with store.temporary_directory() as work:
        run = _Run(request, part, lock, contexts, store, engine, progress, evaluation, work)
        return run.result()


def _base_of(evaluation: Evaluation, bases: Mapping[External, Base]) -> Image | None:
    root = evaluation.chain()[0].stage.base
    if isinstance(root, Scratch):
        return None
    assert isinstance(root, External)
    return bases[root].image
