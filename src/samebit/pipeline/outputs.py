"""Giving a built image to the user: names, files, registries, engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.canonical import json as canonical_json
from samebit.errors import MachineError, Place, UsageError
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.durable import replace_file
from samebit.store.store import Store
from samebit.transports.dispatch import check as check_location
from samebit.transports.dispatch import save
from samebit.transports.locate import Location, Transport, parse_destination
from samebit.transports.output import TEMPORARY
from samebit.transports.resolve import stored_image


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where an image shall go. `tags` name it in the store and in archives."""

    tags: tuple[Reference, ...] = ()
    locations: tuple[Location, ...] = ()
    push: bool = False
    load: bool = False
    iidfile: Path | None = None
    metadata_file: Path | None = None

    def paths(self) -> tuple[Path, ...]:
        """Give the files and directories that are written: never part of a build context."""
        written = [location.path for location in self.locations if location.path is not None]
        written += [path for path in (self.iidfile, self.metadata_file) if path is not None]
        return tuple(path.absolute() for path in written)

    def check(self, platforms: Sequence[Platform] = ()) -> None:
        """Refuse what cannot work for these platforms, before a build spends time.

        Raises UsageError.
        """
        if self.push and not self.tags:
            raise UsageError("--push needs a name", fix="add -t REGISTRY/NAME:TAG")
        if self.load and not self.tags:
            raise UsageError("--load needs a name", fix="add -t NAME:TAG")
        for path in self.paths():
            if not path.parent.is_dir():
                raise UsageError(
                    "the output's folder does not exist",
                    where=Place(str(path.parent)),
                    fix="make it first",
                )
        for location in self.locations:
            check_location(location, several=len(set(platforms)) > 1)
        for file in (self.iidfile, self.metadata_file):
            if file is not None and file.is_dir():
                raise UsageError(
                    "the output is a directory", where=Place(str(file)), fix="name a file"
                )


def parse_locations(texts: Iterable[str]) -> tuple[Location, ...]:
    """Read the values of -o. Raises UsageError."""
    return tuple(parse_destination(text) for text in texts)


def deliver(
    outputs: Outputs,
    image: Descriptor,
    store: Store,
    say: Callable[[str], None],
    related: Iterable[Reference] = (),
) -> None:
    """Write every output of an image, or of an index; each is whole or not there at all.

    `related` are images that may share layers with it: a registry that has them need not be sent
    these again. Raises InputError, MachineError or UsageError as the place does.
    """
    for tag in outputs.tags:
        store.tag(str(tag), image)
    for location in outputs.locations:
        save(location, store, image, outputs.tags)
    if outputs.push:
        _push(outputs.tags, image, store, say, tuple(related))
    if outputs.load:
        save(Location(Transport.ENGINE), store, image, outputs.tags)
    if outputs.iidfile is not None:
        _write(outputs.iidfile, str(image.digest).encode("ascii"))
    if outputs.metadata_file is not None:
        document: dict[str, object] = {
            "containerimage.descriptor": {
                "mediaType": image.media_type,
                "digest": str(image.digest),
                "size": image.size,
            },
            "containerimage.digest": str(image.digest),
        }
        if image.media_type == OCI_MANIFEST:
            config = stored_image(store, image).manifest.config
            document["containerimage.config.digest"] = str(config.digest)
        if outputs.tags:
            document["image.name"] = ",".join(str(tag) for tag in outputs.tags)
        _write(outputs.metadata_file, canonical_json.encode(document) + b"\n")


def _push(
    tags: Sequence[Reference],
    image: Descriptor,
    store: Store,
    say: Callable[[str], None],
    related: tuple[Reference, ...],
) -> None:
    # The HTTP client takes 0.1 s to import, and most builds need none.
    from samebit.registry.client import RegistryClient  # noqa: PLC0415

    with RegistryClient() as client:
        for number, tag in enumerate(tags):
            say(f"pushing {tag}")
            # What the registry then serves is read back and compared: its answer proves nothing.
            client.push(store, image, tag, mount_from=(*related, *tags[:number]))


def _write(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data, temporary=path.parent, prefix=path.name + TEMPORARY)
    except OSError as error:
        raise MachineError(
            f"cannot write it: {os.strerror(error.errno or 0)}", where=Place(str(path))
        ) from error
