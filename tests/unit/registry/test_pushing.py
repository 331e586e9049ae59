from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import OCI_INDEX, Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.registry.failures import UnavailableError
from samebit.store.store import Store


@pytest.fixture
def kit(registry: Any) -> Any:
    return sys.modules[type(registry).__module__]


@pytest.fixture
def target(registry: Any) -> Reference:
    return Reference.parse(f"{registry.address}/team/app:1")


def test_blobs_go_before_the_config_and_that_before_the_manifest(
    *, registry: Any, client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    client.push(store, image, target)
    manifest = json.loads(store.read(image.digest))
    layer, config = manifest["layers"][0]["digest"], manifest["config"]["digest"]
    puts = [(r.path.split("/")[-2], r.query) for r in registry.sent("PUT")]
    assert [kind for kind, _ in puts] == ["uploads", "uploads", "manifests"]
    assert layer.removeprefix("sha256:") in puts[0][1]
    assert config.removeprefix("sha256:") in puts[1][1]
    assert registry.manifests["1"][1] == store.read(image.digest)
    assert registry.requests[-1].method == "GET"
    assert not registry.sent("PATCH")


def test_what_is_there_is_not_sent_again(
    *, registry: Any, client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    client.push(store, image, target)
    registry.requests.clear()
    client.push(store, image, target)
    assert [r.method for r in registry.requests] == ["HEAD", "HEAD", "PUT", "GET"]


def test_an_index_goes_after_its_manifests(
    *, registry: Any, client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    child = {"mediaType": image.media_type, "digest": str(image.digest), "size": image.size}
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}).encode()
    index = Descriptor(OCI_INDEX, store.put(data), len(data))
    client.push(store, index, target)
    names = [r.path.rpartition("/")[2] for r in registry.sent("PUT", "/manifests/")]
    assert names == [str(image.digest), "1"]


def test_blobs_are_mounted_from_repositories_of_the_same_registry(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
) -> None:
    def mount(request: Any) -> Any:
        if "mount=" not in request.query:
            return None
        assert "from=library/base" in request.query
        digest = request.query.partition("mount=")[2].partition("&")[0]
        registry.blobs[digest] = store.read(Digest.parse(digest))
        return kit.Reply(201)

    registry.hooks.append(mount)
    sources = [
        Reference.parse(f"{registry.address}/library/base:1"),
        Reference.parse("other.example.org/x:1"),
        target,
    ]
    client.push(store, image, target, sources)
    assert len(registry.sent("POST")) == 2
    assert not registry.sent("PUT", "/uploads/")


def test_a_refused_mount_becomes_an_upload(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
) -> None:
    registry.hooks.append(lambda r: kit.Reply(403) if "mount=" in r.query else None)
    client.push(store, image, target, [Reference.parse(f"{registry.address}/base:1")])
    assert registry.manifests["1"][1] == store.read(image.digest)


@pytest.mark.parametrize("status", [405, 413])
def test_pieces_where_a_whole_blob_is_refused(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
    status: int,
    layer: bytes,
) -> None:
    registry.hooks.append(
        lambda r: (
            kit.Reply(status) if r.method == "PUT" and "/uploads/" in r.path and r.body else None
        )
    )
    client.push(store, image, target)
    assert registry.blobs[str(Digest.of(layer))] == layer
    first = registry.sent("PATCH")[0]
    assert first.headers["content-range"] == f"0-{len(layer) - 1}"


def test_a_broken_upload_starts_over(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
    layer: bytes,
) -> None:
    broken = [True, True]

    def hook(request: Any) -> Any:
        if request.method == "PUT" and "/uploads/" in request.path and broken:
            broken.pop()
            registry.uploads[request.path.rpartition("/")[2]] = b"half"
            return kit.Reply(502)
        return None

    registry.hooks.append(hook)
    client.push(store, image, target)
    assert registry.blobs[str(Digest.of(layer))] == layer
    assert len(registry.uploads) == 4


def test_an_upload_that_stays_broken_ends(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
) -> None:
    registry.hooks.append(lambda r: kit.Reply(500) if r.method == "PUT" else None)
    with pytest.raises(UnavailableError, match="answered 500 to PUT the upload") as caught:
        client.push(store, image, target)
    assert "_state" not in caught.value.what
    assert not registry.manifests


def test_a_registry_that_rewrites_the_manifest_is_found_out(
    *,
    registry: Any,
    client: RegistryClient,
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
) -> None:
    def hook(request: Any) -> Any:
        if request.method == "PUT" and "/manifests/" in request.path:
            registry.add_manifest("1", {**json.loads(request.body), "annotations": {"a": "b"}})
            return kit.Reply(201)
        return None

    registry.hooks.append(hook)
    with pytest.raises(InputError, match=f"after the image {image.digest} was pushed") as caught:
        client.push(store, image, target)
    assert registry.address in caught.value.what


def test_nothing_is_sent_when_a_part_is_missing(
    *, registry: Any, client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    manifest = json.loads(store.read(image.digest))
    store.path(Digest.parse(manifest["layers"][0]["digest"])).unlink()
    with pytest.raises(InputError, match="not in the store"):
        client.push(store, image, target)
    assert not registry.requests


def test_a_damaged_layer_is_not_pushed(
    *, registry: Any, client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    manifest = json.loads(store.read(image.digest))
    path = store.path(Digest.parse(manifest["layers"][0]["digest"]))
    path.chmod(0o644)
    path.write_bytes(b"X" * path.stat().st_size)
    with pytest.raises(InputError, match="damaged"):
        client.push(store, image, target)
    assert not registry.manifests


def test_a_reference_with_another_digest_is_refused(
    client: RegistryClient, store: Store, image: Descriptor, target: Reference
) -> None:
    with pytest.raises(UsageError, match="another digest"):
        client.push(store, image, target.with_digest(Digest.of(b"x")))


def test_credentials_stay_home_when_the_upload_is_elsewhere(
    *,
    registry: Any,
    start_registry: Any,
    make_client: Callable[..., RegistryClient],
    store: Store,
    image: Descriptor,
    target: Reference,
    kit: Any,
    tmp_path: Any,
) -> None:
    elsewhere = start_registry()
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {registry.address: {"auth": "dTpw"}}}))
    elsewhere.hooks.append(lambda _: kit.Reply(201))

    def hook(request: Any) -> Any:
        if request.path != "/v2/" and request.headers.get("authorization") != "Basic dTpw":
            return kit.Reply(401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        if request.method == "POST":
            return kit.Reply(202, headers={"Location": f"http://{elsewhere.address}/up"})
        return None

    registry.hooks.append(hook)
    make_client(REGISTRY_AUTH_FILE=str(auth)).push(store, image, target)
    assert elsewhere.sent("PUT")
    assert all("authorization" not in r.headers for r in elsewhere.requests)
