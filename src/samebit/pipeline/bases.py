"""Finding base images: pinned by the lock, made from a recipe, in the store, or from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from samebit.configuration.samebit_toml import Configuration
from samebit.debian.recipe import DebianBase
from samebit.dockerfile.stages import External
from samebit.errors import InputError, LockError, Place, UsageError
from samebit.image.manifest import Image
from samebit.lock.model import BaseReference, Lock, LockedBase
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.pipeline.pull import pull
from samebit.registry.client import RegistryClient
from samebit.store.store import Store
from samebit.transports.dispatch import load
from samebit.transports.locate import Location, Transport, parse_source
from samebit.transports.resolve import stored_image

# What `--build-context NAME=…` of docker buildx may begin with, beside a directory.
_DOCKER_IMAGE = "docker-image://"
_OCI_LAYOUT = "oci-layout://"


@dataclass(frozen=True, slots=True)
class Base:
    """A base image, complete in the store, and how the lock pins it."""

    image: Image
    locked: LockedBase


class BaseFinder:
    """Finds the images that FROM, COPY --from and RUN --mount name; close it after use.

    `lock` pins bases that it knows; with `locked` there are no others. `update` says by name which
    are looked up anew all the same. `say` tells a person what takes time.
    """

    def __init__(
        self,
        store: Store,
        *,
        configuration: Configuration,
        build_contexts: Mapping[str, str],
        lock: Lock | None,
        make_debian: Callable[[DebianBase], Descriptor],
        say: Callable[[str], None],
        locked: bool = False,
        update: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        self._store = store
        self._configuration = configuration
        self._build_contexts = build_contexts
        self._lock = lock
        self._make_debian = make_debian
        self._say = say
        self._locked = locked
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
        """Give what a lock says that the recipe asks for."""
        recipe = self._recipe(external)
        return BaseReference(
            external.reference,
            external.platform,
            recipe[1] if recipe else None,
        )

    def find(self, external: External, where: Place | None) -> Base:
        """Bring a base into the store. Raises InputError, LockError, MachineError, UsageError."""
        reference = self.reference(external)
        locked = self._pinned(reference)
        if locked is not None:
            known = self._in_store(locked)
            if known is not None:
                return Base(known, locked)
        elif self._locked:
            raise LockError(
                f"base image {external.reference} ({external.platform}) is not in the lock",
                where=where,
                fix="bring the lock up to date: samebit lock",
            )
        try:
            image = self._bring(external, locked)
        except InputError as error:
            raise InputError(
                f"base image {external.reference}: {error.what}",
                where=where,
                fix=error.fix,
                detail=error.detail,
            ) from error
        found = LockedBase(
            reference.name,
            reference.platform,
            image.descriptor.digest,
            image.config_document.diff_ids if image.canonicalised else (),
            reference.made_from,
        )
        if locked is not None and not _same(locked, found):
            raise LockError(
                f"base image {external.reference} is {found.digest} now, the lock pins"
                f" {locked.digest}, which is not to be had any more",
                where=where,
                fix=f"accept the new one: samebit lock --update {external.reference}",
            )
        return Base(image, found)

    def _pinned(self, reference: BaseReference) -> LockedBase | None:
        if self._lock is None or self._update(reference.name):
            return None
        found = self._lock.base(reference.name, reference.platform)
        return found if found is not None and found.reference == reference else None

    def _in_store(self, locked: LockedBase) -> Image | None:
        if locked.digest is None or not self._store.has(locked.digest):
            return None
        descriptor = Descriptor(OCI_MANIFEST, locked.digest, self._store.size(locked.digest))
        image = stored_image(self._store, descriptor, locked.platform)
        blobs = [image.manifest.config, *image.manifest.layers]
        return image if all(self._store.has(blob.digest) for blob in blobs) else None

    def _recipe(self, external: External) -> tuple[DebianBase, Digest] | None:
        if self._build_contexts.get(external.reference) is not None:
            return None
        try:
            reference = Reference.parse(external.reference)
        except UsageError:
            return None
        recipe = self._configuration.base(reference)
        if recipe is None:
            return None
        debian = DebianBase(
            suite=recipe.suite,
            variant=recipe.variant,
            include=recipe.include,
            platform=external.platform,
            mirror=recipe.mirror,
            components=recipe.components,
        )
        return debian, recipe.checksum

    def _bring(self, external: External, locked: LockedBase | None) -> Image:
        recipe = self._recipe(external)
        if recipe is not None:
            return self._from_recipe(external, *recipe)
        text = external.reference
        given = self._build_contexts.get(text)
        if given is not None:
            text = _image_text(given)
        location = parse_source(text)
        if location.transport is Transport.STORE and given is None:
            return self._named(text, location, external.platform, locked)
        if location.transport is Transport.REGISTRY:
            return self._from_registry(str(location.reference), external.platform, locked)
        return load(location, self._store, external.platform)

    def _from_recipe(self, external: External, recipe: DebianBase, checksum: Digest) -> Image:
        # Keyed by recipe and platform, so that a changed recipe is made anew.
        key = f"{checksum.hex}-{str(external.platform).replace('/', '-')}"
        record = self._store.record("bases", key)
        if record is not None and not self._update(external.reference):
            digest = Digest.parse(record.decode("ascii"))
            if self._store.has(digest):
                descriptor = Descriptor(OCI_MANIFEST, digest, self._store.size(digest))
                return stored_image(self._store, descriptor, external.platform)
        self._say(f"making the base image {external.reference} from its recipe")
        descriptor = self._make_debian(recipe)
        self._store.set_record("bases", key, str(descriptor.digest).encode("ascii"))
        return stored_image(self._store, descriptor, external.platform)

    def _named(
        self, text: str, location: Location, platform: Platform, locked: LockedBase | None
    ) -> Image:
        assert location.reference is not None
        if locked is None:
            descriptor = self._store.resolve(str(location.reference))
            if descriptor is not None:
                return stored_image(self._store, descriptor, platform)
        return self._from_registry(text, platform, locked)

    def _from_registry(self, text: str, platform: Platform, locked: LockedBase | None) -> Image:
        if self._client is None:
            self._client = RegistryClient()
        if locked is not None and locked.digest is not None:
            candidates = self._client.candidates(text)
            text = str(candidates[0].with_digest(locked.digest))
        self._say(f"looking up {text}")
        return pull(self._client, text, platform, self._store)


def _same(locked: LockedBase, found: LockedBase) -> bool:
    if locked.diff_ids:
        return locked.diff_ids == found.diff_ids
    return locked.digest == found.digest


def _is_image(given: str) -> bool:
    prefixes = (_DOCKER_IMAGE, _OCI_LAYOUT, "oci:", "oci-archive:", "docker-archive:", "docker://")
    return given.startswith((*prefixes, "containers-storage:"))


def _image_text(given: str) -> str:
    if given.startswith(_DOCKER_IMAGE):
        return "docker://" + given.removeprefix(_DOCKER_IMAGE)
    if given.startswith(_OCI_LAYOUT):
        return "oci:" + given.removeprefix(_OCI_LAYOUT)
    return given
