from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebit.errors import InputError
from samebit.model.descriptor import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.registry.failures import DeniedError, NotFoundError, UnavailableError
from samebit.registry.registries_conf import Mirror, RegistriesConf, RegistryRule
from samebit.store.store import Store

EMPTY: dict[str, Any] = {
    "schemaVersion": 2,
    "config": {"mediaType": "a/b", "digest": str(Digest.of(b"c")), "size": 1},
    "layers": [],
}


@pytest.fixture
def kit(registry: Any) -> Any:
    """The conftest's value types, through an instance: tests are not a package."""
    import sys

    return sys.modules[type(registry).__module__]


def reference(registry: Any, text: str = "app:1") -> Reference:
    return Reference.parse(f"{registry.address}/{text}")


def descriptor(data: bytes, size: int | None = None) -> Descriptor:
    return Descriptor(OCI_LAYER_GZIP, Digest.of(data), len(data) if size is None else size)


def blobs_on_disk(store: Store) -> list[Path]:
    return [p for p in store.root.rglob("*") if p.is_file() and p.stat().st_size > 1000]


class TestManifests:
    def test_a_tag_gives_the_bytes_verbatim(self, registry: Any, client: RegistryClient) -> None:
        digest = registry.add_manifest("1", EMPTY)
        found = client.resolve(reference(registry))
        assert found.data == registry.manifests["1"][1]
        assert found.descriptor == Descriptor(OCI_MANIFEST, digest, len(found.data))

    def test_an_index_is_given_as_it_is(self, registry: Any, client: RegistryClient) -> None:
        registry.add_manifest("1", {"schemaVersion": 2, "manifests": []}, OCI_INDEX)
        assert client.resolve(reference(registry)).descriptor.media_type == OCI_INDEX

    def test_a_digest_decides_over_the_tag(self, registry: Any, client: RegistryClient) -> None:
        digest = registry.add_manifest("1", EMPTY)
        registry.add_manifest("1", {**EMPTY, "annotations": {"newer": "yes"}})
        found = client.resolve(reference(registry).with_digest(digest))
        assert found.descriptor.digest == digest

    def test_a_lying_digest_header_is_refused(
        self, registry: Any, client: RegistryClient, kit: Any
    ) -> None:
        data = json.dumps(EMPTY).encode()
        other = Digest.of(b"other")
        headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(other)}
        registry.hooks.append(
            lambda r: kit.Reply(200, data, headers) if "manifests" in r.path else None
        )
        with pytest.raises(InputError, match=str(other)) as caught:
            client.resolve(reference(registry))
        assert registry.address in caught.value.what
        assert not isinstance(caught.value, UnavailableError)

    def test_other_bytes_for_a_digest_are_refused(
        self, registry: Any, client: RegistryClient
    ) -> None:
        wanted = Digest.of(b"wanted")
        registry.manifests[str(wanted)] = (OCI_MANIFEST, json.dumps(EMPTY).encode())
        with pytest.raises(InputError, match=str(wanted)) as caught:
            client.resolve(reference(registry).with_digest(wanted))
        assert registry.address in caught.value.what

    def test_a_huge_manifest_is_not_read_to_its_end(
        self, registry: Any, client: RegistryClient
    ) -> None:
        registry.manifests["1"] = (OCI_MANIFEST, b" " * (5 << 20))
        with pytest.raises(InputError, match="more than 4194304 bytes"):
            client.resolve(reference(registry))

    @pytest.mark.parametrize(
        ("document", "media_type", "message"),
        [
            ({**EMPTY, "manifests": []}, OCI_MANIFEST, "ambiguous"),
            ({**EMPTY, "mediaType": DOCKER_MANIFEST}, OCI_MANIFEST, "announced as"),
            ({"schemaVersion": 1, "fsLayers": []}, "text/plain", "schema 1"),
            ({**EMPTY, "mediaType": "application/x"}, OCI_MANIFEST, "not an image manifest"),
            ({**EMPTY, "layers": [{"digest": "sha256:1"}]}, OCI_MANIFEST, "incomplete descriptor"),
            ([], OCI_MANIFEST, "not a JSON object"),
        ],
    )
    def test_what_is_no_manifest_is_refused(
        self,
        registry: Any,
        client: RegistryClient,
        document: object,
        media_type: str,
        message: str,
    ) -> None:
        registry.add_manifest("1", document, media_type)
        with pytest.raises(InputError, match=message):
            client.resolve(reference(registry))

    def test_absent_is_not_found(self, registry: Any, client: RegistryClient) -> None:
        with pytest.raises(NotFoundError, match="MANIFEST_UNKNOWN"):
            client.resolve(reference(registry))

    def test_known_bytes_are_not_transferred_again(
        self, registry: Any, client: RegistryClient, store: Store
    ) -> None:
        digest = registry.add_manifest("1", EMPTY)
        store.put(registry.manifests["1"][1])
        assert client.resolve(reference(registry), store).descriptor.digest == digest
        assert not registry.sent("GET", "manifests")
        registry.requests.clear()
        client.resolve(reference(registry).with_digest(digest), store)
        assert not registry.requests


class TestBlobs:
    def test_a_blob_is_stored(
        self, registry: Any, client: RegistryClient, store: Store, layer: bytes
    ) -> None:
        seen = []
        registry.add_blob(layer)
        client.pull_blob(
            reference(registry), descriptor(layer), store, lambda *step: seen.append(step)
        )
        assert store.read(Digest.of(layer)) == layer
        assert seen[-1] == (Digest.of(layer), len(layer), len(layer))
        registry.requests.clear()
        client.pull_blob(reference(registry), descriptor(layer), store)
        assert not registry.requests

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_dropped_connection_is_resumed(
        self,
        *,
        registry: Any,
        client: RegistryClient,
        store: Store,
        layer: bytes,
        ranges: bool,
    ) -> None:
        registry.add_blob(layer)
        cuts = [1_000_000, 1_500_000]

        def hook(request: Any) -> Any:
            if "/blobs/" not in request.path:
                return None
            if not ranges:
                request.headers.pop("range", None)
            reply = registry._blob(request, request.path.rpartition("/")[2])
            reply.cut = cuts.pop(0) if cuts else None
            return reply

        registry.hooks.append(hook)
        client.pull_blob(reference(registry), descriptor(layer), store)
        assert store.read(Digest.of(layer)) == layer
        pulls = registry.sent("GET", "/blobs/")
        assert len(pulls) == 3
        if ranges:
            assert pulls[1].headers["range"] == "bytes=1000000-"
            assert pulls[2].headers["range"] == "bytes=2500000-"

    def test_a_blob_that_stays_truncated_is_refused_after_bounded_attempts(
        self, registry: Any, client: RegistryClient, store: Store, layer: bytes, kit: Any
    ) -> None:
        def hook(request: Any) -> Any:
            return kit.Reply(200, layer, cut=500_000) if "/blobs/" in request.path else None

        registry.hooks.append(hook)
        with pytest.raises(UnavailableError, match="500000 of 3200000 bytes of sha256:") as caught:
            client.pull_blob(reference(registry), descriptor(layer), store)
        assert registry.address in caught.value.what
        assert len(registry.sent("GET", "/blobs/")) == 5 - 1
        assert not store.has(Digest.of(layer))
        assert not blobs_on_disk(store)

    @pytest.mark.parametrize(
        ("reply", "message"),
        [
            ({"body": b"wrong"}, "announces 5 bytes for sha256"),
            ({"body": b"X" * 3_200_000}, "serves other bytes"),
            ({"body": b"X" * 3_200_001, "chunked": True}, "serves more than the 3200000 bytes"),
            ({"body": b"X" * 9_999_999, "chunked": True}, "serves more than the 3200000 bytes"),
        ],
    )
    def test_lies_are_refused_and_nothing_is_kept(
        self,
        *,
        registry: Any,
        client: RegistryClient,
        store: Store,
        layer: bytes,
        kit: Any,
        reply: dict[str, Any],
        message: str,
    ) -> None:
        registry.hooks.append(lambda r: kit.Reply(200, **reply) if "/blobs/" in r.path else None)
        with pytest.raises(InputError, match=message) as caught:
            client.pull_blob(reference(registry), descriptor(layer), store)
        assert registry.address in caught.value.what
        assert str(Digest.of(layer)) in caught.value.what
        assert caught.value.exit_code == 5
        assert not blobs_on_disk(store)
        assert len(registry.sent("GET", "/blobs/")) == 1

    def test_a_wrong_range_is_refused(
        self, registry: Any, client: RegistryClient, store: Store, layer: bytes, kit: Any
    ) -> None:
        def hook(request: Any) -> Any:
            if "range" in request.headers:
                return kit.Reply(206, layer, {"Content-Range": f"bytes 0-{len(layer)}/*"})
            return kit.Reply(200, layer, cut=10_000) if "/blobs/" in request.path else None

        registry.hooks.append(hook)
        with pytest.raises(InputError, match="another range"):
            client.pull_blob(reference(registry), descriptor(layer), store)


class TestTrouble:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_passing_trouble_is_waited_out(
        self, registry: Any, client: RegistryClient, kit: Any, status: int, naps: list[float]
    ) -> None:
        registry.add_manifest("1", EMPTY)
        replies = [kit.Reply(status, headers={"Retry-After": "7"}), kit.Reply(status)]
        registry.hooks.append(
            lambda r: replies.pop() if "manifests" in r.path and replies else None
        )
        client.resolve(reference(registry))
        assert naps == [0.5, 7.0]

    def test_an_absurd_retry_after_is_not_believed(
        self, registry: Any, client: RegistryClient, kit: Any, naps: list[float]
    ) -> None:
        registry.hooks.append(
            lambda r: kit.Reply(503, headers={"Retry-After": "99999"}) if r.path != "/v2/" else None
        )
        with pytest.raises(UnavailableError, match="answered 503"):
            client.resolve(reference(registry))
        assert naps == [30.0, 30.0, 30.0]

    def test_a_registry_that_is_down_is_named(
        self, client: RegistryClient, naps: list[float]
    ) -> None:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
            client.resolve(Reference.parse("127.0.0.1:1/app:1"))
        assert caught.value.exit_code == 5
        assert caught.value.fix
        assert len(naps) == 3

    def test_a_hostile_error_text_is_made_harmless(
        self, registry: Any, client: RegistryClient, kit: Any
    ) -> None:
        body = json.dumps({"errors": [{"code": "E", "message": "\x1b[31m\n" + "x" * 9999}]})
        registry.hooks.append(lambda r: kit.Reply(418, body.encode()) if r.path != "/v2/" else None)
        with pytest.raises(InputError, match="answered 418") as caught:
            client.resolve(reference(registry))
        assert caught.value.what.isprintable()
        assert len(caught.value.what) < 600

    def test_a_redirect_loop_ends(self, registry: Any, client: RegistryClient, kit: Any) -> None:
        registry.hooks.append(
            lambda r: kit.Reply(307, headers={"Location": r.path}) if r.path != "/v2/" else None
        )
        with pytest.raises(InputError, match="circles"):
            client.resolve(reference(registry))

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "http://", "http://[", ""])
    def test_a_redirect_to_nowhere_is_an_error(
        self, registry: Any, client: RegistryClient, kit: Any, location: str
    ) -> None:
        registry.hooks.append(
            lambda r: kit.Reply(307, headers={"Location": location}) if r.path != "/v2/" else None
        )
        with pytest.raises(InputError, match=r"no usable address|in circles|cannot be reached"):
            client.resolve(reference(registry))


class TestMirrors:
    def conf(self, registry: Any, mirror: Any, **options: Any) -> RegistriesConf:
        rule = RegistryRule(
            "example.org/team",
            f"{registry.address}/moved",
            mirrors=(Mirror(f"{mirror.address}/m", **options),),
        )
        return RegistriesConf(rules=(rule,))

    def test_the_mirror_is_asked_first_and_the_location_last(
        self, registry: Any, start_registry: Any, make_client: Callable[..., RegistryClient]
    ) -> None:
        mirror = start_registry()
        client = make_client(self.conf(registry, mirror))
        name = Reference.parse("example.org/team/app:1")
        digest = registry.add_manifest("1", EMPTY)
        assert client.resolve(name).descriptor.digest == digest
        assert mirror.sent("GET", "/v2/m/app/manifests/1")
        assert registry.sent("GET", "/v2/moved/app/manifests/1")
        mirror.add_manifest("1", EMPTY)
        registry.requests.clear()
        client.resolve(name)
        assert not registry.requests

    def test_a_lying_mirror_is_named_and_not_passed_over(
        self, registry: Any, start_registry: Any, make_client: Callable[..., RegistryClient]
    ) -> None:
        mirror = start_registry()
        digest = registry.add_manifest("1", EMPTY)
        mirror.manifests[str(digest)] = (OCI_MANIFEST, b'{"other": 1}')
        client = make_client(self.conf(registry, mirror))
        with pytest.raises(InputError, match=mirror.address):
            client.resolve(Reference.parse("example.org/team/app:1").with_digest(digest))

    def test_when_nobody_has_it_everyone_is_named(
        self, registry: Any, start_registry: Any, make_client: Callable[..., RegistryClient]
    ) -> None:
        mirror = start_registry()
        client = make_client(self.conf(registry, mirror))
        with pytest.raises(NotFoundError, match=registry.address) as caught:
            client.resolve(Reference.parse("example.org/team/app:1"))
        assert mirror.address in (caught.value.detail or "")

    def test_search_registries_are_tried_in_order(
        self, registry: Any, start_registry: Any, make_client: Callable[..., RegistryClient]
    ) -> None:
        first = start_registry()
        registry.add_manifest("1", EMPTY)
        client = make_client(RegistriesConf(search=(first.address, registry.address)))
        assert client.find("app:1").reference == reference(registry)


def test_blobs_from_another_host_come_without_credentials(
    *,
    registry: Any,
    start_registry: Any,
    make_client: Callable[..., RegistryClient],
    kit: Any,
    tmp_path: Path,
    store: Store,
    layer: bytes,
) -> None:
    elsewhere = start_registry()
    elsewhere.add_blob(layer)
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {registry.address: {"auth": "dTpzM2NyM3Q="}}}))

    def hook(request: Any) -> Any:
        if request.path != "/v2/" and "authorization" not in request.headers:
            return kit.Reply(401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        if "/blobs/" in request.path:
            return kit.Reply(
                307, headers={"Location": f"http://u:p@{elsewhere.address}{request.path}?sig=1"}
            )
        return None

    registry.hooks.append(hook)
    client = make_client(REGISTRY_AUTH_FILE=str(auth))
    client.pull_blob(reference(registry), descriptor(layer), store)
    assert store.has(Digest.of(layer))
    assert [r.headers.get("authorization") for r in elsewhere.requests] == [None]


def test_a_refusal_on_another_host_asks_for_no_credentials(
    registry: Any, start_registry: Any, client: RegistryClient, kit: Any, store: Store
) -> None:
    elsewhere = start_registry()
    elsewhere.hooks.append(
        lambda _: kit.Reply(401, headers={"WWW-Authenticate": 'Basic realm="r"'})
    )
    registry.hooks.append(
        lambda r: (
            kit.Reply(307, headers={"Location": f"http://{elsewhere.address}/x?sig=s3cr3t"})
            if "/blobs/" in r.path
            else None
        )
    )
    with pytest.raises(DeniedError, match="redirecting to") as caught:
        client.pull_blob(reference(registry), descriptor(b"abc"), store)
    assert "s3cr3t" not in str(caught.value)
