"""Lowered Dockerfiles, built by a buildah of the test's own, and the trees that come out."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from additions import adding

from samebit.context.ignore import read_ignore
from samebit.context.sources import check_sources, place_material
from samebit.context.stage import stage
from samebit.dockerfile.config import ImageConfig
from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.lowering import LoweringOptions, context_sources, lower, reachable
from samebit.dockerfile.lowering_model import (
    CONTEXT_DIRECTORY,
    FILES_DIRECTORY,
    LoweredPlan,
    TreeKind,
    TreeRef,
)
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import External, plan
from samebit.model.platform import Platform

BUSYBOX = Path("/bin/busybox")
PLATFORM = Platform.native()
BASE = External("base", PLATFORM)
BASE_IMAGE = "localhost/samebit/base:" + "ab" * 32
BASE_CONFIG = ImageConfig(os="linux", architecture=PLATFORM.architecture)
EPOCH = 315619200
PAYLOAD = b"payload\n"


@dataclass
class Entry:
    mode: int
    owner: tuple[int, int]
    content: str = ""


Tree = dict[str, Entry]


@dataclass
class Engine:
    root: Path
    count: int = 0
    plans: list[LoweredPlan] = field(default_factory=list)

    def buildah(self, *arguments: str) -> str:
        command = [
            "buildah", "--root", str(self.root / "root"), "--runroot", str(self.root / "run"),
            "--storage-driver", "overlay", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, "TMPDIR": str(self.root)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def build_text(
        self, directory: Path, text: str, image: str, contexts: Mapping[str, str] | None = None
    ) -> None:
        file = directory / "lowered"
        file.write_text(text)
        flags = [f"--build-context={n}={directory / p}" for n, p in (contexts or {}).items()]
        self.buildah(
            "build", "--isolation=oci", "--runtime=runc", "--network=host", "--pull=never",
            "--layers=false", "--quiet", *flags, f"--tag={image}", f"--file={file}",
            str(directory),
        )  # fmt: skip

    def mounted(self, image: str, read: Callable[[Path], None]) -> None:
        container = self.buildah("from", "--pull=never", image)
        try:
            read(Path(self.buildah("mount", container)))
        finally:
            self.buildah("umount", container)
            self.buildah("rm", container)

    def build(self, dockerfile: str, context: Path, **options: object) -> Tree:
        """The whole way from a Dockerfile to the tree of its image."""
        self.count += 1
        work = self.root / f"build{self.count}"
        work.mkdir(parents=True)
        bases = {BASE: BASE_CONFIG}
        planned = plan(parse(dockerfile, "Dockerfile"), platform=PLATFORM, bases=bases)
        evaluation = evaluate(planned, bases)
        sources = context_sources(evaluation)
        rules = read_ignore(context)
        staged = stage(
            context, rules, work / CONTEXT_DIRECTORY, epoch=EPOCH, only=reachable(sources)
        )
        facts = check_sources(staged.root, context, rules, sources)
        chosen: dict[str, object] = {"capture": False, "environment_in_dockerfile": True, **options}
        lowered = lower(
            planned,
            evaluation,
            LoweringOptions(
                bases={BASE: BASE_IMAGE},
                stage_images=f"localhost/samebit/stage:{self.count}",
                sources=facts,
                **chosen,  # type: ignore[arg-type]
            ),
        )
        self.plans.append(lowered)
        (work / FILES_DIRECTORY).mkdir()
        result = f"localhost/result:{self.count}"
        for phase in lowered.phases:
            for material in phase.materials:
                self._place(material, work, staged.root)
            self.build_text(work, phase.text, phase.image or result, dict(phase.build_contexts))
        tree: Tree = {}
        self.mounted(result, lambda mount: tree.update(read_tree(mount)))
        return tree

    def _place(self, material: object, work: Path, staged: Path) -> None:
        reference = getattr(material, "tree", TreeRef(TreeKind.CONTEXT))

        def place(root: Path) -> None:
            with adding(work / "fetched") as fetched:
                place_material(
                    material,  # type: ignore[arg-type]
                    work / FILES_DIRECTORY,
                    epoch=EPOCH,
                    tree_root=lambda _: root,
                    fetcher=fetched.additions,
                )

        if reference.kind is TreeKind.CONTEXT:
            place(staged)
        else:
            self.mounted(reference.image, place)


def read_tree(root: Path) -> Tree:
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = "/" + str(path.relative_to(root))
        content = ""
        if path.is_symlink():
            content = "-> " + os.readlink(path)
        elif stat.S_ISREG(status.st_mode) and not name.startswith("/bin/"):
            content = path.read_text(errors="surrogateescape")
        owner = (status.st_uid, status.st_gid)
        found[name] = Entry(stat.S_IMODE(status.st_mode), owner, content)
    return found


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def below(tree: Tree, directory: str) -> list[str]:
    return [name.removeprefix(directory) for name in tree if name.startswith(directory)]
