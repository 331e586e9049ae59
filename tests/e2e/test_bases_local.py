"""FROM without a registry: layouts, archives, containers-storage, samebit's store, replacements."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e

RUN = "RUN cat /data/new > /out\n"
NAME = "localhost/made:1"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bases") / "layout"
    write_layout(path, [busybox_layer(), second_layer()])
    return path


@pytest.fixture(scope="module")
def layers(layout: Path) -> list[str]:
    index = json.loads((layout / "index.json").read_bytes())
    blob = index["manifests"][0]["digest"].replace(":", "/")
    manifest = json.loads((layout / "blobs" / blob).read_bytes())
    return [layer["digest"] for layer in manifest["layers"]]


@pytest.fixture
def private_storage() -> Iterator[dict[str, str]]:
    """The environment of a containers-storage of the test's own."""
    # podman refuses long paths, so not below tmp_path.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        configuration = Path(folder) / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/root"\n'
        )
        yield {"CONTAINERS_STORAGE_CONF": str(configuration), "HOME": folder}


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def context_of(folder: Path, dockerfile: str) -> Path:
    context = folder / "context"
    context.mkdir(parents=True)
    (context / "Dockerfile").write_text(dockerfile)
    return context


def locked(context: Path) -> dict[str, object]:
    (base,) = tomllib.loads((context / "Dockerfile.lock").read_text())["base"]
    assert isinstance(base, dict)
    return base


def test_one_base_by_any_way_gives_one_digest(
    samebit: Samebit,
    registry: LoopbackRegistry,
    layout: Path,
    layers: list[str],
    tmp_path: Path,
) -> None:
    """Where the original bytes exist, nothing but them counts."""
    reference = registry.add(f"oci:{layout}:1", "any/way:1")
    archive = tmp_path / "base.tar"
    run("skopeo", "copy", f"oci:{layout}:1", f"oci-archive:{archive}:1")
    inside = tmp_path / "relative" / "context" / "oci"
    ways: dict[str, tuple[str, tuple[str, ...]]] = {
        "registry": (reference, ()),
        "layout": (f"oci:{layout}:1", ()),
        "unnamed": (f"oci:{layout}", ()),
        "archive": (f"oci-archive:{archive}:1", ()),
        "scheme": (f"docker://{reference}", ()),
        "relative": ("oci:oci:1", ()),
        "replaced-layout": ("base", ("--build-context", f"base=oci-layout://{layout}:1")),
        "replaced-oci": ("base", ("--build-context", f"base=oci:{layout}")),
        "replaced-archive": ("base", ("--build-context", f"base=oci-archive:{archive}")),
        "replaced-image": ("base", ("--build-context", f"base=docker-image://{reference}")),
        "replaced-registry": ("base", ("--build-context", f"base=docker://{reference}")),
    }
    built = {}
    for number, (name, (base, options)) in enumerate(ways.items()):
        context = context_of(tmp_path / name, f"FROM {base}\n{RUN}")
        if name == "relative":
            run("skopeo", "copy", f"oci:{layout}:1", f"oci:{inside}:1")
        # A store of its own for each shows that each way really brings the base.
        fresh = samebit.with_home(tmp_path / f"home{number}")
        (fresh.home / "engines").parent.mkdir()
        (fresh.home / "engines").symlink_to(samebit.home / "engines")
        (samebit.home / "engines").mkdir(exist_ok=True)
        built[name] = fresh.build(*options, context, cwd=tmp_path)
        assert Built(fresh.home, built[name]).layers[:-1] == layers
        assert locked(context)["digest"]
        assert "diff-ids" not in locked(context)
    assert len(set(built.values())) == 1, built


def test_bases_without_original_blobs_are_pinned_by_diff_ids(
    samebit: Samebit, layout: Path, private_storage: dict[str, str], tmp_path: Path
) -> None:
    """An archive of `docker save` and an engine's storage hold the same image, and give it."""
    run("buildah", "pull", "--quiet", f"oci:{layout}:1", **private_storage)
    image = run("buildah", "images", "--quiet", **private_storage).split()[0]
    run("buildah", "tag", image, NAME, **private_storage)
    archive = tmp_path / "base.tar"
    run("buildah", "push", "--quiet", NAME, f"docker-archive:{archive}:{NAME}", **private_storage)
    ways = {
        "archive": f"docker-archive:{archive}",
        "named": f"docker-archive:{archive}:{NAME}",
        "storage": f"containers-storage:{NAME}",
    }
    built, pinned = set(), set()
    for name, base in ways.items():
        context = context_of(tmp_path / name, f"FROM {base}\n{RUN}")
        digest = samebit.build(context, **private_storage)
        image_built = Built(samebit.home, digest)
        assert image_built.document["rootfs"]["diff_ids"][:2] == locked(context)["diff-ids"]
        assert image_built.media_types == ["application/vnd.oci.image.layer.v1.tar+gzip"] * 3
        assert image_built.config["Labels"]["org.example.base"] == "kept"
        built.add(digest)
        pinned.add(str(locked(context)["digest"]))
    assert (len(built), len(pinned)) == (1, 1)

    # A machine that has never seen it takes the archive again, and gets the same.
    fresh = samebit.with_home(tmp_path / "fresh")
    context = tmp_path / "archive" / "context"
    assert fresh.build("--locked", context) in built
    write_layout(tmp_path / "other", [busybox_layer(), second_layer("other")])
    archive.unlink()
    run("skopeo", "copy", f"oci:{tmp_path}/other:1", f"docker-archive:{archive}:{NAME}")
    assert fresh.build("--locked", context) in built
    done = samebit.with_home(tmp_path / "third").run("build", context)
    assert done.returncode == 4
    assert "the lock pins" in done.stderr
    assert f"samebit lock --update=docker-archive:{archive}" in done.stderr


def test_what_the_storage_lacks(
    samebit: Samebit, private_storage: dict[str, str], tmp_path: Path
) -> None:
    context = context_of(tmp_path, "FROM containers-storage:localhost/absent:1\n")
    done = samebit.run("build", context, **private_storage)
    assert done.returncode == 5
    assert f"{context}/Dockerfile:1" in done.stderr
    assert "localhost/absent:1" in done.stderr


def test_an_image_that_samebit_named(
    samebit: Samebit, layout: Path, layers: list[str], tmp_path: Path
) -> None:
    first = context_of(tmp_path / "first", f"FROM oci:{layout}:1\nLABEL made=here\n{RUN}")
    base = samebit.build("-t", "own/base:1", first)
    second = context_of(tmp_path / "second", "FROM own/base:1\nRUN cat /out /out > /twice\n")
    built = Built(samebit.home, samebit.build(second))
    assert built.layers[:2] == layers
    assert built.layers[:3] == Built(samebit.home, base).layers
    assert len(built.layers) == 4
    assert built.config["Labels"]["made"] == "here"
    assert locked(second)["digest"] == base

    # Named anew, it stays what the lock pins, until it is looked up anew.
    (first / "Dockerfile").write_text(f"FROM oci:{layout}:1\nLABEL made=again\n")
    again = samebit.build("-t", "own/base:1", first)
    assert again != base
    assert samebit.build("--no-cache", second) == built.digest
    # The pinned one exists nowhere else.
    blob = samebit.home / "store" / "blobs" / base.replace(":", "/")
    kept = blob.read_bytes()
    blob.unlink()
    done = samebit.run("build", second)
    assert done.returncode == 5
    assert "samebit's store has another image of that name now" in done.stderr
    assert "samebit lock --update=own/base:1" in done.stderr
    blob.write_bytes(kept)
    # Looked up anew it lacks what the step reads, and a lock that cannot be made is not written.
    done = samebit.run("lock", "--update=own/base", second)
    assert done.returncode == 3
    assert "/out" in done.stderr
    assert locked(second)["digest"] == base
    (first / "Dockerfile").write_text(f"FROM oci:{layout}:1\nLABEL made=again\n{RUN}")
    third = samebit.build("-t", "own/base:1", first)
    assert samebit.run("lock", "--update=own/base", second).returncode == 0
    assert locked(second)["digest"] == third


def test_a_replaced_base_is_what_the_option_says_now(
    samebit: Samebit, layout: Path, tmp_path: Path
) -> None:
    """Other than a tag, a path given on the command line is looked at in every build."""
    write_layout(tmp_path / "later", [busybox_layer(), second_layer("later")])
    context = context_of(tmp_path, f"FROM base\n{RUN}")
    option = f"base=oci-layout://{layout}"
    first = samebit.build("--build-context", option, context)
    assert samebit.build("--build-context", option, "--locked", context) == first
    lock = (context / "Dockerfile.lock").read_text()
    assert str(tmp_path) not in lock

    other = f"base=oci-layout://{tmp_path}/later"
    done = samebit.run("build", "--build-context", other, "--locked", context)
    assert done.returncode == 4
    assert "the lock pins" in done.stderr
    assert (context / "Dockerfile.lock").read_text() == lock
    built = Built(samebit.home, samebit.build("--build-context", other, context))
    assert built.read("out") == b"later"
    assert (context / "Dockerfile.lock").read_text() != lock
    done = samebit.run("build", "--build-context", f"base=oci-layout://{tmp_path}/none", context)
    assert done.returncode == 5
    assert "there is no OCI layout" in done.stderr
    done = samebit.run("build", "--build-context", f"base={tmp_path}/none", context)
    assert done.returncode == 2


def test_a_layout_that_moved_on_still_has_what_is_locked(samebit: Samebit, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_layout(layout, [busybox_layer(), second_layer("one")])
    context = context_of(tmp_path, f"FROM oci:{layout}:1\n{RUN}")
    first = samebit.build(context)
    write_layout(layout, [busybox_layer(), second_layer("two")])
    fresh = samebit.with_home(tmp_path / "home")
    assert fresh.build(context) == first
    for blob in (layout / "blobs" / "sha256").iterdir():
        if blob.name == str(locked(context)["digest"]).removeprefix("sha256:"):
            blob.unlink()
    done = samebit.with_home(tmp_path / "third").run("build", context)
    assert done.returncode == 5
    assert "lacks blobs/sha256/" in done.stderr
    assert "samebit lock --update=oci:" in done.stderr
    assert Built(samebit.home, samebit.build("--no-cache", context)).read("out") == b"one"
    assert samebit.run("lock", "--update", context).returncode == 0
    assert Built(samebit.home, samebit.build(context)).read("out") == b"two"
