"""Images of buildah's storage as mounted trees: opened in the background where that saves time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.buildah_storage import Storage, disk_full, is_disk_full, remember, tail
from samebit.engines.machine import boot_id, filesystem_of
from samebit.errors import MachineError
from samebit.model.rendering import Rendering
from samebit.store.failure import machine_errors


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A mounted image and the working container that mounts it."""

    container: str
    rendering: Rendering


def open_image(storage: Storage, name: str | None) -> OpenedImage:
    """Mount an image, or the empty one, until `close_image`. Raises MachineError."""
    done = storage.call("from", "--pull-never", storage.policy(), name or "scratch")
    if done.returncode != 0:
        raise storage_failure(storage, "buildah cannot open an image", done.stderr)
    container = done.stdout.split()[-1]
    try:
        return OpenedImage(container, _mounted(storage, container))
    except BaseException:
        _remove(storage, container)
        raise


def _mounted(storage: Storage, container: str) -> Rendering:
    done = storage.call("mount", container)
    if done.returncode != 0:
        raise storage_failure(storage, "buildah cannot mount an image", done.stderr)
    root = os.fsencode(done.stdout.rstrip("\n"))
    return Rendering(root, overlay=filesystem_of(root) == "overlay")


def close_image(storage: Storage, opened: OpenedImage) -> None:
    """Unmount an image; a container that stays is cleared by the next use of the storage."""
    _remove(storage, opened.container)


def storage_failure(storage: Storage, what: str, text: str) -> MachineError:
    """Give the error for what buildah said, in `text`, about its storage."""
    if is_disk_full(text):
        return disk_full(storage.home, text)
    return MachineError(what, detail=tail(text))


class BaseOpening:
    """The rendering of a base that is being opened by another thread."""

    def __init__(
        self, storage: Storage, opened: Future[OpenedImage], pool: ThreadPoolExecutor
    ) -> None:
        self._storage = storage
        self._opened = opened
        self._pool = pool
        self._closing = False

    def rendering(self) -> Rendering:
        """Wait for it. Raises MachineError."""
        return self._opened.result().rendering

    def close_soon(self) -> None:
        """Start to unmount it: nobody looks at it any more."""
        if not self._closing and self._opened.exception() is None:
            self._closing = True
            self._pool.submit(close_image, self._storage, self._opened.result())


class KnownBase:
    """A rendering that nothing has to be opened for."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def rendering(self) -> Rendering:
        """Give it."""
        return self._rendering

    def close_soon(self) -> None:
        """Do nothing."""


@contextmanager
def base_opened(
    storage: Storage, name: str | None, work: Path
) -> Iterator[BaseOpening | KnownBase]:
    """Open a base, None for scratch, while the caller goes on; `work` is a private directory."""
    known = _known_scratch(_scratch_record(storage), work) if name is None else None
    if known is not None:
        yield KnownBase(known)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="samebit-base") as pool:
        opening = BaseOpening(storage, pool.submit(_open_base, storage, name), pool)
        try:
            yield opening
        finally:
            opening.close_soon()


def _scratch_record(storage: Storage) -> Path:
    """Name what is known of the empty image: its root looks as this very program makes it."""
    status = os.stat(storage.program)
    key = f"{boot_id()}-{status.st_ino}-{status.st_mtime_ns}"
    return storage.home / f"scratch-{storage.driver}-{key}"


def _open_base(storage: Storage, name: str | None) -> OpenedImage:
    opened = open_image(storage, name)
    if name is not None:
        return opened
    status = os.lstat(opened.rendering.root)
    with machine_errors(f"cannot write to the engine's storage {storage.home}"):
        remember(
            _scratch_record(storage),
            f"{status.st_mode & 0o7777:o} {status.st_uid} {status.st_gid}\n",
        )
    return opened


def _known_scratch(record: Path, work: Path) -> Rendering | None:
    """Give an empty tree that looks like the engine's own, if that is known."""
    try:
        mode, uid, gid = record.read_text("ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    root = work / "scratch"
    root.mkdir(parents=True)
    os.chown(root, int(uid), int(gid))
    root.chmod(int(mode, 8))
    return Rendering(os.fsencode(root), overlay=False)


def _remove(storage: Storage, container: str) -> None:
    if storage.call("rm", container).returncode != 0:
        storage.mark_untidy()
