"""The client against the real registry of the distribution project, with skopeo as the oracle."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samebit.errors import InputError
from samebit.model.descriptor import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.registry.connections import Patience
from samebit.registry.failures import DeniedError, NotFoundError, UnavailableError
from samebit.registry.manifest_outline import read_outline
from samebit.registry.registries_conf import RegistriesConf
from samebit.store.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("docker-registry"), reason="needs docker-registry"),
]

PASSWORD = "pl4nted-passw0rd"
# bcrypt of the password above, as htpasswd -B writes it.
HTPASSWD = "me:$2y$05$samebitsamebitsamebitObjmjSyhCVrtVFqQx/I8I.32GFMcBzFe\n"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], tuple[str, Callable[[], None]]]]:
    """Start registries; gives the address and how to stop it."""
    running: list[subprocess.Popen[bytes]] = []

    def start(extra: str = "") -> tuple[str, Callable[[], None]]:
        folder = tmp_path / f"registry{len(running)}"
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "htpasswd").write_text(HTPASSWD)
        (folder / "config.yml").write_text(
            f"version: 0.1\nlog: {{level: error}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '{address}'}}\n" + extra.format(folder=folder)
        )
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                ["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log
            )
        running.append(process)
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(tuple(address.split(":")), 1):  # type: ignore[arg-type]
                    break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        return address, lambda: _stop(process)

    yield start
    for process in running:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., RegistryClient]]:
    clients = []

    def make(**environment: str) -> RegistryClient:
        defaults = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
        patience = Patience(first_delay=0.01, longest_delay=0.1)
        clients.append(RegistryClient(defaults | environment, RegistriesConf(), patience))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def add_image(store: Store, seed: bytes, layer_size: int = 3_000_000) -> Descriptor:
    layer = b"".join(hashlib.sha256(seed + b"%d" % i).digest() for i in range(layer_size // 32))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("data")
        member.size = len(layer)
        archive.addfile(member, io.BytesIO(layer))
    packed = gzip.compress(plain.getvalue(), 1, mtime=0)
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(plain.getvalue()))]},
        }
    ).encode()
    parts = [
        {"mediaType": kind, "digest": str(store.put(data)), "size": len(data)}
        for kind, data in ((OCI_LAYER_GZIP, packed), (OCI_CONFIG, config))
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": parts[1],
        "layers": [parts[0]],
    }
    data = json.dumps(manifest).encode()
    return Descriptor(OCI_MANIFEST, store.put(data), len(data))


def pull(client: RegistryClient, reference: Reference, store: Store) -> Digest:
    found = client.resolve(reference, store)
    store.put(found.data)
    outline = read_outline(found.data)
    for child in outline.children:
        pull(client, reference.with_digest(child.digest), store)
    for blob in outline.blobs:
        client.pull_blob(reference.with_digest(found.descriptor.digest), blob, store)
    return found.descriptor.digest


def skopeo(*arguments: str) -> bytes:
    return subprocess.run(["skopeo", *arguments], check=True, capture_output=True).stdout


def test_what_is_pushed_is_what_is_pulled(
    serve: Callable[..., tuple[str, Callable[[], None]]],
    make_client: Callable[..., RegistryClient],
    store: Store,
    tmp_path: Path,
) -> None:
    address, _ = serve()
    client = make_client()
    image = add_image(store, b"a")
    reference = Reference.parse(f"{address}/team/app:1")
    client.push(store, image, reference)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    assert raw == store.read(image.digest)

    other = Store(tmp_path / "other")
    assert pull(make_client(), reference, other) == image.digest
    assert pull(make_client(), reference.with_digest(image.digest), other) == image.digest
    assert not other.corrupt()
    for blob in read_outline(raw).blobs:
        assert other.has(blob.digest)


def test_what_skopeo_pushed_is_pulled(
    serve: Callable[..., tuple[str, Callable[[], None]]],
    make_client: Callable[..., RegistryClient],
    store: Store,
    tmp_path: Path,
) -> None:
    address, _ = serve()
    image = add_image(store, b"a")
    store.tag("x", image)
    reference = Reference.parse(f"{address}/by-skopeo:1")
    source = f"oci:{store.root}:x"
    skopeo("copy", "--dest-tls-verify=false", "--format=v2s2", source, f"docker://{reference}")
    other = Store(tmp_path / "other")
    found = make_client().resolve(reference)
    assert pull(make_client(), reference, other) == found.descriptor.digest
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{reference}")
    assert found.data == raw


def test_an_index_and_a_mounted_layer(
    serve: Callable[..., tuple[str, Callable[[], None]]],
    make_client: Callable[..., RegistryClient],
    store: Store,
    tmp_path: Path,
) -> None:
    address, _ = serve()
    client = make_client()
    images = [add_image(store, b"a"), add_image(store, b"b")]
    children = [
        {"mediaType": i.media_type, "digest": str(i.digest), "size": i.size} for i in images
    ]
    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()
    index = Descriptor(OCI_INDEX, store.put(data), len(data))
    first = Reference.parse(f"{address}/first:1")
    client.push(store, index, first)
    other = Store(tmp_path / "other")
    assert pull(client, first, other) == index.digest

    sent: list[int] = []
    second = Reference.parse(f"{address}/second:1")
    client.push(
        store, images[0], second, mount_from=[first], progress=lambda _, done, __: sent.append(done)
    )
    # One call a blob: mounted, not sent.
    assert len(sent) == 2
    assert client.resolve(second).descriptor.digest == images[0].digest


def test_a_registry_with_users(
    serve: Callable[..., tuple[str, Callable[[], None]]],
    make_client: Callable[..., RegistryClient],
    store: Store,
    tmp_path: Path,
) -> None:
    address, _ = serve("auth: {{htpasswd: {{realm: r, path: {folder}/htpasswd}}}}\n")
    image = add_image(store, b"a")
    reference = Reference.parse(f"{address}/team/app:1")
    with pytest.raises(DeniedError, match="wants a user and password"):
        make_client().push(store, image, reference)
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {address: {"username": "me", "password": "pl4nted"}}}))
    client = make_client(REGISTRY_AUTH_FILE=str(auth))
    with pytest.raises(DeniedError, match=r"with the credentials from .*auth\.json") as caught:
        client.push(store, image, reference)
    assert "pl4nted" not in caught.value.what
    login = ["login", "--authfile", str(auth), "--tls-verify=false", "-u", "me", "-p", PASSWORD]
    skopeo(*login, address)
    client = make_client(REGISTRY_AUTH_FILE=str(auth))
    client.push(store, image, reference)
    assert pull(client, reference, Store(tmp_path / "other")) == image.digest


def test_absent_down_and_damaged(
    serve: Callable[..., tuple[str, Callable[[], None]]],
    make_client: Callable[..., RegistryClient],
    store: Store,
    tmp_path: Path,
) -> None:
    address, stop = serve()
    client = make_client()
    reference = Reference.parse(f"{address}/team/app:1")
    with pytest.raises(NotFoundError, match=r"MANIFEST_UNKNOWN|NAME_UNKNOWN"):
        client.resolve(reference)
    image = add_image(store, b"a")
    client.push(store, image, reference)

    layer = read_outline(store.read(image.digest)).blobs[0]
    data = next((tmp_path / "registry0").rglob(f"{layer.digest.hex}/data"))
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    other = Store(tmp_path / "other")
    with pytest.raises(InputError, match="serves other bytes") as caught:
        pull(make_client(), reference, other)
    assert address in caught.value.what
    assert not other.has(layer.digest)
    data.write_bytes(bytes(content[:5000]))
    with pytest.raises(InputError, match=str(layer.digest)):
        pull(make_client(), reference, other)
    assert not other.has(layer.digest)

    stop()
    with pytest.raises(UnavailableError, match=f"registry {address} cannot be reached") as down:
        make_client().resolve(reference)
    assert down.value.exit_code == 5
    assert down.value.fix


def test_memory_stays_bounded(
    serve: Callable[..., tuple[str, Callable[[], None]]], store: Store, tmp_path: Path
) -> None:
    address, _ = serve()
    size = 256 << 20
    with store.writer() as writer:
        for i in range(size >> 20):
            writer.write(hashlib.sha256(b"%d" % i).digest() * (1 << 15))
        digest, _size = writer.commit()
    config = store.put(b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": str(config), "size": 2},
        "layers": [{"mediaType": OCI_LAYER_GZIP, "digest": str(digest), "size": size}],
    }
    data = json.dumps(manifest).encode()
    image = Descriptor(OCI_MANIFEST, store.put(data), len(data))
    script = f"""
import resource
from pathlib import Path
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.registry.manifest_outline import read_outline
from samebit.registry.registries_conf import RegistriesConf
from samebit.store.store import Store

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store, other = Store(Path({str(store.root)!r})), Store(Path({str(tmp_path / "other")!r}))
image = Descriptor({image.media_type!r}, Digest({image.digest.hex!r}), {image.size})
reference = Reference.parse("{address}/big:1")
with RegistryClient({{"HOME": {str(tmp_path)!r}}}, RegistriesConf()) as client:
    client.push(store, image, reference)
    for blob in read_outline(client.resolve(reference).data).blobs:
        client.pull_blob(reference, blob, other)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert int(done.stdout) < 64 << 10, "KiB more than before"
