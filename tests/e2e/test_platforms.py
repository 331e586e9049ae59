"""Several platforms: cross-compiling, one index, each image as if it were built alone."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import own_kernel_view
import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import Member, busybox_layer, write_layout

from samebit.engines.emulation import runs_programs_for

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the native platform is in names"),
]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
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
    for place in (*places, f"docker://{reference}"):
        done = samebit.run("diff", digest, place)
        assert done.returncode == 0, done.stdout + done.stderr
    audited = samebit.run("audit", "--json", "--platform=linux/arm64", digest)
    assert audited.returncode == 0, audited.stderr
    assert json.loads(audited.stdout)["platform"] == "linux/arm64"
    absent = samebit.run("audit", "--platform=linux/s390x", digest)
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
    arguments = ("--apart=0", "--vary=host-name", "--no-bisect", "--json")
    done = samebit.run("verify", *both, *arguments, context)
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


def test_without_a_platform_the_locks_are_built(
    samebit: Samebit, bases: Path, context: Path
) -> None:
    lock = context / "Dockerfile.lock"
    digest = samebit.build(*options(bases, "linux/amd64", "linux/arm64"), context)
    recorded = lock.read_bytes()
    assert samebit.build("--no-cache", *options(bases), context) == digest
    assert samebit.build("--no-cache", "--locked", *options(bases), context) == digest
    assert samebit.run("lock", "--check", *options(bases), context).returncode == 0
    assert lock.read_bytes() == recorded
    # Before anything is built, though only the lock says that there are two.
    archive = f"--output=docker-archive:{context.parent}/archive.tar"
    refused = samebit.run(
        "build", "--progress=plain", "--no-cache", *options(bases), archive, context
    )
    assert refused.returncode == 2
    assert "a docker-archive holds one platform" in refused.stderr
    assert "COPY" not in refused.stderr
    # As on a machine of another architecture than that of the lock.
    one = samebit.build(*options(bases, "linux/arm64"), context)
    assert samebit.build("--no-cache", "--locked", *options(bases), context) == one
    assert Built(samebit.home, one).document["architecture"] == "arm64"


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


@pytest.mark.prove
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to register an emulator")
@pytest.mark.skipif(
    shutil.which("qemu-aarch64-static") is None, reason="qemu-user-static is not installed"
)
def test_steps_of_another_platform_are_emulated(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    """With an emulator that is registered for this test alone."""
    emulator = shutil.which("qemu-aarch64-static")
    assert emulator
    program = own_kernel_view.arm64_writer(b"/out", b"from arm64\n")
    members = [*busybox_layer(), Member("writer", program, mode=0o755)]
    write_layout(tmp_path / "foreign", [members], platforms=("linux/amd64", "linux/arm64"))
    (context / "Dockerfile").write_text('FROM base\nRUN ["/writer"]\n')
    emulating = Samebit(
        tmp_path / "home", samebit.environment, own_kernel_view.prefix(emulator=emulator)
    )
    digest = emulating.build(*options(tmp_path / "foreign", *PLATFORMS[::2]), context)
    store = tmp_path / "home" / "store" / "blobs" / "sha256"
    for entry in json.loads((store / digest[7:]).read_bytes())["manifests"]:
        assert Built(tmp_path / "home", entry["digest"]).read("out") == b"from arm64\n"
    told = emulating.run("doctor", "--json")
    (seen,) = [o for o in json.loads(told.stdout)["observations"] if o["area"] == "other platforms"]
    assert "linux/arm64" in seen["found"]


@pytest.mark.prove
def test_go_cross_compiles_without_emulation(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "service"
    shutil.copytree(EXAMPLES / "go-service", context, ignore=shutil.ignore_patterns("*.lock"))
    text = (context / "Dockerfile").read_text()
    text = re.sub(
        r"^FROM (debian\S+)", r"FROM --platform=$BUILDPLATFORM \1", text, flags=re.MULTILINE
    )
    text = re.sub(r"^RUN .*go (vet|test).*\n", "", text, flags=re.MULTILINE)
    wanted = "GOOS=$TARGETOS GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v}"
    text = re.sub(
        r"^RUN (.*go build)", rf"ARG TARGETOS TARGETARCH TARGETVARIANT\nRUN {wanted} \1", text,
        flags=re.MULTILINE,
    )  # fmt: skip
    (context / "Dockerfile").write_text(text)
    digest = samebit.build(f"--platform={','.join(PLATFORMS)}", context)
    store = samebit.home / "store" / "blobs" / "sha256"
    found = {}
    for entry in json.loads((store / digest[7:]).read_bytes())["manifests"]:
        program = Built(samebit.home, entry["digest"]).read("service")
        found[entry["platform"]["architecture"]] = int.from_bytes(program[18:20], "little")
    # e_machine of elf(5).
    assert found == {"amd64": 62, "arm": 40, "arm64": 183}
