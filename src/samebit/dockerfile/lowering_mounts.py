"""Lowering `RUN --mount` (Dockerfile reference, "RUN --mount"; docs/engines.md has every case)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from posixpath import basename, join, normpath

from samebit.dockerfile.command import Script
from samebit.dockerfile.evaluate import MountStep, Step
from samebit.dockerfile.lowering_model import (
    FILES_DIRECTORY,
    ContextSource,
    InlineFile,
    Layout,
    Selection,
    StepMount,
)
from samebit.dockerfile.lowering_state import State, cleaned, step_id
from samebit.dockerfile.lowering_text import flag
from samebit.dockerfile.mounts import Mount
from samebit.errors import DockerfileError, MachineError

# Where the engine makes a bind mount, for the shim to move to its target: buildah up to 1.40
# removes what the image has at the targets of a RUN's mounts, with all that is below.
_PLACEHOLDERS = "/dev/.samebit/mounts"


@dataclass(slots=True)
class Mounts:
    """The mounts of one RUN: engine flags, and what the shim must know.

    The engine makes bind mounts that nothing is written to. The others are the shim's, except where
    no shim runs.
    """

    step: Step
    state: State
    mounts: list[StepMount] = field(default_factory=list)
    _sockets: int = 0

    def flags(self) -> list[str]:
        """Give the `--mount` flags."""
        return [flag("mount", m.option, self.step.where) for m in self.mounts if m.option]

    def add(self, mount_step: MountStep) -> None:
        """Lower one mount."""
        mount = mount_step.mount
        match mount.type:
            case "bind":
                self._bind(mount_step)
            case "cache":
                self._cache(mount_step)
            case "tmpfs":
                self._tmpfs(mount)
            case "secret":
                self._secret(mount)
            case _:
                self._ssh(mount)

    def script(self, script: Script) -> None:
        """Mount a heredoc that is a program."""
        directory = self.state.directory()
        folder, name = script.path.rsplit("/", 1)
        content = script.content.encode("utf-8", "surrogateescape")
        self.state.materials.append(InlineFile(directory, name, content, 0o755, self.step.where))
        context = self.state.context_name(directory)
        self._emit("bind", folder, [("from", context)], access="ro")

    def _bind(self, mount_step: MountStep) -> None:
        mount = mount_step.mount
        target = self._target(mount)
        what = f"from={mount.source_of}"
        source = cleaned(mount.source or "")
        if not mount.writable:
            options = [("from", self.state.from_name(mount_step.base, self.step.where, what))]
            if source:
                options.append(("source", "/" + source))
            self._emit("bind", target, options, access="ro")
            return
        # The engine would write through to the source; docker throws the writes away.
        self._prepared(target, self._whole(mount_step, source), mount)

    def _cache(self, mount_step: MountStep) -> None:
        mount = mount_step.mount
        target = self._target(mount)
        identity = mount.id or normpath(mount.target or "")
        if mount_step.base is None and self._by_shim:
            self._shim("cache", target, mount, identity)
            return
        if mount_step.base is None:
            # The engine takes ids as paths; `sharing` orders parallel steps, of which there are
            # none, and its lock file would lie visibly in the cache.
            scoped = self.state.options.cache_scope + identity
            options = [("id", hashlib.sha256(scoped.encode()).hexdigest()[:32])]
            options += self._ownership(mount, default_mode=None)
            # Writable is the default, and saying so twice is an error to buildah 1.28.
            access = "" if mount.writable else "ro"
            self._emit("cache", target, options, access=access, identity=identity)
            return
        if mount.mode is not None or mount.uid is not None or mount.gid is not None:
            raise MachineError(
                "a cache mount with from= cannot also have mode=, uid= or gid=",
                where=self.step.where,
                fix="give the directory these attributes where it comes from",
            )
        what = f"from={mount.source_of}"
        source = cleaned(mount.source or "")
        key = (identity, self.state.tree(mount_step.base, self.step.where, what), source)
        if key not in self.state.caches:
            self.state.caches[key] = self._whole(mount_step, source)
        self._prepared(target, self.state.caches[key], mount)

    def _tmpfs(self, mount: Mount) -> None:
        if self._by_shim:
            self._shim("tmpfs", self._target(mount), mount, "")
            return
        options = [("tmpfs-size", str(mount.size))] if mount.size else []
        self._emit("tmpfs", self._target(mount), options, access="" if mount.writable else "ro")

    def _secret(self, mount: Mount) -> None:
        identity = mount.source or mount.id or basename(mount.target or "")
        target = self._target(mount) if mount.target else ""
        if not target and mount.env is None:
            target = f"/run/secrets/{basename(identity)}"
        if self._by_shim:
            self._shim("secret", target, mount, identity)
            return
        if mount.env is not None:
            raise MachineError(
                "a secret as an environment variable needs the runtime shim, "
                "which a builder of someone else does not run",
                where=self.step.where,
                fix="use --engine buildah or buildkit, or read the secret from its file",
            )
        options = [("id", identity), ("required", "true" if mount.required else "false")]
        options += self._ownership(mount, default_mode=0o400)
        self._emit("secret", target, options, identity=identity, required=mount.required)

    def _ssh(self, mount: Mount) -> None:
        identity = mount.id or "default"
        target = self._target(mount) if mount.target else f"/run/buildkit/ssh_agent.{self._sockets}"
        self._sockets += 1
        if self._by_shim:
            self._shim("ssh", target, mount, identity)
            return
        options = [("id", identity), ("required", "true" if mount.required else "false")]
        options += self._ownership(mount, default_mode=0o600)
        self._emit("ssh", target, options, identity=identity, required=mount.required)

    @property
    def _by_shim(self) -> bool:
        return not self.state.options.environment_in_dockerfile

    def _shim(self, kind: str, target: str, mount: Mount, identity: str) -> None:
        self.mounts.append(
            StepMount(
                kind=kind,
                target=target,
                id=identity,
                required=mount.required,
                read_only=not mount.writable,
                mode=mount.mode,
                uid=mount.uid,
                gid=mount.gid,
                size=mount.size,
                variable=mount.env or "",
            )
        )

    def _prepared(self, target: str, directory: str, mount: Mount) -> None:
        """Mount what is made in a material's directory."""
        if self._by_shim:
            # BuildKit forgets what a step writes to a mount of its making.
            self._shim("prepared", target, mount, f"{FILES_DIRECTORY}/{directory}/content")
            return
        options = [("from", self.state.context_name(directory)), ("source", "/content")]
        self._emit("bind", target, options, access="rw" if mount.writable else "ro")

    def _whole(self, mount_step: MountStep, source: str) -> str:
        directory = self.state.directory()
        what = f"from={mount_step.mount.source_of}"
        self.state.materials.append(
            Selection(
                directory=directory,
                tree=self.state.tree(mount_step.base, self.step.where, what),
                sources=(source,),
                layout=Layout.WHOLE,
                place=self.step.where,
            )
        )
        return directory

    def _target(self, mount: Mount) -> str:
        target = "/" + normpath(join(self.step.working_dir, mount.target or "")).strip("/")
        if target == "/":
            raise DockerfileError(
                "RUN: a mount cannot take the place of the root directory",
                where=self.step.where,
                fix="give it a target below /",
            )
        return target

    def _ownership(self, mount: Mount, *, default_mode: int | None) -> list[tuple[str, str]]:
        mode = mount.mode if mount.mode is not None else default_mode
        options = [("mode", f"{mode:o}")] if mode is not None else []
        options += [("uid", str(mount.uid))] if mount.uid is not None else []
        options += [("gid", str(mount.gid))] if mount.gid is not None else []
        return options

    def _emit(
        self,
        kind: str,
        target: str,
        options: list[tuple[str, str]],
        *,
        access: str = "",
        identity: str = "",
        required: bool = False,
    ) -> None:
        place = f"{_PLACEHOLDERS}/{len(self.mounts)}" if self._by_shim else target
        parts = [("type", kind), ("target", place), *options]
        for key, value in parts:
            if "," in value:
                raise MachineError(
                    f"the engine cannot take a comma in a mount: {key}={value}",
                    where=self.step.where,
                    fix="use a path or id without commas",
                )
        text = ",".join(f"{key}={value}" for key, value in parts)
        text += f",{access}" if access else ""
        self.mounts.append(
            StepMount(kind, target, text, identity, required=required, placeholder=place)
        )


def mount_sources(step: Step) -> tuple[ContextSource, ...]:
    """Give the paths that the bind mounts of a RUN take from the build context."""
    return tuple(
        ContextSource(
            step=step_id(step),
            index=index,
            written=m.mount.source or ".",
            path=cleaned(m.mount.source or ""),
            pattern=False,
            place=step.where,
        )
        for index, m in enumerate(step.mounts)
        if m.mount.type == "bind" and m.base is None
    )
