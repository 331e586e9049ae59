"""Real builds of hard trees: unpackers make of the image what the build's last step saw."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hard_trees import CONTEXT, assert_as_seen_inside, write_hard_base
from measured_command import measured
from samebit_command import Samebit
from step_builds import Steps
from unpackers import unpacked

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="owners and devices need root"),
]

# 60 directories inside of one another, whose names have 100 bytes each.
NESTED = (
    "n=$(printf %0100d 0); for i in 1 2 3 4 5 6; do for j in 0 1 2 3 4 5 6 7 8 9; do"
    " mkdir $n; cd ./$n; done; done; true"
)
UNPACKERS = ["umoci", "podman-overlay", "podman-vfs"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hard_base(tmp_path_factory.mktemp("base") / "layout")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The context, without what linters and this process leave beside it."""
    context = tmp_path_factory.mktemp("trees") / "context"
    shutil.copytree(CONTEXT, context, ignore=shutil.ignore_patterns("__pycache__"))
    return context


@pytest.fixture(scope="module")
def ordinary(
    shared_home: Path, base: Path, trees: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, str]:
    return build(Samebit(shared_home), base, trees, "Dockerfile", tmp_path_factory.mktemp("o"))


@pytest.fixture(scope="module")
def links(
    shared_home: Path, base: Path, trees: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, str]:
    return build(
        Samebit(shared_home), base, trees, "Dockerfile.links", tmp_path_factory.mktemp("o")
    )


def build(
    samebit: Samebit, base: Path, context: Path, dockerfile: str, folder: Path, *options: str
) -> tuple[str, Path, str]:
    """Build on overlay; gives the digest, the image as an OCI layout, and stderr."""
    layout = folder / "layout"
    done = samebit.run(
        *arguments(base, context, dockerfile),
        *options,
        f"--output=oci:{layout}:t",
        SAMEBIT_STORAGE_DRIVER="overlay",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), layout, done.stderr


def arguments(base: Path, context: Path, dockerfile: str) -> list[str]:
    return [
        "build",
        "--progress=plain",
        "--no-cache",
        f"--build-context=base=oci-layout://{base}",
        f"--file={context / dockerfile}",
        str(context),
    ]


@pytest.mark.parametrize("unpacker", UNPACKERS)
def test_a_hard_tree_unpacked(
    unpacker: str, ordinary: tuple[str, Path, str], tmp_path: Path
) -> None:
    with unpacked(unpacker, ordinary[1], tmp_path) as root:
        inside = assert_as_seen_inside(root, unpacker)
    # The tree was hard, not just the same.
    kinds = {str(entry["kind"]) for entry in inside.values()}
    assert len(kinds) == 7
    assert len([path for path, entry in inside.items() if "links" in entry]) == 33
    assert not [path for path in ("base/gone", "base/three-names-2") if path in inside]


def test_a_hard_tree_has_one_digest_on_both_drivers(
    samebit: Samebit, ordinary: tuple[str, Path, str], base: Path, trees: Path
) -> None:
    done = samebit.run(*arguments(base, trees, "Dockerfile"), SAMEBIT_STORAGE_DRIVER="vfs")
    assert done.stdout.strip() == ordinary[0], done.stderr


def test_access_control_lists_are_dropped_and_told(ordinary: tuple[str, Path, str]) -> None:
    told = [line for line in ordinary[2].splitlines() if "[dropped-acl]" in line]
    assert len(told) == 3
    for path in ("with-acl", "with-default-acl", "with-default-acl/file"):
        assert any(f"/attributes/{path} has an access control list" in line for line in told)


@pytest.mark.parametrize("unpacker", UNPACKERS)
def test_changed_hard_links_of_the_base_unpacked(
    unpacker: str, links: tuple[str, Path, str], tmp_path: Path
) -> None:
    with unpacked(unpacker, links[1], tmp_path) as root:
        inside = assert_as_seen_inside(root, unpacker)
    # As overlay has it: written through one name, the other one keeps what it had.
    assert "links" not in inside["base/link-1"]
    assert inside["base/link-1"]["content"] != inside["base/link-2"]["content"]
    assert inside["base/link-kept-1"]["links"] == ["base/link-kept-1", "base/link-kept-2"]


def test_what_vfs_cannot_show_is_refused(samebit: Samebit, base: Path, trees: Path) -> None:
    done = samebit.run(*arguments(base, trees, "Dockerfile.links"), SAMEBIT_STORAGE_DRIVER="vfs")
    assert done.returncode == 6, done.stderr
    assert "is one of several hard links" in done.stderr


@pytest.mark.parametrize(
    ("driver", "step", "told"),
    [
        ("overlay", "mkdir /x && touch /x/.wh.f", "/x/.wh.f: no layer can hold a file whose name"),
        ("vfs", "mkdir /x && touch /x/.wh..wh..opq", "/x/.wh..wh..opq: no layer can hold a file"),
        # On overlay the step itself fails.
        ("vfs", "mknod /zero c 0 0", "/zero: no image can hold the character device 0:0"),
        (
            "overlay",
            NESTED,
            " bytes is too long to be read: '/0000",
        ),
    ],
)
def test_what_no_image_can_hold_is_refused(steps: Steps, driver: str, step: str, told: str) -> None:
    dockerfile = f"FROM base\nRUN {step}\n"
    assert told in steps.fails(dockerfile, code=5, SAMEBIT_STORAGE_DRIVER=driver)


def size_options(depth: int, width: int, size: int) -> list[str]:
    values = {"DEPTH": depth, "WIDTH": width, "BYTES": size}
    return [f"--build-arg={name}={value}" for name, value in values.items()]


def test_deep_and_wide_trees_unpacked(
    samebit: Samebit, base: Path, trees: Path, tmp_path: Path
) -> None:
    options = size_options(1000, 3000, 100 << 20)
    digest, layout, _ = build(samebit, base, trees, "Dockerfile.big", tmp_path, *options)
    with unpacked("umoci", layout, tmp_path) as root:
        inside = assert_as_seen_inside(root, "umoci")
    assert max(path.count("/") for path in inside) == 1001
    on_vfs = samebit.build(
        *arguments(base, trees, "Dockerfile.big")[1:], *options, SAMEBIT_STORAGE_DRIVER="vfs"
    )
    assert on_vfs == digest


@pytest.mark.prove
def test_huge_trees_take_little_memory(
    samebit: Samebit, base: Path, trees: Path, tmp_path: Path
) -> None:
    options = size_options(1000, 50_000, 5 << 30)
    command = (*arguments(base, trees, "Dockerfile.big"), *options)
    layout = tmp_path / "layout"
    done, usage = measured(
        samebit, *command, f"--output=oci:{layout}:t", SAMEBIT_STORAGE_DRIVER="overlay"
    )
    assert done.returncode == 0, done.stderr
    assert usage.memory < 300 << 20
    for unpacker in UNPACKERS:
        work = tmp_path / unpacker
        work.mkdir()
        with unpacked(unpacker, layout, work) as root:
            inside = assert_as_seen_inside(root, unpacker)
        # shutil.rmtree calls itself for each level, up to Python 3.12.
        subprocess.run(["rm", "-rf", work], check=True)
    assert inside["sparse"]["size"] == 5 << 30
    assert len(inside) > 51_000
    on_vfs = samebit.build(*command[1:], SAMEBIT_STORAGE_DRIVER="vfs")
    assert on_vfs == done.stdout.strip()
