"""Several platforms: cross-compiling, one index, each image as if it were built alone."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import busybox_layer, write_layout

from samebit.engines.emulation import runs_programs_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the native platform is in names"),
]
PLATFORMS = ("linux/amd64", "linux/arm/v7", "linux/arm64")
# The compiler is a shell that runs here; what it makes says what it was made for.
CROSS = """\
FROM --platform=$BUILDPLATFORM base AS build
ARG BUILDPLATFORM TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
RUN echo "made on $BUILDPLATFORM for $TARGETOS $TARGETARCH ${TARGETVARIANT#v}" > /program
FROM base
ARG TARGETARCH
COPY --from=build /program /program
ENV ARCH=$TARGETARCH
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one base for three platforms; its programs are this machine's."""
    path = tmp_path_factory.mktemp("bases") / "layout"
    write_layout(path, [busybox_layer()], platforms=PLATFORMS)
    return path


@pytest.fixture
def context(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    path.mkdir()
    (path / "Dockerfile").write_text(CROSS)
    return path


def options(bases: Path, *platforms: str) -> tuple[str, ...]:
    return (
        f"--build-context=base=oci-layout://{bases}",
        *(f"--platform={','.join(platforms)}",) * bool(platforms),
    )


def top(layout: Path) -> tuple[str, dict[str, Any]]:
    """Give the digest of the only image of a layout, and its manifest or index."""
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    path = layout / "blobs" / "sha256" / entry["digest"].removeprefix("sha256:")
    return entry["digest"], json.loads(path.read_bytes())


def test_cross_compiling_gives_one_index_of_images_as_if_each_were_built_alone(
    samebit: Samebit, bases: Path, context: Path, tmp_path: Path
) -> None:
    layout = tmp_path / "out"
    digest = samebit.build(*options(bases, *reversed(PLATFORMS)), f"--output=oci:{layout}", context)
    found, index = top(layout)
    assert found == digest
    assert sorted(index) == ["manifests", "mediaType", "schemaVersion"]
    assert [entry["platform"] for entry in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
        {"architecture": "arm64", "os": "linux"},
    ]
    # One base for each platform, and the build platform's is one of them.
    lock = tomllib.loads((context / "Dockerfile.lock").read_text())
    assert sorted((base["name"], base["platform"]) for base in lock["base"]) == [
        ("base", name) for name in PLATFORMS
    ]
    made = {"amd64": "amd64 ", "arm": "arm 7", "arm64": "arm64 "}
    for name, entry in zip(PLATFORMS, index["manifests"], strict=True):
        image = Built(samebit.home, entry["digest"])
        architecture = entry["platform"]["architecture"]
        assert image.read("program") == (
            f"made on linux/amd64 for linux {made[architecture]}\n".encode()
        )
        assert image.document["architecture"] == architecture
        assert f"ARCH={architecture}" in image.document["config"]["Env"]
        (context / "Dockerfile.lock").unlink()
        alone = samebit.build("--no-cache", *options(bases, name), context)
        assert alone == entry["digest"], name


def test_every_output_and_a_registry_hold_the_same_index(
    samebit: Samebit, bases: Path, context: Path, tmp_path: Path, registry: LoopbackRegistry
) -> None:
    reference = f"{registry.address}/cross:1"
    digest = samebit.build(
        *options(bases, "linux/amd64", "linux/arm64"),
        *("-t", reference, "--push"),
        f"--output=oci:{tmp_path}/layout",
        f"--output=oci-archive:{tmp_path}/archive.tar",
        context,
    )
    places = (f"oci:{tmp_path}/layout", f"oci-archive:{tmp_path}/archive.tar")
    for place in (*places, f"docker://{reference}", reference, digest):
        done = samebit.run("diff", digest, place)
        assert done.returncode == 0, done.stdout + done.stderr
        audited = samebit.run("audit", "--json", "--platform=linux/arm64", place)
        assert audited.returncode == 0, audited.stderr
        assert json.loads(audited.stdout)["platform"] == "linux/arm64"
        absent = samebit.run("audit", "--platform=linux/s390x", place)
        assert absent.returncode == 5
        assert "it has: linux/amd64, linux/arm64" in absent.stderr
    pulled = subprocess.run(
        ["skopeo", "--override-arch=arm64", "inspect", "--tls-verify=false", "--config",
         f"docker://{reference}"], capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(pulled.stdout)["architecture"] == "arm64"


def test_verifying_and_comparing_an_index(samebit: Samebit, bases: Path, context: Path) -> None:
    both = options(bases, "linux/amd64", "linux/arm64")
    digest = samebit.build(*both, context)
    done = samebit.run(
        "verify", *both, "--apart=0", "--vary=host-name,processors", f"--expect={digest}", context
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = CROSS.replace('"made on', '"host $(hostname) made on')
    (context / "Dockerfile").write_text(text)
    (context / "Dockerfile.lock").unlink()
    done = samebit.run("verify", *both, "--apart=0", "--vary=host-name", "--json", context)
    assert done.returncode == 1, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert {found["platform"] for found in document["differences"]} == {
        "linux/amd64",
        "linux/arm64",
    }
    other = samebit.build(*both, context)
    shown = samebit.run("diff", "--platform=linux/arm64", "--json", digest, other)
    assert shown.returncode == 1, shown.stderr


def test_a_locked_build_holds_its_platforms(samebit: Samebit, bases: Path, context: Path) -> None:
    samebit.build(*options(bases, "linux/amd64"), context)
    done = samebit.run("build", "--locked", *options(bases, "linux/amd64", "linux/arm64"), context)
    assert done.returncode == 4
    assert "base base (linux/arm64) is not in the lock" in done.stderr or (
        "base image base (linux/arm64) is not in the lock" in done.stderr
    )


@pytest.mark.skipif(
    runs_programs_for("s390x") is not False, reason="this machine runs s390x programs"
)
def test_a_foreign_step_without_emulation_is_named_before_anything_is_built(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    found = shutil.which("busybox")
    assert found
    members = busybox_layer()
    binary = bytearray(Path(found).read_bytes())
    binary[18:20] = b"\x16\0"
    for member in members:
        if member.name == "bin/busybox":
            member.content = bytes(binary)
    write_layout(tmp_path / "foreign", [members], platforms=("linux/s390x",))
    (context / "Dockerfile").write_text("FROM base\nCOPY Dockerfile /\n\nRUN echo > /x\n")
    done = samebit.run("build", *options(tmp_path / "foreign", "linux/s390x"), context)
    assert done.returncode == 6, done.stderr
    place = re.escape(f"{context}/Dockerfile:4")
    assert re.search(f"^{place}.*RUN is for linux/s390x", done.stderr, re.MULTILINE)
    assert re.search(f"^{place}.*error: .*linux/s390x", done.stderr, re.MULTILINE)
    assert "--platform=$BUILDPLATFORM" in done.stderr
