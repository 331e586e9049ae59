"""The inputs artifact, against the real registry: pushed, pulled, verified, collected."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit

from samebit.lock.fetch import LockedFetch, make_key
from samebit.lock.model import Lock, Recipe
from samebit.lock.toml import read_lock, write_lock
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.pipeline import inputs_artifact
from samebit.pipeline.bring_bodies import bring_bodies
from samebit.pipeline.inputs_gc import collect, note_lock
from samebit.store.store import Store

pytestmark = pytest.mark.e2e

AMD = Platform("linux", "amd64")
DEB, NPM = "http://deb.example.org", "https://npm.example.org"
ALL = ("--origin", DEB, "--origin", f"{NPM}/")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackRegistry]:
    running = LoopbackRegistry.start(tmp_path_factory.mktemp("registry") / "registry")
    yield running
    running.stop()


def fetch(store: Store, url: str, content: bytes) -> LockedFetch:
    return LockedFetch(make_key("GET", url), "0/1", (AMD,), store.put(content), len(content))


def lock_with(*fetches: LockedFetch) -> Lock:
    return Lock(1, Recipe(Digest.of(b""), (), None, (AMD,), ()), (), fetches)


@pytest.fixture
def samebit(tmp_path: Path) -> Samebit:
    """Each test counts what is in the store."""
    return Samebit(tmp_path / "home")


@pytest.fixture
def store(samebit: Samebit) -> Store:
    samebit.home.mkdir()
    return Store(samebit.home / "store")


@pytest.fixture
def lock(store: Store, tmp_path: Path) -> Path:
    """A lock of small and large bodies, one of them from two origins, one empty."""
    work = tmp_path / "work"
    work.mkdir()
    large = b"x" * (1 << 19)
    made = lock_with(
        fetch(store, f"{DEB}/pool/a_1_all.deb", large),
        fetch(store, f"{DEB}/dists/x/Release", b"release"),
        fetch(store, f"{NPM}/a/-/a-1.0.0.tgz", b"small"),
        fetch(store, f"{NPM}/copy", b"release"),
        replace(fetch(store, f"{NPM}/moved", b""), status=302),
    )
    write_lock(work / "Dockerfile.lock", made)
    return work / "Dockerfile.lock"


def loaded(path: Path) -> Lock:
    lock = read_lock(path)
    assert lock is not None
    return lock


def forget(store: Store, lock: Lock) -> None:
    for locked in lock.fetches:
        store.remove(locked.digest)


def test_pushed_pulled_and_verified(
    samebit: Samebit, registry: LoopbackRegistry, lock: Path, tmp_path: Path
) -> None:
    name = f"{registry.address}/app/inputs:1"
    before = loaded(lock)
    done = samebit.run("inputs", "push", name, *ALL, cwd=lock.parent)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.strip()
    assert printed.startswith(f"{name}@sha256:")
    after = loaded(lock)
    assert str(after.inputs) == printed
    assert replace(after, inputs=None) == before
    manifest = json.loads(registry.manifest("app/inputs", "1"))
    assert manifest["artifactType"] == "application/vnd.samebit.inputs.v1"
    kinds = [layer["mediaType"].rpartition("input.")[2] for layer in manifest["layers"]]
    assert kinds == ["body.v1", "pack.v1+tar", "pack.v1+tar"]

    # Nothing is sent twice, and equal bytes are an equal artifact elsewhere.
    uploads = registry.uploads()
    again = samebit.run("inputs", "push", name, *ALL, cwd=lock.parent)
    assert (again.returncode, again.stdout.strip()) == (0, printed)
    assert registry.uploads() == uploads
    fresh = samebit.with_home(tmp_path / "other")
    assert samebit.run("inputs", "verify", cwd=lock.parent).returncode == 0
    done = fresh.run("inputs", "verify", cwd=lock.parent)
    assert done.returncode == 5
    assert f"{DEB}/pool/a_1_all.deb" in done.stderr
    assert "3 recorded bodies are not in the store" in done.stderr
    done = fresh.run("inputs", "pull", cwd=lock.parent)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "brought 3 bodies" in done.stderr
    done = fresh.run("inputs", "verify", lock)
    assert (done.returncode, "3 bodies are in the store" in done.stderr) == (0, True)
    other = fresh.run("inputs", "push", f"{registry.address}/else/inputs:2", *ALL, cwd=lock.parent)
    assert other.stdout.strip().rpartition("@")[2] == printed.rpartition("@")[2]
    # With everything there, no registry is asked.
    shutil.copy(lock, tmp_path / "off.lock")
    write_lock(tmp_path / "off.lock", replace(after, inputs=None))
    done = fresh.run("inputs", "pull", "127.0.0.1:1/none:1", "--lock", tmp_path / "off.lock")
    assert done.returncode == 0, done.stderr
    assert "has everything" in done.stderr


def test_what_nobody_listed_is_not_published(
    samebit: Samebit, registry: LoopbackRegistry, lock: Path
) -> None:
    name = f"{registry.address}/private/inputs:1"
    text = lock.read_bytes()
    done = samebit.run("inputs", "push", name, "--origin", DEB, cwd=lock.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--origin {NPM}" in done.stderr
    assert f"--origin {DEB}" not in done.stderr
    assert lock.read_bytes() == text
    (lock.parent / "samebit.toml").write_text(f'[inputs]\norigins = ["{NPM}"]\n')
    done = samebit.run("inputs", "push", name, "--origin", f"{DEB}:80", cwd=lock.parent)
    assert done.returncode == 0, done.stderr
    done = samebit.run("inputs", "push", name, "--origin", "deb.example.org", cwd=lock.parent)
    assert done.returncode == 2
    assert "scheme://host" in done.stderr


def test_damage_is_named_and_mended(
    samebit: Samebit, registry: LoopbackRegistry, store: Store, lock: Path
) -> None:
    name = f"{registry.address}/damage/inputs:1"
    assert samebit.run("inputs", "push", name, *ALL, cwd=lock.parent).returncode == 0
    large, small = loaded(lock).fetches[1], loaded(lock).fetches[2]
    for locked in (large, small):
        path = store.path(locked.digest)
        data = bytearray(path.read_bytes())
        data[0] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    done = samebit.run("inputs", "verify", lock)
    assert done.returncode == 5
    assert str(large.digest) in done.stderr
    assert str(small.digest) in done.stderr
    # Nothing wrong is published.
    done = samebit.run("inputs", "push", name, *ALL, cwd=lock.parent)
    assert done.returncode == 5
    assert samebit.run("inputs", "pull", cwd=lock.parent).returncode == 0
    assert samebit.run("inputs", "verify", lock).returncode == 0


def test_a_build_takes_what_the_artifact_has(
    samebit: Samebit, registry: LoopbackRegistry, store: Store, lock: Path
) -> None:
    name = f"{registry.address}/build/inputs:1"
    assert samebit.run("inputs", "push", name, *ALL, cwd=lock.parent).returncode == 0
    locked = loaded(lock)
    said: list[str] = []
    bring_bodies(locked.fetches, locked.inputs, store, said.append)
    assert said == []
    forget(store, locked)
    bring_bodies(locked.fetches, locked.inputs, store, said.append)
    assert all(store.has(each.digest) for each in locked.fetches if each.size)
    # Where it cannot be had, the build goes on to where the bytes came from.
    forget(store, locked)
    assert locked.inputs is not None
    gone = replace(locked.inputs, registry="127.0.0.1:1")
    bring_bodies(locked.fetches, gone, store, said.append)
    assert "cannot be had" in said[-1]
    bring_bodies(locked.fetches, None, store, said.append)
    assert len(said) == 3


def test_it_refers_to_an_image(
    samebit: Samebit, registry: LoopbackRegistry, store: Store, lock: Path
) -> None:
    config = store.put(b'{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[]}}')
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": str(config),
            "size": store.size(config),
        },
        "layers": [],
    }
    data = json.dumps(document).encode()
    image = Descriptor(OCI_MANIFEST, store.put(data), len(data))
    store.tag(f"{registry.address}/subject/app:1", image)
    name = f"{registry.address}/subject/app:inputs"
    for subject in (str(image.digest), f"{registry.address}/subject/app:1"):
        done = samebit.run("inputs", "push", name, *ALL, "--subject", subject, cwd=lock.parent)
        assert done.returncode == 0, done.stderr
    manifest = json.loads(registry.manifest("subject/app", "inputs"))
    assert manifest["subject"]["digest"] == str(image.digest)
    # This registry does not list referrers by itself.
    listed = json.loads(registry.manifest("subject/app", f"sha256-{image.digest.hex}"))
    assert [entry["artifactType"] for entry in listed["manifests"]] == [
        "application/vnd.samebit.inputs.v1"
    ]
    assert done.stdout.strip().endswith(listed["manifests"][0]["digest"])


def test_an_image_is_no_artifact(
    samebit: Samebit, registry: LoopbackRegistry, store: Store, lock: Path
) -> None:
    forget(store, loaded(lock))
    name = f"{registry.address}/other/thing:1"
    data = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    index = Descriptor("application/vnd.oci.image.index.v1+json", store.put(data), len(data))
    store.tag(name, index)
    from samebit.model.reference import Reference
    from samebit.registry.client import RegistryClient

    with RegistryClient() as client:
        client.push(store, index, Reference.parse(name))
    done = samebit.run("inputs", "pull", name, cwd=lock.parent)
    assert done.returncode == 5
    assert "is not an inputs artifact" in done.stderr


def test_garbage(samebit: Samebit, store: Store, lock: Path, tmp_path: Path) -> None:
    old = loaded(lock)
    note_lock(store, lock, old)
    assert not collect(store, (), delete=True).bodies
    kept = tuple(each for each in old.fetches if each.key.url.startswith(DEB))
    write_lock(lock, replace(old, fetches=kept))
    note_lock(store, lock, loaded(lock))
    small = next(each for each in old.fetches if each.key.url.endswith(".tgz"))
    # Another lock may need it, one that no build here has seen.
    write_lock(tmp_path / "other.lock", lock_with(small))
    assert not collect(store, (tmp_path / "other.lock",), delete=False).bodies
    done = samebit.run("inputs", "gc")
    assert (done.returncode, done.stdout) == (0, f"{small.digest}\n")
    assert store.has(small.digest)
    done = samebit.run("inputs", "gc", "--delete")
    assert (done.returncode, done.stdout) == (0, f"{small.digest}\n")
    assert not store.has(small.digest)
    assert all(store.has(each.digest) for each in kept)
    assert samebit.run("inputs", "gc", "--delete").stdout == ""
    # A lock that is gone needs nothing; what cannot be read may need everything.
    lock.write_text("version = 99\n")
    assert samebit.run("inputs", "gc", "--delete").returncode == 2
    lock.unlink()
    assert len(samebit.run("inputs", "gc", "--delete").stdout.splitlines()) == len(kept)


@pytest.mark.prove
def test_packs_save_requests(
    registry: LoopbackRegistry, store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """The measurement behind decision 0032: a thousand small bodies, packed and one by one."""
    from samebit.model.reference import Reference
    from samebit.pipeline.inputs import pull, push

    many = lock_with(
        *(fetch(store, f"{NPM}/p{n}/-/p{n}-1.0.0.tgz", b"%d " % n * 2000) for n in range(800))
    )
    figures = {}
    for kind, large in (("packed", 1 << 18), ("single", 1)):
        monkeypatch.setattr(inputs_artifact, "_LARGE", large)
        write_lock(lock, many)
        begun, asked = time.monotonic(), requests(registry)
        name = Reference.parse(f"{registry.address}/many/{kind}:1")
        push(lock, name, origins=[NPM], subject=None, store=store, say=lambda _: None)
        pushed, begun = time.monotonic() - begun, time.monotonic()
        sent = requests(registry) - asked
        pull(lock, None, Store(tmp_path / kind), lambda _: None)
        pulled = time.monotonic() - begun
        figures[kind] = (sent, requests(registry) - asked - sent, pushed, pulled)
    print(figures)  # noqa: T201 - the figures of the decision
    assert figures["packed"][0] < 20
    assert figures["single"][0] > 2000


def requests(registry: LoopbackRegistry) -> int:
    return (registry.folder / "log").read_text().count("http.request.method")
