"""Giving a built image to the user: names, files, registries, engines."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.canonical import json as canonical_json
from samebit.errors import MachineError, Place, SamebitError, UsageError
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

    def _folders(self) -> tuple[tuple[str, Path], ...]:
        written = [("-o", place.path) for place in self.locations if place.path is not None]
        files = (("--iidfile", self.iidfile), ("--metadata-file", self.metadata_file))
        written += [(option, path) for option, path in files if path is not None]
        return tuple((option, path.parent) for option, path in written)

    def check(self, platforms: Sequence[Platform] = ()) -> None:
        """Refuse what cannot work for these platforms, before a build spends time.

        Raises UsageError, MachineError.
        """
        if self.push and not self.tags:
            raise UsageError("--push needs a name", fix="add -t REGISTRY/NAME:TAG")
        if self.load and not self.tags:
            raise UsageError("--load needs a name", fix="add -t NAME:TAG")
        for option, folder in self._folders():
            if not folder.is_dir():
                raise UsageError(
                    f"{option}: there is no such folder",
                    where=Place(str(folder)),
                    fix="make it first",
                )
            if not os.access(folder, os.W_OK | os.X_OK):
                raise MachineError(
                    f"{option}: the folder cannot be written to",
                    where=Place(str(folder)),
                    fix="choose another place, or change its permissions",
                )
        for option, path in (("--iidfile", self.iidfile), ("--metadata-file", self.metadata_file)):
            if path is not None and path.is_dir():
                raise UsageError(
                    f"{option}: it is a folder", where=Place(str(path)), fix="name a file"
                )
        for location in self.locations:
            check_location(location, several=len(set(platforms)) > 1)


def parse_locations(texts: Iterable[str]) -> tuple[Location, ...]:
    """Read the values of -o. Raises UsageError."""
    try:
        return tuple(parse_destination(text) for text in texts)
    except UsageError as error:
        what = error.what if error.what.startswith("-o") else f"-o: {error.what}"
        raise UsageError(what, fix=error.fix) from error


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
    try:
        _deliver(outputs, image, store, say, tuple(related))
    except SamebitError as error:
        kept = f"the image was built and is in the store: {image.digest}"
        error.detail = f"{error.detail}\n{kept}" if error.detail else kept
        raise


def _deliver(
    outputs: Outputs,
    image: Descriptor,
    store: Store,
    say: Callable[[str], None],
    related: tuple[Reference, ...],
) -> None:
    for tag in outputs.tags:
        store.tag(str(tag), image)
    for location in outputs.locations:
        save(location, store, image, outputs.tags)
    if outputs.push:
        _push(outputs.tags, image, store, say, related)
    if outputs.load:
        save(Location(Transport.ENGINE), store, image, outputs.tags)
    if outputs.iidfile is not None:
        write_whole(outputs.iidfile, str(image.digest).encode("ascii"))
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
        write_whole(outputs.metadata_file, canonical_json.encode(document) + b"\n")


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


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that a user named, whole or not at all. Raises MachineError."""
    # Through a symbolic link, as any other program would write.
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            # /dev/stderr, a pipe: nothing that could be replaced.
            target.write_bytes(data)
        else:
            replace_file(target, data, temporary=target.parent, prefix=target.name + TEMPORARY)
    except OSError as error:
        raise _unwritable(path, error.errno or 0) from error


def check_writable(path: Path) -> None:
    """Raise the error of `write_whole` that is certain already: no folder, or none to write to."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise _unwritable(path, errno.ENOENT)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, errno.EACCES)


def _unwritable(path: Path, number: int) -> MachineError:
    return MachineError(
        f"cannot write it: {os.strerror(number)}",
        where=Place(str(path)),
        fix="make room there, or choose another place",
    )
