"""What the matrix of engines builds: examples, hard trees, a feature of each kind, the corpus."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hard_trees import CONTEXT, write_hard_base
from samebit_command import Samebit

from corpus import cases

_ROOT = Path(__file__).resolve().parents[2]
# Those that an engine builds in a minute; the examples have the languages that take longer.
_CORPUS = (
    "accounts", "apt-locales", "c-archives", "cron", "fonts", "gpg-keyring", "home-debris",
    "local-ca", "man-pages", "python-packages", "scratch-tool",
)  # fmt: skip
_DEVICES = "it makes device nodes, which no ordinary user may"
_FEATURES = """\
# syntax=docker/dockerfile:1
FROM base AS made
ARG A=x
RUN --mount=type=cache,target=/c mkdir /made && echo "$A" > /made/file && hostname > /made/name \\
 && env | sort > /made/environment && chown 5:6 /made/file && ln /made/file /made/link
USER app
WORKDIR /work
RUN id > mine && cat /etc/hosts > hosts
FROM base
COPY --from=made /made /made
COPY --from=made --chown=7:8 /work /work
COPY --chmod=u=rw,go=r <<FILE /heredoc
text
FILE
RUN --mount=type=bind,from=made,source=/made,target=/m rm /base/single && cat /m/file > /base/new
RUN id > /id && rm -r /base/removed-and-back && mkdir -p /base/removed-and-back
"""


@dataclass(frozen=True)
class Recipe:
    """A folder with a Dockerfile; with `base` it stands on the base of the hard trees.

    `not_by_user` says why an ordinary user cannot build it, empty where he can.
    """

    name: str
    folder: Path | None
    base: bool = False
    not_by_user: str = ""

    @property
    def checksum(self) -> str:
        """The sha256 of what it is made of."""
        digest = hashlib.sha256(_FEATURES.encode())
        for path in sorted(self.folder.rglob("*")) if self.folder else ():
            if path.is_file() and path.suffix not in {".lock", ".pyc"}:
                digest.update(os.fsencode(path.relative_to(self.folder or path)))
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def prepare(self, samebit: Samebit, work: Path) -> list[str]:
        """Make a context with a lock in `work`; gives the arguments of a build from it."""
        context = work / "context"
        if self.folder is None:
            context.mkdir()
            (context / "Dockerfile").write_text(_FEATURES)
        else:
            left_out = shutil.ignore_patterns("*.lock", "__pycache__", "case.toml")
            shutil.copytree(self.folder, context, ignore=left_out)
        arguments = ["--no-cache"]
        if self.base:
            base = write_hard_base(work / "base")
            arguments.append(f"--build-context=base=oci-layout://{base}")
            dockerfile = context / "Dockerfile"
            # The root directory comes first, and buildah gives it another mode (docs/engines.md).
            text = dockerfile.read_text().replace("list.py / >", "list.py / | tail -c +60 >")
            dockerfile.write_text(text)
        samebit.build(*arguments, context)
        return [*arguments, "--locked", str(context)]


def recipes() -> list[Recipe]:
    """Give all of them, in the order in which they are built."""
    found = [
        Recipe("features", None, base=True),
        Recipe("hard-trees", CONTEXT, base=True, not_by_user=_DEVICES),
    ]
    examples = sorted(path.parent for path in (_ROOT / "examples").glob("*/Dockerfile"))
    found += [Recipe(f"example {folder.name}", folder) for folder in examples]
    known = {case.name: case.folder for case in cases()}
    return [*found, *(Recipe(f"corpus {name}", known[name]) for name in _CORPUS)]
