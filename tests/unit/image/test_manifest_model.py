from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import InputError
from samebit.image.config import parse_config
from samebit.image.manifest import (
    MAX_MANIFEST,
    Image,
    Index,
    IndexEntry,
    Manifest,
    encode_index,
    encode_manifest,
    parse_manifest,
    select,
)
from samebit.model.descriptor import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.platform import Platform

A, B, C = (Digest(letter * 64) for letter in "abc")


def described(media_type: str, digest: Digest, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": 7, **more}


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(OCI_CONFIG, A),
        "layers": [described(OCI_LAYER_GZIP, B)],
        **changes,
    }


def config(**changes: Any) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [str(C)]},
        "history": [{"created_by": "ADD x"}, {"created_by": "CMD", "empty_layer": True}],
        **changes,
    }


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def read(value: object, media_type: str | None = None) -> Manifest | Index:
    return parse_manifest(dumped(value), "m", media_type)


def test_manifest_is_read() -> None:
    assert read(manifest(annotations={"b": "2", "a": "1"})) == Manifest(
        Descriptor(OCI_CONFIG, A, 7),
        (Descriptor(OCI_LAYER_GZIP, B, 7),),
        (("a", "1"), ("b", "2")),
    )


def test_docker_types_become_oci() -> None:
    docker = manifest(
        mediaType=DOCKER_MANIFEST,
        config=described(DOCKER_CONFIG, A),
        layers=[described(DOCKER_LAYER_GZIP, B)],
    )
    assert read(docker) == read(manifest())


def test_the_type_it_was_served_with_counts_when_it_states_none() -> None:
    bare = manifest()
    del bare["mediaType"]
    assert read(bare) == read(manifest())
    assert read(bare, OCI_MANIFEST) == read(manifest())
    with pytest.raises(InputError, match="not a list"):
        read(bare, OCI_INDEX)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "not a JSON object"),
        ({}, "schemaVersion"),
        ({"schemaVersion": 1, "fsLayers": []}, "schema 1"),
        (manifest(mediaType=3), "mediaType is not text"),
        (manifest(mediaType="text/html"), "unsupported type text/html"),
        (manifest(manifests=[]), "both an image manifest and an index"),
        (manifest(config=None), "config is not a JSON object"),
        (manifest(layers=None), "layers is not a list"),
        (manifest(layers=[3]), "layers is not a JSON object"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B) | {"size": -1}]), "size"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B) | {"size": 1.5}]), "size"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B) | {"size": True}]), "size"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B) | {"digest": "sha512:00"}]), "sha256"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B) | {"digest": None}]), "digest"),
        (manifest(layers=[described(OCI_LAYER_GZIP, B)] * 10_001), "more than 10000"),
        (manifest(annotations={"a": 1}), "annotations"),
    ],
)
def test_hostile_manifests(value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(value)


def test_schema_1_by_its_type() -> None:
    with pytest.raises(InputError, match="schema 1"):
        read({}, "application/vnd.docker.distribution.manifest.v1+prettyjws")


def test_size_limit() -> None:
    with pytest.raises(InputError, match="larger than"):
        parse_manifest(b" " * (MAX_MANIFEST + 1), "m")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from([*manifest(), "manifests", "annotations"]), json_values)
def test_any_member_may_be_anything(name: str, value: object) -> None:
    with contextlib.suppress(InputError):
        read(manifest() | {name: value})
    with contextlib.suppress(InputError):
        read({"schemaVersion": 2, "manifests": [described(OCI_MANIFEST, A)], name: value})
    with contextlib.suppress(InputError):
        read({"schemaVersion": 2, "manifests": [described(OCI_MANIFEST, A) | {name: value}]})


@given(st.sampled_from([*config(), "variant"]), json_values)
def test_any_member_of_a_config_may_be_anything(name: str, value: object) -> None:
    with contextlib.suppress(InputError):
        parse_config(dumped(config(**{name: value})), "c")
    with contextlib.suppress(InputError):
        parse_config(dumped(config(history=[{name: value, "created": value}])), "c")


def test_config_is_read() -> None:
    found = parse_config(dumped(config(variant="v8", architecture="arm64")), "c")
    assert found.platform == Platform("linux", "arm64")
    assert found.diff_ids == (C,)
    assert found.config == {"Cmd": ["sh"]}
    assert [(entry.created_by, entry.empty_layer) for entry in found.history] == [
        ("ADD x", False),
        ("CMD", True),
    ]
    assert found.document["rootfs"] == {"type": "layers", "diff_ids": [str(C)]}


def test_config_of_scratch() -> None:
    bare = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": None}}
    found = parse_config(dumped(bare), "c")
    assert (found.diff_ids, found.history, found.config) == ((), (), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rootfs": None}, "rootfs"),
        ({"rootfs": {"type": "layers+base"}}, "rootfs"),
        ({"rootfs": {"type": "layers", "diff_ids": ["x"]}}, "sha256"),
        ({"history": [{}, {}]}, "history tells of 2 layers, it has 1"),
        ({"history": [{"empty_layer": "no"}]}, "empty_layer"),
        ({"history": [{"comment": 3}]}, "comment"),
        ({"os": ""}, "names no operating system"),
        ({"architecture": "a/b"}, "malformed"),
        ({"config": []}, "not a JSON object"),
    ],
)
def test_hostile_configs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_config(dumped(config(**change)), "c")


def image(parsed: Manifest, **changes: Any) -> Image:
    return Image(
        parsed, parse_config(dumped(config(**changes)), "c"), Descriptor(OCI_MANIFEST, A, 7)
    )


def test_an_image_is_consistent() -> None:
    good = read(manifest())
    assert isinstance(good, Manifest)
    assert image(good).platform == Platform("linux", "amd64")
    with pytest.raises(InputError, match="1 layers in its manifest, 0 diff IDs"):
        image(good, rootfs={"type": "layers", "diff_ids": []}, history=[])
    foreign = read(manifest(layers=[described("application/x-foreign", B)]))
    assert isinstance(foreign, Manifest)
    with pytest.raises(InputError, match="unsupported type application/x-foreign"):
        image(foreign)
    artifact = read(manifest(config=described("application/x-helm", A)))
    assert isinstance(artifact, Manifest)
    with pytest.raises(InputError, match="no container image"):
        image(artifact)


def test_canonical_manifest() -> None:
    parsed = read(manifest(annotations={"dropped": "yes"}))
    assert isinstance(parsed, Manifest)
    data = encode_manifest(parsed)
    assert (
        data
        == (
            f'{{"config":{{"digest":"{A}","mediaType":"{OCI_CONFIG}","size":7}},'
            f'"layers":[{{"digest":"{B}","mediaType":"{OCI_LAYER_GZIP}","size":7}}],'
            f'"mediaType":"{OCI_MANIFEST}","schemaVersion":2}}'
        ).encode()
    )
    assert parse_manifest(data, "m") == Manifest(parsed.config, parsed.layers)


def offers(*platforms: str | None) -> Index:
    return Index(
        tuple(
            IndexEntry(
                Descriptor(OCI_MANIFEST, Digest(f"{number:064x}"), 1),
                Platform.parse(text) if text else None,
            )
            for number, text in enumerate(platforms)
        )
    )


@pytest.mark.parametrize(
    ("wanted", "there", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], 1),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], 1),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"], 1),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], 1),
        ("linux/amd64", ["linux/amd64", "linux/amd64"], 0),
        ("linux/riscv64", ["unknown/unknown", "linux/riscv64"], 1),
    ],
)
def test_selecting(wanted: str, there: list[str], chosen: int) -> None:
    entry = select(offers(*there), Platform.parse(wanted), "x")
    assert entry.descriptor.digest.hex == f"{chosen:064x}"


@pytest.mark.parametrize(
    ("wanted", "there", "listed"),
    [
        ("linux/amd64", ["linux/arm64", "linux/386", "unknown/unknown"], "linux/386, linux/arm64"),
        ("linux/amd64", ["linux/amd64/v2"], "linux/amd64/v2"),
        ("linux/arm/v6", ["linux/arm/v7"], "linux/arm/v7"),
        ("linux/amd64", ["windows/amd64"], "windows/amd64"),
        ("linux/amd64", [], "none"),
    ],
)
def test_nothing_to_select(wanted: str, there: list[str], listed: str) -> None:
    with pytest.raises(InputError, match=f"it has: {listed}$"):
        select(offers(*there), Platform.parse(wanted), "the image")


def test_entries_without_platform_are_looked_into() -> None:
    index = offers(None, "linux/arm64", None)
    told = {0: Platform("linux", "s390x"), 2: Platform("linux", "amd64")}
    entry = select(
        index, Platform("linux", "amd64"), "x", lambda found: told[int(found.digest.hex, 16)]
    )
    assert int(entry.descriptor.digest.hex, 16) == 2


def test_index_is_read_and_written_canonically() -> None:
    value = {
        "schemaVersion": 2,
        "mediaType": DOCKER_INDEX,
        "manifests": [
            described(OCI_MANIFEST, B, platform={"os": "linux", "architecture": "arm"}),
            described(OCI_MANIFEST, A, platform={"os": "linux", "architecture": "amd64"}),
        ],
    }
    parsed = read(value)
    assert isinstance(parsed, Index)
    assert [str(entry.platform) for entry in parsed.entries] == ["linux/arm/v7", "linux/amd64"]
    data = encode_index(parsed.entries)
    assert data == encode_index(reversed(parsed.entries))
    written = json.loads(data)
    assert set(written) == {"schemaVersion", "mediaType", "manifests"}
    assert [entry["platform"] for entry in written["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm", "variant": "v7"},
    ]
    again = parse_manifest(data, "i")
    assert isinstance(again, Index)
    assert again.entries == parsed.entries[::-1]
