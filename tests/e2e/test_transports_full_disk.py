"""A disk that fills up while an image is written or read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).parents[2] / "src"
CODE = """
import hashlib, os, sys
from pathlib import Path
from samebit.canonical import json as canonical_json
from samebit.errors import MachineError
from samebit.image.manifest import Manifest, encode_manifest
from samebit.model.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor
from samebit.store.store import Store
from samebit.transports import docker_archive, oci_archive, oci_layout

small, large = map(Path, sys.argv[1:])
store = Store(large / "store")
layer = os.urandom(3 << 20)
digest = store.put(layer)
config = canonical_json.encode(
    {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": [str(digest)]},
    }
)
manifest = encode_manifest(
    Manifest(
        Descriptor(OCI_CONFIG, store.put(config), len(config)),
        (Descriptor(OCI_LAYER, digest, len(layer)),),
    )
)
made = Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))
oci_archive.save(store, made, large / "o.tar")
(small / "o.tar").write_text("old")
attempts = {
    "layout": lambda: oci_layout.save(store, made, small / "layout"),
    "oci-archive": lambda: oci_archive.save(store, made, small / "o.tar"),
    "docker-archive": lambda: docker_archive.save(store, made, small / "d.tar"),
    "load": lambda: oci_archive.load(large / "o.tar", Store(small / "store"), None),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except MachineError as error:
        assert "No space left" in error.what and error.fix, error
        print(name)
assert sorted(os.listdir(small)) == ["o.tar", "store"], os.listdir(small)
assert (small / "o.tar").read_text() == "old"
assert os.listdir(small / "store" / "tmp") == [] and Store(small / "store").corrupt() == []
"""


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    mount = 'mount -t tmpfs -o size=2m samebit-test "$1" || exit 77; exec "$2" -c "$3" "$1" "$4"'
    arguments = [tmp_path / "small", sys.executable, CODE, tmp_path]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("cannot mount a small file system here")
    expected = "layout\noci-archive\ndocker-archive\nload\n"
    assert (done.returncode, done.stdout) == (0, expected), done.stderr
