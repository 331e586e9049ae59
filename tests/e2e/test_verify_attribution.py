"""`samebit verify` with the real engine: every differing path names the line that wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samebit_command import Samebit
from step_builds import Item, busybox_items, write_image

pytestmark = pytest.mark.e2e

# Each path below holds the host name, which differs; the number is the line that last wrote it.
DOCKERFILE = """\
FROM base AS lower
RUN mkdir /low && hostname > /low/by-two && hostname > /low/changed
COPY note /low/note
FROM lower AS tools
RUN mkdir -p /made/deep && hostname > /made/deep/by-five
RUN hostname > /made/by-six
FROM lower
COPY note /low/copied
RUN mkdir /out && hostname > /out/once && hostname > /out/again && hostname > /out/linked
RUN hostname >> /low/changed && hostname >> /out/again
COPY --from=tools /made /out/taken
COPY --from=tools --parents /made/deep /out/selected/
RUN ln -s "$(hostname)" /out/link && ln /out/linked /out/second && mkdir "/out/in-$(hostname)"
RUN rm "/out/in-$(hostname)" -r && hostname > /out/note && rm /low/note
WORKDIR /out/work
RUN test "$(hostname)" = samebit && chmod 700 /out/work || chmod 711 /out/work
RUN test "$(hostname)" = samebit && rm /tmp/base || true
"""
EXPECTED = {
    "/low/by-two": (2, None),
    "/low/changed": (10, None),
    "/out/again": (10, None),
    "/out/link": (13, None),
    "/out/linked": (13, None),
    "/out/note": (14, None),
    "/out/once": (9, None),
    "/out/selected/made/deep/by-five": (12, 5),
    "/out/taken/by-six": (11, 6),
    "/out/taken/deep/by-five": (11, 5),
    "/out/work": (16, None),
    # In the layer for what was removed from it.
    "/tmp": (17, None),
    "/tmp/.wh.base": (17, None),
}


# What the engine cannot copy by itself makes a run of it for each stage.
SELECTION = "COPY --from=tools --parents /made/deep /out/selected/"


@pytest.mark.parametrize(
    "selection", [False, pytest.param(True, marks=pytest.mark.prove)], ids=["one-run", "runs"]
)
def test_each_path_names_the_line_that_wrote_it(
    samebit: Samebit, tmp_path: Path, selection: bool
) -> None:
    base = write_image(
        tmp_path / "base",
        busybox_items({"tmp/base": Item(content=b"base")}),
        {"Env": ["PATH=/bin"]},
    )
    context = tmp_path / "context"
    context.mkdir()
    (context / "note").write_text("note")
    text = DOCKERFILE if selection else DOCKERFILE.replace(SELECTION, "ENV A=b")
    (context / "Dockerfile").write_text(text)
    done = samebit.run(
        "verify", "--progress=plain", "--json", "--limit=0", "--no-bisect", "--apart=0",
        "--vary=host-name", f"--build-context=base=oci-layout://{base}", context,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = {
        one["path"]: (
            one["instruction"] and one["instruction"]["line"],
            one["origin"] and one["origin"]["line"],
        )
        for one in json.loads(done.stdout)["differences"]
    }
    selected = {path for path in EXPECTED if path.startswith("/out/selected/")}
    missing = set() if selection else selected
    assert found == {path: EXPECTED[path] for path in EXPECTED if path not in missing}
