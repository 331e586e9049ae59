"""The audit of an image that was built here names the Dockerfile line that brought each thing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from step_builds import Steps

pytestmark = pytest.mark.e2e

DOCKERFILE = """\
FROM base AS made
RUN mkdir /made && head -c 6000 /dev/zero > /made/tool
FROM base
WORKDIR /app
COPY one two /app/
RUN mkdir -p /usr/share/doc/a /usr/share/man && head -c 5000 /dev/zero > /usr/share/doc/a/notes
ENV A=1
RUN head -c 7000 /dev/zero | tr '\\0' x > /app/big \\
    && echo again >> /etc/group
COPY --from=made /made/ /opt/
"""


def audit(steps: Steps, target: str) -> Any:
    done = steps.samebit.run("audit", "--json", target)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["lightness"]


def lines(weight: Any) -> dict[str, tuple[int, int]]:
    """Give files and bytes by the line of the Dockerfile, of the layer that was built."""
    return {
        (share["where"] or "").rpartition(":")[2]: (share["files"], share["size"])
        for share in weight["sources"]
        if share["layer"] == 1 and share["files"]
    }


def test_size_by_instruction(steps: Steps) -> None:
    steps.write({"one": "1" * 100, "two": "2" * 20})
    built = steps.build(DOCKERFILE)
    weight = audit(steps, f"oci:{built.layout}")
    group = len(built.layer["etc/group"].content)
    found = lines(weight)
    # By the last instruction that wrote each file.
    assert found == {"5": (2, 120), "6": (1, 5000), "8": (2, 7000 + group), "10": (1, 6000)}
    assert weight["by_instruction"] is True
    texts = {share["where"]: share["created_by"] for share in weight["sources"] if share["where"]}
    assert texts[f"{steps.context}/Dockerfile:5"] == "COPY one two /app/"
    (docs,) = weight["dispensable"]
    assert [weight["sources"][number]["where"] for number in docs["sources"]] == [
        f"{steps.context}/Dockerfile:6"
    ]
    (replaced,) = weight["overwritten"]
    assert replaced["path"] == "/etc/group"
    assert weight["sources"][replaced["by"]]["where"].endswith(":8")
    shown = steps.samebit.run("audit", f"oci:{built.layout}").stdout
    assert "/Dockerfile:8  RUN head -c 7000" in shown
    sarif = steps.samebit.run("audit", "--sarif", f"oci:{built.layout}").stdout
    assert json.loads(sarif)["runs"]
    # Comments move the lines of what the memo answers, and change no digest.
    arguments = [word for word in steps.arguments("# one\n" + DOCKERFILE) if word != "--no-cache"]
    for _ in range(2):
        assert steps.samebit.build(*arguments[3:]) == built.digest
    assert set(lines(audit(steps, f"oci:{built.layout}"))) == {"6", "7", "9", "11"}


def test_where_nobody_noted_it(steps: Steps) -> None:
    steps.write({"one": "1" * 100, "two": "2" * 20})
    built = steps.build(DOCKERFILE)
    other = steps.samebit.with_home(steps.samebit.home / "elsewhere")
    done = other.run("audit", "--json", f"oci:{built.layout}")
    weight = json.loads(done.stdout)["lightness"]
    assert weight["by_instruction"] is False
    assert [share["instructions"] for share in weight["sources"]] == [1, 4]
    shown = other.run("audit", f"oci:{built.layout}").stdout
    assert "one of 4 instructions, which one is not known" in shown
