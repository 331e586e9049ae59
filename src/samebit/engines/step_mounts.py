"""What the runtime shim mounts into steps: caches, tmpfs, secrets' files, SSH agents' sockets.

The engine does not see these mounts. Its own differ from version to version, take no commas, keep
secrets in its storage, and forget caches between two runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.protocol import EnginePlan, MountKind, StepMount
from samebit.engines.ssh_agent import AgentSocket
from samebit.errors import InternalError, MachineError
from samebit.store.temporary import clean_abandoned, locked_directory

# Memory, so that no secret is ever written to a disk.
_MEMORY = Path("/dev/shm")  # noqa: S108 - the directory made below it is private
_PREFIX = "samebit-private-"
_BIND = ["rbind", "nosuid", "nodev"]


@dataclass(frozen=True, slots=True)
class MountedStep:
    """The mounts of one step in the form of an OCI runtime's configuration, and more variables."""

    mounts: list[dict[str, object]]
    environment: list[tuple[str, str]]


@contextmanager
def private_directory(fallback: Path) -> Iterator[Path]:
    """Give a directory for what nobody may find afterwards: in memory, else below `fallback`."""
    clean_abandoned(_MEMORY, _PREFIX)
    parent = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else fallback
    with locked_directory(parent, _PREFIX) as directory:
        yield directory


class MountSources:
    """Makes the sources of the mounts in `private`, each once; close it after the last step."""

    def __init__(self, plan: EnginePlan, private: Path) -> None:
        self._plan = plan
        self._private = private
        self._files: dict[tuple[object, ...], Path] = {}
        self._sockets: list[AgentSocket] = []

    def prepare(self) -> Mapping[str, MountedStep]:
        """Give what each step gets. Raises MachineError when a source cannot be made."""
        try:
            return {
                marker: MountedStep(
                    [found for mount in step.mounts if (found := self._mount(mount)) is not None],
                    [
                        (mount.variable, os.fsdecode(self._secret(mount)))
                        for mount in step.mounts
                        if mount.variable and mount.id in self._plan.secrets
                    ],
                )
                for marker, step in self._plan.steps.items()
            }
        except OSError as error:
            raise MachineError(
                f"the mounts of RUN cannot be prepared: {error.strerror}",
                fix="an owner that this user's namespace does not have needs root",
            ) from error

    def close(self) -> None:
        """End the forwarding of SSH agents."""
        for agent in self._sockets:
            agent.close()
        self._sockets.clear()

    def _mount(self, mount: StepMount) -> dict[str, object] | None:
        if not mount.target:
            return None
        access = "ro" if mount.read_only else "rw"
        match mount.kind:
            case MountKind.TMPFS:
                size = [f"size={mount.size}"] if mount.size else []
                options = ["nosuid", "nodev", access, *size]
                return _entry(mount.target, "tmpfs", "tmpfs", options)
            case MountKind.CACHE:
                return _entry(mount.target, "bind", str(self._cache(mount)), ["rbind", access])
            case MountKind.PREPARED:
                source = str(self._plan.context / mount.id)
                return _entry(mount.target, "bind", source, ["rbind", access])
            case MountKind.SECRET:
                if mount.id not in self._plan.secrets:
                    return None
                source = str(self._secret_file(mount))
                return _entry(mount.target, "bind", source, [*_BIND, "noexec", "ro"])
            case MountKind.SSH:
                if mount.id not in self._plan.agents:
                    return None
                return _entry(mount.target, "bind", str(self._agent(mount)), [*_BIND, "noexec"])

    def _cache(self, mount: StepMount) -> Path:
        # As under docker build, other attributes make another cache.
        attributes = (mount.mode, mount.uid, mount.gid)
        name = hashlib.sha256(repr((mount.id, attributes)).encode()).hexdigest()[:32]
        path = self._plan.caches / name
        if not path.exists():
            path.mkdir(parents=True)
            _attributes(path, mount, 0o755)
        return path

    def _secret(self, mount: StepMount) -> bytes:
        return self._plan.secrets[mount.id]

    def _secret_file(self, mount: StepMount) -> Path:
        key = (mount.id, mount.mode, mount.uid, mount.gid)
        if key not in self._files:
            path = self._private / f"secret-{len(self._files)}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(self._secret(mount))
            _attributes(path, mount, 0o400)
            self._files[key] = path
        return self._files[key]

    def _agent(self, mount: StepMount) -> Path:
        key = (mount.kind, mount.id, mount.mode, mount.uid, mount.gid)
        if key not in self._files:
            path = self._private / f"agent-{len(self._files)}"
            source = self._plan.agents[mount.id]
            self._sockets.append(AgentSocket.open(source, path, self._private))
            _attributes(path, mount, 0o600)
            self._files[key] = path
        return self._files[key]


def _entry(target: str, kind: str, source: str, options: list[str]) -> dict[str, object]:
    if not target.startswith("/"):
        raise InternalError(f"a mount's target is not absolute: {target!r}")
    return {"destination": target, "type": kind, "source": source, "options": options}


def _attributes(path: Path, mount: StepMount, mode: int) -> None:
    if mount.uid or mount.gid:
        os.chown(path, mount.uid or 0, mount.gid or 0)
    path.chmod(mode if mount.mode is None else mount.mode)
