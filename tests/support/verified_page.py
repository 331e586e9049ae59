"""The page of a verification that finds something, made by the real command."""

from __future__ import annotations

from pathlib import Path

from samebit_command import Samebit
from step_builds import busybox_items, write_image

_DOCKERFILE = """\
FROM base AS build
RUN mkdir -p /out/etc && echo "built on $(hostname) with $(nproc) jobs" > /out/etc/build-info
RUN cat /proc/net/fib_trie > /out/etc/interface
FROM base
COPY --from=build /out/ /
RUN mkdir /srv && head -c 16 /dev/urandom > /srv/seed && uname -r > /srv/kernel
"""


def verified_page(work: Path) -> Path:
    """Verify a Dockerfile with planted faults below `work`; gives the page's path."""
    write_image(work / "base", busybox_items())
    (work / "Dockerfile").write_text(_DOCKERFILE)
    (work / ".dockerignore").write_text("*\n")
    done = Samebit(work / "home").run(
        *("verify", "--quiet", "--apart=0", "--html=verified.html"),
        *("--build-context", "base=oci-layout://base", "."),
        cwd=work,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return work / "verified.html"
