"""One way in and one way out for every kind of place but registries."""

from __future__ import annotations

from collections.abc import Sequence

from samebit.canonical import json as canonical_json
from samebit.errors import InputError, InternalError
from samebit.image.manifest import MAX_MANIFEST, Image
from samebit.image.members import object_of
from samebit.model.descriptor import Descriptor
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports.locate import Location, Transport
from samebit.transports.output import check_file
from samebit.transports.resolve import stored_image

# Each is imported when it is needed: most builds need none, or one.
# ruff: noqa: PLC0415


def load(location: Location, store: Store, platform: Platform | None) -> Image:
    """Bring the image at `location` into the store; for the store itself, just give it.

    Raises InputError, UsageError or MachineError as the kind of place does, and InternalError for
    registries, which samebit.registry reads.
    """
    if location.transport is Transport.STORE and location.reference is not None:
        return stored_image(store, stored(store, location.reference), platform)
    if location.transport is Transport.CONTAINERS_STORAGE and location.name is not None:
        from samebit.transports import containers_storage

        return containers_storage.load(location.name, store, platform)
    if location.path is None:
        raise InternalError(f"{location} is not read here")
    match location.transport:
        case Transport.OCI_LAYOUT:
            from samebit.transports import oci_layout

            read = oci_layout.load
        case Transport.OCI_ARCHIVE:
            from samebit.transports import oci_archive

            read = oci_archive.load
        case Transport.DOCKER_ARCHIVE:
            from samebit.transports import docker_archive

            read = docker_archive.load
        case _:
            raise InternalError(f"{location} is not read here")
    return read(location.path, store, platform, name=location.name, digest=location.digest)


def save(
    location: Location, store: Store, descriptor: Descriptor, names: Sequence[Reference] = ()
) -> None:
    """Write what `descriptor` reaches to `location`, called as it says, else by `names`.

    Raises InputError, UsageError or MachineError as the kind of place does, and InternalError for
    places that are not written here.
    """
    name = location.name or (str(names[0]) if names else None)
    if location.transport is Transport.ENGINE:
        from samebit.transports.load import load_into_engine

        chosen = [Reference.parse(location.name)] if location.name else names
        load_into_engine(store, descriptor, chosen)
    elif location.path is None:
        raise InternalError(f"{location} is not written here")
    elif location.transport is Transport.OCI_LAYOUT:
        from samebit.transports import oci_layout

        oci_layout.save(store, descriptor, location.path, name)
    elif location.transport is Transport.OCI_ARCHIVE:
        from samebit.transports import oci_archive

        oci_archive.save(store, descriptor, location.path, name)
    elif location.transport is Transport.DOCKER_ARCHIVE:
        from samebit.transports import docker_archive

        chosen = [Reference.parse(location.name)] if location.name else names
        docker_archive.save(store, descriptor, location.path, chosen)
    else:
        raise InternalError(f"{location} is not written here")


def check(location: Location, *, several: bool = False) -> None:
    """Raise UsageError for a place that `save` would refuse: what it holds now, or what it can.

    `several` says that an index of several platforms is to be written.
    """
    if location.transport is Transport.DOCKER_ARCHIVE:
        from samebit.transports import docker_archive

        docker_archive.check_platforms(several=several)
    if location.path is None:
        return
    if location.transport is Transport.OCI_LAYOUT:
        from samebit.transports import oci_layout

        oci_layout.check_directory(location.path)
    else:
        check_file(location.path)


def stored(store: Store, reference: Reference) -> Descriptor:
    """Give the descriptor that the store has for `reference`; its digest, if any, decides.

    Raises InputError when there is none.
    """
    if reference.digest is None:
        found = store.resolve(str(reference))
        if found is None:
            raise InputError(
                f"the store holds no image called {reference}",
                fix="build it with -t, or write docker://NAME for one in a registry",
            )
        return found
    data = store.read(reference.digest, MAX_MANIFEST)
    what = f"manifest {reference.digest}"
    stated = object_of(canonical_json.decode(data, what), what).get("mediaType")
    return Descriptor(stated if isinstance(stated, str) else "", reference.digest, len(data))
