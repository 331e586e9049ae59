"""A registry that is broken, or lies: exit 5, the place, and nothing of it in the store."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_output import CommandLine
from loopback_server import LoopbackServer, serving

from samebit.store.store import Store

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("file")
        member.size = 1000
        archive.addfile(member, io.BytesIO(bytes(range(250)) * 4))
    return stream.getvalue()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[LoopbackServer]:
    """A registry with the honest image app:1."""
    plain = tar()
    layer = gzip.compress(plain, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest(plain)]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": digest(layer), "size": len(layer)}],
        }
    ).encode()
    with serving(tmp_path / "repositories") as server:
        server.files["/v2/"] = b"{}"
        server.files["/v2/app/manifests/1"] = manifest
        server.files[f"/v2/app/manifests/{digest(manifest)}"] = manifest
        server.files[f"/v2/app/blobs/{digest(config)}"] = config
        server.files[f"/v2/app/blobs/{digest(layer)}"] = layer
        yield server


def address(registry: LoopbackServer) -> str:
    return f"127.0.0.1:{registry.port}/app:1"


def layer_path(registry: LoopbackServer) -> str:
    document = json.loads(registry.files["/v2/app/manifests/1"])
    return f"/v2/app/blobs/{document['layers'][0]['digest']}"


def config_path(registry: LoopbackServer) -> str:
    document = json.loads(registry.files["/v2/app/manifests/1"])
    return f"/v2/app/blobs/{document['config']['digest']}"


def lock(command_line: CommandLine, reference: str) -> tuple[str, str]:
    """Lock a Dockerfile that needs the reference; gives what went wrong and the advice."""
    Path("ctx").mkdir()
    Path("ctx/Dockerfile").write_text(f"# a comment\nFROM {reference}\n")
    failure = command_line.fail("lock", "ctx")
    assert (failure.status, failure.code) == (5, "input"), failure
    assert failure.where == "ctx/Dockerfile:2:1"
    assert failure.what.startswith(f"base image {reference}: ")
    assert Store(command_line.home / "store").corrupt() == []
    assert list(Path("ctx").iterdir()) == [Path("ctx/Dockerfile")]
    return failure.what, failure.fix


def test_the_honest_image_can_be_locked(
    command_line: CommandLine, registry: LoopbackServer
) -> None:
    from samebit.cli.group import run

    Path("ctx").mkdir()
    Path("ctx/Dockerfile").write_text(f"FROM {address(registry)}\n")
    assert run(["lock", "--platform", "linux/amd64", "ctx"]) == 0
    assert command_line.home.is_dir()


@pytest.mark.parametrize("lie", [b"x" * 200, b"", b"\x1f\x8b"], ids=["longer", "empty", "short"])
@pytest.mark.parametrize("part", [layer_path, config_path], ids=["layer", "config"])
def test_a_blob_of_another_size(
    command_line: CommandLine, registry: LoopbackServer, part: object, lie: bytes
) -> None:
    assert callable(part)
    registry.files[part(registry)] = lie or b""
    what, _ = lock(command_line, address(registry))
    assert "bytes" in what or "digest" in what


@pytest.mark.parametrize("part", [layer_path, config_path], ids=["layer", "config"])
def test_a_blob_of_the_right_size_with_other_bytes(
    command_line: CommandLine, registry: LoopbackServer, part: object
) -> None:
    assert callable(part)
    path = part(registry)
    honest = registry.files[path]
    registry.files[path] = honest[:-1] + bytes([honest[-1] ^ 1])
    what, _ = lock(command_line, address(registry))
    assert path.rpartition("/")[2] in what
    assert digest(registry.files[path]) in what


def test_another_manifest_than_the_digest_asked_for(
    command_line: CommandLine, registry: LoopbackServer
) -> None:
    honest = registry.files["/v2/app/manifests/1"]
    wanted = digest(honest)
    registry.files[f"/v2/app/manifests/{wanted}"] = honest.replace(b"2", b"3", 1)
    what, _ = lock(command_line, f"127.0.0.1:{registry.port}/app@{wanted}")
    assert wanted in what


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>please log in</html>",
        b"{}",
        b"[]",
        b'{"schemaVersion": 1}',
        b"\xff",
        b"[" * 9999,
    ],
    ids=["empty", "html", "object", "array", "schema 1", "bytes", "deep"],
)
def test_what_is_no_manifest(
    command_line: CommandLine, registry: LoopbackServer, answer: bytes
) -> None:
    registry.files["/v2/app/manifests/1"] = answer
    what, fix = lock(command_line, address(registry))
    assert "manifest" in what
    assert fix


def test_a_config_that_is_none(command_line: CommandLine, registry: LoopbackServer) -> None:
    document = json.loads(registry.files["/v2/app/manifests/1"])
    for bad in (b"[]", b"{}", b'{"rootfs": {"diff_ids": []}, "os": 1}'):
        config = {"mediaType": CONFIG, "digest": digest(bad), "size": len(bad)}
        registry.files[f"/v2/app/blobs/{digest(bad)}"] = bad
        registry.files["/v2/app/manifests/1"] = json.dumps({**document, "config": config}).encode()
        Path("ctx").mkdir(exist_ok=True)
        Path("ctx/Dockerfile").write_text(f"FROM {address(registry)}\n")
        failure = command_line.fail("lock", "ctx")
        assert (failure.status, failure.where) == (5, "ctx/Dockerfile:1:1"), failure


def test_an_image_that_is_not_there(command_line: CommandLine, registry: LoopbackServer) -> None:
    what, fix = lock(command_line, f"127.0.0.1:{registry.port}/other:1")
    assert what.endswith("has no tag 1 of other")
    assert "check the name and the tag" in fix


def test_a_missing_layer(command_line: CommandLine, registry: LoopbackServer) -> None:
    del registry.files[layer_path(registry)]
    what, _ = lock(command_line, address(registry))
    assert " has no blob sha256:" in what


def test_a_registry_that_keeps_failing(command_line: CommandLine, registry: LoopbackServer) -> None:
    registry.failures["/v2/app/manifests/1"] = 99
    what, fix = lock(command_line, address(registry))
    assert "503" in what
    assert fix == "try again later"
