"""Base images from a real archive: equal whatever the host is like, and runnable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from samebit.canonical.tar_reader import TarReader
from samebit.debian.recipe import DebianBase
from samebit.errors import InputError
from samebit.image.config import ConfigDocument, parse_config
from samebit.image.decompress import decompressed
from samebit.image.manifest import Manifest, parse_manifest
from samebit.model.descriptor import Descriptor
from samebit.pipeline.base import DEFAULT_EPOCH, make_base
from samebit.store.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed"),
]

SMALL = DebianBase("bookworm", "essential")


def _image(store: Store, descriptor: Descriptor) -> tuple[Manifest, ConfigDocument]:
    manifest = parse_manifest(store.read(descriptor.digest), "the manifest")
    assert isinstance(manifest, Manifest)
    return manifest, parse_config(store.read(manifest.config.digest), "the config")


def _paths(store: Store, manifest: Manifest) -> dict[str, tuple[bytes, int, int]]:
    (layer,) = manifest.layers
    with store.open_verified(layer.digest) as stream:
        reader = TarReader(decompressed(stream, "the layer"), "the layer")
        return {
            header.name.decode().rstrip("/"): (header.kind, header.size, header.mtime_ns)
            for header in reader
        }


def test_a_base_does_not_depend_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    first = make_base(SMALL, DEFAULT_EPOCH, store)

    # Another umask, language and time zone, and a place that apt's own user cannot reach.
    unreachable = tmp_path / "unreachable" / "tmp"
    unreachable.mkdir(parents=True)
    if os.geteuid() == 0:
        unreachable.parent.chmod(0o700)
    monkeypatch.setenv("TMPDIR", str(unreachable))
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    monkeypatch.setenv("TZ", "Pacific/Apia")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    previous = os.umask(0o077)
    try:
        second = make_base(SMALL, DEFAULT_EPOCH, Store(tmp_path / "other"), threads=1)
    finally:
        os.umask(previous)
    assert second == first
    assert list(unreachable.iterdir()) == []

    manifest, config = _image(store, first)
    assert config.history[0].created_by == (
        "samebit base debian --suite bookworm --variant essential"
    )
    paths = _paths(store, manifest)
    assert paths["etc/apt/sources.list"][1] > 0
    assert {mtime for _, _, mtime in paths.values()} == {DEFAULT_EPOCH * 10**9}
    assert [path for path in paths if path.startswith("dev/")] == []
    for absent in ("etc/hostname", "etc/resolv.conf", "etc/passwd-", "var/lib/dpkg/status-old"):
        assert absent not in paths
    files = {path for path, (kind, *_) in paths.items() if kind == b"0"}
    logs = {path for path in files if path.startswith("var/log/")}
    assert logs <= {"var/log/btmp", "var/log/faillog", "var/log/lastlog", "var/log/wtmp"}
    assert not [path for path in paths if path.startswith("var/lib/apt/lists/")]


def test_engines_take_the_image(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.tag("debian.local/small:1", make_base(SMALL, DEFAULT_EPOCH, store))
    where = f"oci:{store.root}:debian.local/small:1"
    inspected = json.loads(
        subprocess.run(["skopeo", "inspect", where], check=True, capture_output=True).stdout
    )
    assert inspected["Os"] == "linux"
    engine = ["buildah", "--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run"]
    engine += ["--storage-driver", "vfs"]
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM debian.local/small:1\nRUN dpkg --audit && dpkg-query -W dpkg\n", encoding="utf-8"
    )
    subprocess.run([*engine, "pull", "--quiet", where], check=True, capture_output=True)
    image = subprocess.run(
        [*engine, "images", "--quiet"], check=True, capture_output=True, text=True
    ).stdout.split()[0]
    subprocess.run([*engine, "tag", image, "debian.local/small:1"], check=True)
    built = subprocess.run(
        [*engine, "build", "--pull-never", "--isolation", "chroot", str(context)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert "dpkg\t1." in built.stdout


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (DebianBase("bookworm", "essential", ("no-such-package",)), "no package no-such-package"),
        (DebianBase("no-such-suite", "essential"), "no suite of that name"),
        (
            DebianBase("bookworm", "essential", mirror="http://127.0.0.1:9/debian"),
            "cannot be reached",
        ),
    ],
)
def test_what_the_archive_lacks_is_said(tmp_path: Path, recipe: DebianBase, words: str) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(InputError) as caught:
        make_base(recipe, DEFAULT_EPOCH, store)
    assert words in caught.value.what
    assert caught.value.fix
    assert caught.value.detail
    assert store.tags() == {}
    assert store.corrupt() == []


@pytest.mark.prove
@pytest.mark.parametrize(
    "recipe",
    [
        DebianBase("trixie", "apt"),
        DebianBase("bookworm", "minbase", ("python3", "python3-pip", "python3-venv")),
        DebianBase("bookworm", "minbase", ("fontconfig", "fonts-dejavu-core", "man-db", "systemd")),
        DebianBase("bookworm", "important"),
        DebianBase("bookworm", "standard"),
    ],
    ids=DebianBase.command,
)
def test_larger_bases_are_equal_too(tmp_path: Path, recipe: DebianBase) -> None:
    digests = {
        make_base(recipe, DEFAULT_EPOCH, Store(tmp_path / name)).digest for name in ("one", "two")
    }
    assert len(digests) == 1
