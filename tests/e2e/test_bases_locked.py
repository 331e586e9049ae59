"""What the lock does for bases: it pins them, finds them again, or says that they are gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e


@pytest.fixture
def own_registry(tmp_path: Path) -> LoopbackRegistry:
    """A registry that the test may stop."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    return LoopbackRegistry.start(tmp_path / "registry")


def test_a_locked_base_over_its_life(
    samebit: Samebit, own_registry: LoopbackRegistry, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    old = write_layout(layout, [busybox_layer(), second_layer("old")], tag="old")
    write_layout(layout, [busybox_layer(), second_layer("later")], tag="later")
    registry = own_registry
    try:
        reference = registry.add(f"oci:{layout}:old", "app/base:1", "--preserve-digests")
        context = tmp_path / "context"
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM {reference}\nRUN cat /data/new > /out\n")
        first = samebit.build(context)
        lock = (context / "Dockerfile.lock").read_bytes()
        assert f'digest = "{old}"' in lock.decode()

        # Another image has the tag now: neither this machine nor a new one takes it.
        registry.add(f"oci:{layout}:later", "app/base:1", "--preserve-digests")
        assert samebit.build("--no-cache", context) == first
        assert samebit.with_home(tmp_path / "new").build("--locked", context) == first
        assert (context / "Dockerfile.lock").read_bytes() == lock

        # The manifest is gone from the registry: whoever has it builds on.
        registry.delete("app/base", old)
        assert samebit.build("--no-cache", context) == first
        fresh = samebit.with_home(tmp_path / "other")
        for locked in ((), ("--locked",)):
            done = fresh.run("build", *locked, context)
            assert (done.returncode, done.stdout) == (5, "")
            assert f"error: base image {reference}: registry {registry.address}" in done.stderr
            assert f"has no manifest {old} of app/base" in done.stderr
            assert f"samebit lock --update={reference}" in done.stderr
        assert (context / "Dockerfile.lock").read_bytes() == lock
    finally:
        registry.stop()

    # The registry is down: nothing is asked of it where the store has the base.
    assert samebit.build("--no-cache", "--locked", context) == first
    done = samebit.with_home(tmp_path / "third").run("build", context)
    assert done.returncode == 5
    assert "cannot be reached" in done.stderr
    done = samebit.run("lock", "--update", context)
    assert done.returncode == 5
    assert (context / "Dockerfile.lock").read_bytes() == lock


def test_a_damaged_base_is_fetched_again(
    samebit: Samebit, registry: LoopbackRegistry, tmp_path: Path
) -> None:
    write_layout(tmp_path / "layout", [busybox_layer(), second_layer("damaged")])
    reference = registry.add(f"oci:{tmp_path}/layout:1", "damaged:1")
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {reference}\nRUN cat /data/new > /out\n")
    own = samebit.with_home(tmp_path / "home")
    first = own.build(context)
    blobs = own.home / "store" / "blobs" / "sha256"
    layers = registry.layers("damaged", "1")
    one, two = (blobs / layer.removeprefix("sha256:") for layer in layers)
    for damage in (lambda: one.write_bytes(one.read_bytes()[:1000]), two.unlink):
        damage()
        assert own.build("--no-cache", context) == first
        for layer in layers:
            assert Built(own.home, first).blob(layer) == registry.blob("damaged", layer)


@pytest.mark.prove
def test_a_recipe_of_samebit_toml_is_made_where_the_store_lacks_it(
    samebit: Samebit, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    toml = '[bases."debian.local/small:1"]\nsuite = "bookworm"\nvariant = "essential"\n'
    (context / "samebit.toml").write_text(toml)
    (context / "Dockerfile").write_text(
        "FROM debian.local/small:1\nRUN dpkg-query -W dpkg > /out\n"
    )
    first = samebit.build(context)
    lock = (context / "Dockerfile.lock").read_text()
    assert "made-from = " in lock
    built = Built(samebit.home, first)
    assert len(built.layers) == 2
    assert built.document["history"][0]["created_by"] == (
        "samebit base debian --suite bookworm --variant essential"
    )
    done = samebit.run("build", "--no-cache", context)
    assert done.stdout.strip() == first
    assert "making the base image" not in done.stderr

    # Elsewhere it is made anew, and is the same.
    done = samebit.with_home(tmp_path / "elsewhere").run("build", "--locked", context)
    assert done.stdout.strip() == first, done.stderr
    assert "making the base image debian.local/small:1 from its recipe" in done.stderr

    # Another recipe is another base: the lock is stale.
    (context / "samebit.toml").write_text(toml + 'include = ["no-such-package-at-all"]\n')
    done = samebit.run("build", "--locked", context)
    assert done.returncode == 4
    done = samebit.run("build", context)
    assert done.returncode == 5
    assert "no-such-package-at-all" in done.stderr
    assert (context / "Dockerfile.lock").read_text() == lock
