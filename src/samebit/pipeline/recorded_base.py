"""Making a Debian base image with every fetched byte recorded, or again from what was recorded."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from samebit.debian.recipe import DebianBase
from samebit.engines.step_mounts import private_directory
from samebit.errors import LockError, Place, SamebitError, UsageError
from samebit.lock.fetch import LockedFetch, base_instruction, combine
from samebit.lock.fetch_toml import format_fetches, parse_fetches
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.network.problems import Problem, ProblemKind
from samebit.pipeline.bodies import lacking
from samebit.pipeline.bring_bodies import bring_bodies
from samebit.pipeline.step_network import problems_error
from samebit.store.store import Store

_NOTES = "base-fetches"
_OTHERWISE = (
    "leave out the package whose installation asks for it: only what comes by HTTP from a host's"
    " name can be recorded"
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BaseOrder:
    """A base image to be made: its recipe with a platform, and the name that fetches go under.

    `known` is what the lock has of it; with `record` what it lacks is asked for and recorded, else
    it is a miss. `inputs` is the artifact with the recorded bytes. `where` is what asks for the
    base; `repair` is the command that records what is missing, `renew` the one that asks for
    everything anew.
    """

    recipe: DebianBase
    name: str
    known: tuple[LockedFetch, ...]
    record: bool
    inputs: Reference | None
    where: Place | None
    repair: str
    renew: str


@dataclass(frozen=True, slots=True)
class MadeBase:
    """A base image in the store, and all that was fetched for it."""

    image: Descriptor
    fetches: tuple[LockedFetch, ...]


def is_recordable(recipe: DebianBase) -> bool:
    """Tell whether the archive has a name of the Internet; nothing else can be recorded."""
    if recipe.mirror is None:
        return True
    parts = urlsplit(recipe.mirror)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme == "file" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


def make_recorded(
    order: BaseOrder, epoch: int, store: Store, *, say: Say, told: Say | None = None
) -> MadeBase:
    """Make the base in a network of its own, over which everything that is fetched is known.

    A recipe that is not recordable is made over the host's. For an ordinary user the process starts
    anew inside a user namespace. `epoch` is in seconds, `told` receives mmdebstrap's progress.
    Raises LockError for what is not recorded and cannot be, InputError for what cannot be had, and
    as `make_base` does.
    """
    # Slow to import, and few builds make a base.
    from samebit.pipeline.base import make_base  # noqa: PLC0415

    if not is_recordable(order.recipe):
        return MadeBase(make_base(order.recipe, epoch, store, say=told), ())
    from samebit.debian.network import ArchiveNetwork  # noqa: PLC0415
    from samebit.engines.rootless import enter_user_namespace  # noqa: PLC0415
    from samebit.engines.select import engine_program  # noqa: PLC0415
    from samebit.network.restore import restore  # noqa: PLC0415
    from samebit.network.session import open_network  # noqa: PLC0415
    from samebit.network.trust import BUNDLE  # noqa: PLC0415

    enter_user_namespace(engine_program())
    bring_bodies(order.known, order.inputs, store, say)
    restore(store, order.known, os.environ)
    image: Descriptor | None = None
    failure: SamebitError | None = None
    with (
        private_directory(store.root) as private,
        open_network(
            store,
            order.known,
            order.recipe.target,
            private,
            record=order.record,
            environment=os.environ,
        ) as network,
    ):
        network.marker.write_text(base_instruction(order.name), "ascii")
        surroundings = ArchiveNetwork(
            namespace=network.namespace,
            resolver=network.resolver,
            authority=network.files[BUNDLE],
            private=private,
            replays=bool(order.known),
        )
        try:
            image = make_base(order.recipe, epoch, store, say=told, network=surroundings)
        except SamebitError as error:
            failure = error
        _require_answers(order, network.problems(), failure)
        fetches = combine(network.fetches())
    if image is None:
        assert failure is not None
        if order.known:
            failure.fix = f"{failure.fix}; for the packages of today: {order.renew}"
        raise failure
    if order.record:
        store.sync(fetch.digest for fetch in fetches)
        note(store, image.digest, fetches)
    return MadeBase(image, fetches)


def _require_answers(
    order: BaseOrder, problems: tuple[Problem, ...], failure: SamebitError | None
) -> None:
    """Raise for what was asked in vain, even where the installation went on all the same."""
    error = problems_error(
        problems, lambda _problem: order.where, lambda _problem: order.recipe.command(), failure
    )
    if error is None:
        return
    if isinstance(error, LockError):
        missing = any(problem.kind is ProblemKind.MISS for problem in problems)
        error.what = f"base image {order.name}: {error.what}"
        error.fix = f"record it: {order.repair}" if missing else _OTHERWISE
    raise error from failure


def note(store: Store, base: Digest, fetches: tuple[LockedFetch, ...]) -> None:
    """Remember what a base was made from, for other locks that pin it."""
    platforms = fetches[0].platforms if fetches else ()
    store.set_record(_NOTES, base.hex, format_fetches(fetches, platforms))


def noted(store: Store, base: Digest, name: str, platform: Platform) -> tuple[LockedFetch, ...]:
    """Give what the base was made from here, under the given name; nothing if a byte is gone."""
    record = store.record(_NOTES, base.hex)
    if record is None:
        return ()
    try:
        found = parse_fetches(record, (platform,))
    except UsageError:
        return ()
    if lacking(found, store):
        return ()
    return tuple(replace(fetch, instruction=base_instruction(name)) for fetch in found)
