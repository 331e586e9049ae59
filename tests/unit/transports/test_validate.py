from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from samebit.model.descriptor import OCI_LAYER, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store
from samebit.transports.resolve import stored_image
from samebit.transports.validate import validate

Make = Callable[..., Descriptor]


def codes(store: Store, descriptor: Descriptor) -> list[str]:
    return sorted(finding.code for finding in validate(store, descriptor))


def rewritten(
    store: Store, made: Descriptor, change: Callable[[dict[str, object]], object]
) -> Descriptor:
    manifest = json.loads(store.read(made.digest))
    change(manifest)
    data = json.dumps(manifest).encode()
    return Descriptor(OCI_MANIFEST, store.put(data), len(data))


def test_a_sound_image_and_index(store: Store, make: Make, make_index: Make) -> None:
    one, two = make(store, "one", "two"), make(store, "arm", platform="linux/arm64/v8")
    assert validate(store, one) == []
    assert validate(store, make_index(store, (one, "linux/amd64"), (two, "linux/arm64"))) == []


def test_everything_wrong_is_told_at_once(store: Store, make: Make) -> None:
    made = make(
        store,
        "one",
        "two",
        "three",
        rootfs={"type": "layers", "diff_ids": ["sha256:" + "0" * 64] * 2},
        history=[],
    )
    layers = stored_image_layers(store, made)
    store.path(layers[1].digest).write_bytes(b"\x1f\x8bdamaged")
    store.path(layers[2].digest).unlink()
    lying = Descriptor(made.media_type, made.digest, 7)
    assert codes(store, lying) == [
        "image-blob-missing",
        "image-diff-id",
        "image-digest",
        "image-layer",
        "image-layer-count",
        "image-size",
        "image-size",
    ]
    assert store.has(layers[1].digest), "validation changed the store"


def stored_image_layers(store: Store, made: Descriptor) -> list[Descriptor]:
    manifest = json.loads(store.read(made.digest))
    return [
        Descriptor(layer["mediaType"], Digest.parse(layer["digest"]), layer["size"])
        for layer in manifest["layers"]
    ]


def test_missing_manifest(store: Store) -> None:
    assert codes(store, Descriptor(OCI_MANIFEST, Digest("0" * 64), 1)) == ["image-blob-missing"]


def test_damaged_config_still_lets_layers_be_checked(store: Store, make: Make) -> None:
    made = make(store, "one")
    image = stored_image(store, made)
    store.path(image.manifest.config.digest).write_bytes(b"{}")
    store.path(image.manifest.layers[0].digest).write_bytes(b"x")
    assert codes(store, made) == [
        "image-digest",
        "image-digest",
        "image-malformed",
        "image-size",
        "image-size",
        "image-type",
    ]


@pytest.mark.parametrize(
    ("media_type", "pack"),
    [
        (OCI_LAYER, gzip.compress),
        (OCI_LAYER_GZIP, lambda data: data),
        ("application/x-else", lambda data: data),
    ],
)
def test_types_that_do_not_fit(
    store: Store, make: Make, media_type: str, pack: Callable[[bytes], bytes]
) -> None:
    made = make(store, "one", pack=pack)
    changed = rewritten(store, made, lambda m: m["layers"][0].update(mediaType=media_type))  # type: ignore[index]
    assert codes(store, changed) == ["image-type"]


def test_an_index_that_lies_about_a_platform(store: Store, make: Make, make_index: Make) -> None:
    made = make(store, "one", platform="linux/arm64")
    assert codes(store, make_index(store, (made, "linux/amd64"))) == ["image-platform"]


def test_malformed_and_too_deep(store: Store, make: Make, make_index: Make) -> None:
    digest = store.put(b"not json")
    assert codes(store, Descriptor(OCI_MANIFEST, digest, 8)) == ["image-malformed"]
    deep = make(store, "one")
    for _ in range(6):
        deep = make_index(store, (deep, None))
    assert codes(store, deep) == ["image-malformed"]
