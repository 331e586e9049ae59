"""Which OCI runtime can run a container here: found by trying, remembered until the next boot.

Where none can, samebit's own is left (chroot_runtime); `--isolation` asks for one kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from samebit.engines.asked_isolation import CHROOT, OCI, asked_isolation
from samebit.engines.buildah_storage import (
    Storage,
    disk_full,
    is_disk_full,
    remember,
    tail,
    ulimits,
)
from samebit.engines.chroot_launcher import chroot_program
from samebit.engines.machine import boot_id, find_program, install_advice
from samebit.engines.probe_image import exit_program
from samebit.engines.runtime_choice import RUNTIMES, find_other_runtime
from samebit.errors import MachineError
from samebit.store.failure import machine_errors
from samebit.store.locking import exclusive_file
from samebit.store.removal import remove_tree


def choose_runtime(storage: Storage) -> str:
    """Path of an OCI runtime that works; raises MachineError saying why each does not."""
    with machine_errors(f"cannot write to the engine's storage {storage.home}"):
        return _choose(storage)


def other_runtime(storage: Storage, used: str) -> str:
    """Give the path of a runtime beside the used one that works; else why there is none."""
    with (
        machine_errors(f"cannot write to the engine's storage {storage.home}"),
        storage.in_use(),
        exclusive_file(storage.home / f"trying-{storage.driver}"),
    ):
        return find_other_runtime(
            used, storage.home, storage.driver, lambda path: try_runtime(storage, path)
        )


def _choose(storage: Storage) -> str:
    asked = asked_isolation()
    found = {name: find_program(name) for name in RUNTIMES}
    if asked == CHROOT:
        found.clear()
    if asked != OCI:
        found[CHROOT] = chroot_program(storage)
    record = storage.home / f"runtime{asked and f'-{asked}'}-{storage.driver}-{boot_id()}"
    known = _remembered(record, found.values())
    if known is not None:
        return known
    tried: list[str] = []
    # One at a time: all trials make the same layer, and the end of one removes it.
    with exclusive_file(storage.home / f"trying-{storage.driver}"):
        known = _remembered(record, found.values())
        if known is not None:
            return known
        for name, path in found.items():
            failure = try_runtime(storage, path) if path else "not installed"
            if path and failure is None:
                remember(record, f"{path}\n")
                return path
            tried.append(f"{name}: {failure}")
    raise MachineError(
        "RUN cannot be isolated on this machine: nothing starts a container",
        detail="\n".join(tried),
        fix=f"{install_advice('runc crun')}; `samebit doctor` says what is missing",
    )


def _remembered(record: Path, paths: Iterable[str | None]) -> str | None:
    if not record.exists():
        return None
    known = record.read_text("utf-8").strip()
    return known if known in paths else None


def try_runtime(storage: Storage, runtime: str) -> str | None:
    """Build an image with a RUN through the runtime at that path; gives why that fails.

    Raises MachineError for a full disk, OSError for a storage that cannot be written.
    """
    program = exit_program()
    if program is None:
        return None
    work: Path = storage.home / "tmp" / f"probe-{os.getpid()}"
    remove_tree(work)
    work.mkdir()
    # Where the next build finds it: a container that was made and not started waits for ever.
    containers = storage.make_containers(runtime)
    try:
        (work / "true").write_bytes(program)
        (work / "true").chmod(0o755)
        dockerfile = work / "Dockerfile"
        dockerfile.write_text('FROM scratch\nCOPY true /true\nRUN ["/true"]\n', "utf-8")
        done = storage.call(
            "build",
            "--isolation=oci",
            f"--runtime={runtime}",
            f"--runtime-flag=root={containers}",
            "--network=host",
            "--layers=false",
            storage.policy(),
            *ulimits(),
            f"--iidfile={work / 'iid'}",
            f"--file={dockerfile}",
            str(work),
            leashed=True,
        )
        if done.returncode != 0:
            if is_disk_full(done.stderr):
                raise disk_full(storage.home, done.stderr)
            return tail(done.stderr, 3).replace("\n", " ")
        storage.call("rmi", (work / "iid").read_text("utf-8").strip())
        return None
    finally:
        storage.end_containers(containers)
        remove_tree(work)
