"""Finding base images: pinned by the lock, made from a recipe, in the store, or from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from samebit.configuration.samebit_toml import Configuration
from samebit.debian.recipe import DebianBase
from samebit.dockerfile.stages import External
from samebit.errors import InputError, LockError, MachineError, Place, SamebitError, UsageError
from samebit.image.manifest import Image
from samebit.lock.fetch import LockedFetch, of_base
from samebit.lock.model import BaseReference, Lock, LockedBase
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.pipeline.recorded_base import BaseOrder, MadeBase, is_recordable, noted
from samebit.registry.failures import NotFoundError, UnservedError
from samebit.store.store import Store
from samebit.transports.dispatch import load
from samebit.transports.locate import Location, Transport, parse_source
from samebit.transports.resolve import stored_image

if TYPE_CHECKING:
    from samebit.registry.client import RegistryClient

# What `--build-context NAME=…` of docker buildx may begin with, beside a directory.
_DOCKER_IMAGE = "docker-image://"
_OCI_LAYOUT = "oci-layout://"
_REGISTRY = "docker://"


@dataclass(frozen=True, slots=True)
class Base:
    """A base image, complete in the store, and how the lock pins it.

    `recipe` is what makes it, None for one that is fetched. `fetches` is what it was made from just
    now or earlier here, None where what the lock has of it stands.
    """

    image: Image
    locked: LockedBase
    recipe: DebianBase | None = None
    fetches: tuple[LockedFetch, ...] | None = None


class BaseFinder:
    """Finds the images that FROM, COPY --from and RUN --mount name; close it after use.

    `context` is the folder that relative paths in the Dockerfile start from. `lock` pins bases that
    it knows; with `locked` there are no others. With `records` what a base is made from is recorded
    where the lock lacks it. `update` says by name which are looked up anew all
    the same. `say` tells a person what takes time.
    """

    def __init__(
        self,
        store: Store,
        *,
        context: Path,
        configuration: Configuration,
        build_contexts: Mapping[str, str],
        lock: Lock | None,
        make_debian: Callable[[BaseOrder], MadeBase],
        say: Callable[[str], None],
        locked: bool = False,
        records: bool = False,
        update: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        self._store = store
        self._context = context
        self._configuration = configuration
        self._build_contexts = build_contexts
        self._lock = lock
        self._make_debian = make_debian
        self._say = say
        self._locked = locked
        self._records = records
        self._update = update
        self._client: RegistryClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()

    def directory(self, name: str) -> Path | None:
        """Give the directory that `--build-context` gave that name, None for an image's name."""
        given = self._build_contexts.get(name)
        if given is None or _is_image(given):
            return None
        path = Path(given)
        if not path.is_dir():
            raise UsageError(
                f"--build-context {name}={given}: not a directory",
                fix="give a directory, oci-layout://PATH or docker-image://NAME",
            )
        return path

    def reference(self, external: External) -> BaseReference:
        """Give what a lock says that the recipe asks for.

        That is the name in the Dockerfile. Where `--build-context` puts an image of a registry in
        its place, it is that image: a tag is pinned whoever names it, and another one is another
        recipe. A path is no part of it, because it differs by machine.
        """
        recipe = self._recipe(external)
        given = self._build_contexts.get(external.reference)
        name = external.reference
        if given is not None and _image_text(given).startswith(_REGISTRY):
            name = given
        return BaseReference(name, external.platform, recipe.checksum if recipe else None)

    def find(self, external: External, where: Place | None) -> Base:
        """Bring a base into the store. Raises InputError, LockError, MachineError, UsageError."""
        reference = self.reference(external)
        locked = self._pinned(reference)
        replaced = self._is_replaced(external)
        if locked is not None and not replaced:
            known = self._complete(locked.digest, locked.platform)
            if known is not None:
                return Base(known, locked, self._recipe(external))
        elif locked is None and self._locked:
            raise LockError(
                f"base image {external.reference} ({external.platform}) is not in the lock",
                where=where,
                fix="bring the lock up to date: samebit lock",
            )
        recipe = self._recipe(external)
        fetches: tuple[LockedFetch, ...] | None = None
        try:
            if recipe is not None:
                image, fetches = self._from_recipe(external, recipe, locked, where)
            else:
                image = self._bring(external, None if replaced else locked)
        except (InputError, MachineError, UsageError) as error:
            advice = _accept(reference) if locked is not None else None
            gone = advice is not None and isinstance(error, NotFoundError)
            raise _kind(error)(
                f"base image {external.reference}: {error.what}",
                where=where,
                fix=(error.fix if error.fix and not gone else advice) or _advice(external),
                detail=error.detail,
            ) from error
        found = LockedBase(
            reference.name,
            reference.platform,
            image.descriptor.digest,
            image.config_document.diff_ids if image.canonicalised else (),
            reference.made_from,
        )
        if locked is None or _same(locked, found) or (replaced and not self._locked):
            return Base(image, found, recipe, fetches)
        lost = "" if replaced else ", which is not to be had any more"
        raise LockError(
            f"base image {external.reference} is {found.digest} now, the lock pins"
            f" {locked.digest}{lost}",
            where=where,
            fix=_accept(reference),
        )

    def _pinned(self, reference: BaseReference) -> LockedBase | None:
        if self._lock is None or self._update(reference.name):
            return None
        found = self._lock.base(reference.name, reference.platform)
        return found if found is not None and found.reference == reference else None

    def _is_replaced(self, external: External) -> bool:
        """Tell whether `--build-context` puts a local image in the place of the name.

        Such a path says what shall be used now, so that its image is always looked at.
        """
        given = self._build_contexts.get(external.reference)
        return given is not None and not _image_text(given).startswith(_REGISTRY)

    def _complete(self, digest: Digest | None, platform: Platform) -> Image | None:
        """Give an image that the store has with all its blobs, else None."""
        if digest is None or not self._store.has(digest):
            return None
        descriptor = Descriptor(OCI_MANIFEST, digest, self._store.size(digest))
        try:
            image = stored_image(self._store, descriptor, platform)
        except InputError:
            # Damaged, and removed by the store: it is fetched or made anew.
            return None
        whole = all(
            self._store.has(layer.digest) and self._store.size(layer.digest) == layer.size
            for layer in image.manifest.layers
        )
        return image if whole else None

    def _recipe(self, external: External) -> DebianBase | None:
        if self._build_contexts.get(external.reference) is not None:
            return None
        try:
            reference = Reference.parse(external.reference)
        except UsageError:
            return None
        return self._configuration.base(reference)

    def _bring(self, external: External, locked: LockedBase | None) -> Image:
        text = external.reference
        given = self._build_contexts.get(text)
        if given is not None:
            text = _image_text(given)
        location = parse_source(text)
        if location.transport is Transport.STORE and given is None:
            return self._named(text, location, external.platform, locked)
        if location.transport is Transport.REGISTRY:
            return self._from_registry(str(location.reference), external.platform, locked)
        if location.path is not None and given is None:
            location = replace(location, path=self._context / location.path)
        if (
            locked is not None
            and locked.digest is not None
            and location.transport in {Transport.OCI_LAYOUT, Transport.OCI_ARCHIVE}
        ):
            # A layout keeps what its names meant before.
            location = replace(location, name=None, digest=locked.digest)
        return load(location, self._store, external.platform)

    def completed(self, external: External, base: Base, where: Place | None) -> Base:
        """Give a base that the lock pins with what it is made from, where the lock lacks that.

        What was remembered here serves; else the base is made again. When that gives another image
        nobody can tell any more what the pinned one was made from: it stays without, and a line
        says so.
        """
        digest, recipe = base.locked.digest, base.recipe
        if base.fetches is not None or digest is None or recipe is None:
            return base
        name, platform = base.locked.name, base.locked.platform
        if self._known(name, platform) or not is_recordable(recipe):
            return base
        fetches = noted(self._store, digest, name, platform)
        if not fetches:
            self._say(f"recording what the base image {name} is made from")
            made = self._make_debian(self._order(external, recipe, record=True, where=where))
            if made.image.digest != digest:
                self._say(
                    f"base image {name} stays as it is pinned, but is not recorded: the archive"
                    f" gives {made.image.digest} now; to {_accept(base.locked.reference)}"
                )
                return base
            fetches = made.fetches
        return replace(base, fetches=fetches)

    def _from_recipe(
        self,
        external: External,
        recipe: DebianBase,
        locked: LockedBase | None,
        where: Place | None,
    ) -> tuple[Image, tuple[LockedFetch, ...] | None]:
        """Make a base, or find it made; and what it was made from, None if that is in the lock."""
        name, platform = external.reference, external.platform
        # Keyed by recipe and platform, so that a changed recipe is made anew.
        key = f"{recipe.checksum.hex}-{str(platform).replace('/', '-')}"
        known = () if self._update(name) else self._known(name, platform)
        replays = locked is not None and bool(known)
        # Whoever waits here finds what another build has made meanwhile.
        with self._store.exclusive(f"base-{key}"):
            record = self._store.record("bases", key)
            # What was made here last need not be what the lock says.
            if record is not None and not replays and not self._update(name):
                digest = Digest.parse(record.decode("ascii"))
                made = self._complete(digest, platform)
                fetches = noted(self._store, digest, name, platform)
                if made is not None and (
                    fetches or locked is not None or not is_recordable(recipe)
                ):
                    return made, fetches or None
            self._say(f"making the base image {name} from its recipe")
            record_it = not replays or self._records
            order = self._order(external, recipe, record=record_it, where=where)
            done = self._make_debian(order)
            if not replays:
                self._store.set_record("bases", key, str(done.image.digest).encode("ascii"))
        image = stored_image(self._store, done.image, platform)
        return image, done.fetches if order.record and done.fetches else None

    def _order(
        self, external: External, recipe: DebianBase, *, record: bool, where: Place | None
    ) -> BaseOrder:
        name, platform = external.reference, external.platform
        return BaseOrder(
            recipe=replace(recipe, platform=platform),
            name=name,
            known=() if self._update(name) else self._known(name, platform),
            record=record,
            inputs=self._lock.inputs if self._lock is not None else None,
            where=where,
            repair="samebit lock",
            renew=f"samebit lock --update={name}",
        )

    def _known(self, name: str, platform: Platform) -> tuple[LockedFetch, ...]:
        return of_base(self._lock.fetches, name, platform) if self._lock is not None else ()

    def _named(
        self, text: str, location: Location, platform: Platform, locked: LockedBase | None
    ) -> Image:
        assert location.reference is not None
        stored = self._store.resolve(str(location.reference))
        if stored is None:
            return self._from_registry(text, platform, locked)
        if locked is None:
            return stored_image(self._store, stored, platform)
        try:
            return self._from_registry(text, platform, locked)
        except UnservedError as error:
            raise NotFoundError(
                f"samebit's store has another image of that name now, the lock pins"
                f" {locked.digest}, which it does not have any more",
                detail=error.what,
            ) from error

    def _from_registry(self, text: str, platform: Platform, locked: LockedBase | None) -> Image:
        # The HTTP client takes 0.1 s to import, and most builds need none.
        from samebit.pipeline.pull import pull  # noqa: PLC0415
        from samebit.registry.client import RegistryClient  # noqa: PLC0415

        if self._client is None:
            self._client = RegistryClient()
        if locked is not None and locked.digest is not None:
            text = f"{text.partition('@')[0]}@{locked.digest}"
        self._say(f"looking up {text}")
        return pull(self._client, text, platform, self._store)


def _accept(reference: BaseReference) -> str:
    return f"accept what the name means now: samebit lock --update={reference.name}"


def _kind(error: InputError | MachineError | UsageError) -> type[SamebitError]:
    for kind in (MachineError, UsageError):
        if isinstance(error, kind):
            return kind
    return InputError


def _same(locked: LockedBase, found: LockedBase) -> bool:
    if locked.diff_ids:
        return locked.diff_ids == found.diff_ids
    return locked.digest == found.digest


def _is_image(given: str) -> bool:
    prefixes = (_DOCKER_IMAGE, _OCI_LAYOUT, "oci:", "oci-archive:", "docker-archive:", _REGISTRY)
    return given.startswith((*prefixes, "containers-storage:"))


def _image_text(given: str) -> str:
    if given.startswith(_DOCKER_IMAGE):
        return _REGISTRY + given.removeprefix(_DOCKER_IMAGE)
    if given.startswith(_OCI_LAYOUT):
        return "oci:" + given.removeprefix(_OCI_LAYOUT)
    return given


def _advice(external: External) -> str:
    if _is_image(external.reference):
        return "check the path: a relative one starts from the build context"
    return "the image is broken where it comes from: use another tag, or tell who made it"
