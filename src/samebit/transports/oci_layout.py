"""OCI image layouts in directories (image-spec image-layout.md): reading and writing."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from samebit.errors import InputError, UsageError
from samebit.image.manifest import Image
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store import names
from samebit.store.durable import replace_file, sync_directory, write_all
from samebit.store.failure import machine_errors
from samebit.store.locking import exclusive_directory
from samebit.store.store import Store
from samebit.store.temporary import clean_abandoned, create_locked_file, locked_directory
from samebit.transports.layout_source import LayoutFiles, load_from_layout
from samebit.transports.output import TEMPORARY
from samebit.transports.reachable import reachable

_CHUNK = 1 << 20


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.what = f"the OCI layout {root}"

    def open(self, path: str) -> BinaryIO:
        # Symbolic links are followed: Bazel's layouts consist of them, and whatever a blob's link
        # points to must have the blob's digest.
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            if not self._root.exists():
                raise InputError(f"there is no OCI layout at {self._root}") from None
            raise InputError(f"{self.what} lacks {path}") from None
        except OSError as error:
            raise InputError(f"{self.what}: cannot read {path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InputError(f"{self.what}: {path} is not a file")
        return os.fdopen(descriptor, "rb")


def files_of(path: Path) -> LayoutFiles:
    """Give the files of the layout at `path`, to read them in place; nothing is opened yet."""
    return _Directory(path)


def load(
    path: Path,
    store: Store,
    platform: Platform | None,
    *,
    name: str | None = None,
    digest: Digest | None = None,
) -> Image:
    """Copy an image from the layout at `path` into the store; see load_from_layout."""
    return load_from_layout(_Directory(path), store, platform, name=name, digest=digest)


def save(store: Store, descriptor: Descriptor, path: Path, name: str | None = None) -> None:
    """Write what `descriptor` reaches into the layout at `path`, new or existing.

    Other images of an existing layout are kept, but for the one that had this name (or had none,
    too). A reader never sees a half-written image: the index changes last, a new layout appears at
    once. Raises InputError (the store's blobs), UsageError (`path` is something else) or
    MachineError.
    """
    blobs = reachable(store, descriptor)
    # Through a symbolic link, as any other program would write.
    path = Path(os.path.realpath(path))
    with machine_errors(f"cannot write the OCI layout {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        clean_abandoned(path.parent, path.name + TEMPORARY)
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            with locked_directory(path.parent, path.name + TEMPORARY) as building:
                _fill(store, blobs, building)
                _name(building, name, descriptor)
                if _appear(building, path):
                    return
        check_directory(path)
        with exclusive_directory(path):
            clean_abandoned(path, TEMPORARY)
            _fill(store, blobs, path)
            _name(path, name, descriptor)


def check_directory(path: Path) -> None:
    """Raise UsageError when `path` exists and is neither an OCI layout nor an empty directory."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / "oci-layout").is_file() or not (path / "index.json").is_file():
        raise UsageError(
            f"{path} exists and is not an OCI layout", fix="choose another path, or remove it"
        )


def _appear(building: Path, path: Path) -> bool:
    """Move a finished layout to its place; False when another process was faster."""
    mask = os.umask(0)
    os.umask(mask)
    building.chmod(0o777 & ~mask)
    try:
        os.rename(building, path)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            return False
        raise
    sync_directory(path.parent)
    return True


def _fill(store: Store, blobs: list[Descriptor], root: Path) -> None:
    directory = root / "blobs" / "sha256"
    directory.mkdir(parents=True, exist_ok=True)
    for blob in blobs:
        if not _holds(directory / blob.digest.hex, blob):
            _copy(store, blob.digest, directory / blob.digest.hex, root)
    sync_directory(directory)
    if not (root / "oci-layout").exists():
        replace_file(root / "oci-layout", names.OCI_LAYOUT, temporary=root, prefix=TEMPORARY)


def _holds(path: Path, blob: Descriptor) -> bool:
    try:
        with open(path, "rb") as stream:
            if os.fstat(stream.fileno()).st_size != blob.size:
                return False
            hasher = hashlib.sha256()
            while chunk := stream.read(_CHUNK):
                hasher.update(chunk)
    except OSError:
        return False
    return hasher.hexdigest() == blob.digest.hex


def _copy(store: Store, digest: Digest, target: Path, root: Path) -> None:
    descriptor, temporary = create_locked_file(root, TEMPORARY)
    try:
        with store.open_verified(digest) as stream:
            while chunk := stream.read(_CHUNK):
                write_all(descriptor, chunk)
        os.fsync(descriptor)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(descriptor)


def _name(root: Path, name: str | None, descriptor: Descriptor) -> None:
    index = root / "index.json"
    document = names.empty_index()
    if index.exists():
        document = names.parse_index(index.read_bytes(), str(index))
    if name is None:
        # The image of this layout: with the one before it, a reader could not tell which is meant.
        document = names.without_name(document, None)
    data = names.encode_index(names.with_name(document, name, descriptor))
    replace_file(index, data, temporary=root, prefix=TEMPORARY)
