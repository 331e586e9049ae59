"""`samebit normalise` on images that were made by hand: what stays, what goes, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zstandard

from samebit.errors import InputError, SamebitError, UsageError
from samebit.model.descriptor import OCI_INDEX, OCI_MANIFEST
from samebit.model.platform import Platform
from samebit.pipeline.normalise import NormaliseResult, normalise
from samebit.store.store import Store

Make = Callable[..., str]
EPOCH = 86400


@dataclass(frozen=True)
class Result:
    """A normalised image, read with nothing of samebit's own readers."""

    store: Store
    result: NormaliseResult

    def blob(self, digest: str) -> bytes:
        data = (self.store.root / "blobs" / digest.replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
        return data

    @property
    def digest(self) -> str:
        return str(self.result.image.digest)

    @property
    def manifest(self) -> Any:
        return json.loads(self.blob(self.digest))

    @property
    def document(self) -> Any:
        return json.loads(self.blob(self.manifest["config"]["digest"]))

    @property
    def layers(self) -> list[str]:
        return [layer["digest"] for layer in self.manifest["layers"]]

    def members(self, position: int = -1) -> dict[str, Any]:
        found: dict[str, Any] = {}
        data = gzip.decompress(self.blob(self.layers[position]))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                assert (member.mtime, member.uname, member.gname) == (EPOCH, "", "")
                stream = archive.extractfile(member) if member.isreg() else None
                found[member.name] = stream.read().decode() if stream else member.linkname
        return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "store")


@pytest.fixture
def norm(store: Store) -> Callable[..., Result]:
    def run(
        source: str, base: str | None = None, platform: str | None = None, **more: Any
    ) -> Result:
        chosen = Platform.parse(platform) if platform else None
        result = normalise(source, store, base=base, platform=chosen, epoch=EPOCH, **more)
        assert os.listdir(store.root / "tmp") == []
        return Result(store, result)

    return run


def lower(build: Any) -> list[Any]:
    item, directory = build.item, build.directory
    return [
        *(directory("d", mode=0o700), item("d/a", b"a"), item("d/gone", b"gone")),
        *(directory("d/e"), item("d/e/f", b"f"), item("one", b"linked"), item("x", b"x")),
        item("two", type=tarfile.LNKTYPE, linkname="one"),
    ]


def upper(build: Any) -> list[Any]:
    item, directory = build.item, build.directory
    return [
        *(directory("d", mode=0o700), item("d/.wh.gone"), item("d/a", b"changed", mode=0o4755)),
        *(
            item("d/n", b"n", uid=5),
            item("d/a-b", b"-"),
            directory("d/e"),
            item("d/e/.wh..wh..opq"),
        ),
        *(item("three", type=tarfile.LNKTYPE, linkname="two"), item("x", b"x", mtime=77.5)),
        *(directory("run"), directory("etc"), item("etc/hosts", mode=0o755)),
    ]


def test_all_layers_become_one(make: Make, norm: Callable[..., Result], build: Any) -> None:
    found = norm(make("image", lower(build), upper(build)))
    assert found.members() == {
        "d": "",
        "d/a": "changed",
        "d/a-b": "-",
        "d/e": "",
        "d/n": "n",
        "one": "linked",
        "run": "",
        "three": "one",
        "two": "one",
        "x": "x",
    }
    assert list(found.members()) == sorted(found.members())
    assert set(found.manifest) == {"schemaVersion", "mediaType", "config", "layers"}
    document = found.document
    assert document["created"] == "1970-01-02T00:00:00Z"
    assert [entry.get("empty_layer") for entry in document["history"]] == [True, None]
    assert document["config"] == {
        "Env": ["PATH=/bin", "A=1"],
        "Cmd": ["sh"],
        "Labels": {"one.two": "x"},
    }


def test_the_layers_of_a_base_stay(make: Make, norm: Callable[..., Result], build: Any) -> None:
    base = make("base", lower(build), pack=lambda data: gzip.compress(data, 1, mtime=99))
    image = make("image", lower(build), upper(build))
    found = norm(image, base)
    assert found.members() == {
        "d": "",
        "d/.wh.gone": "",
        "d/a": "changed",
        "d/a-b": "-",
        "d/e": "",
        "d/n": "n",
        "d/e/.wh.f": "",
        "one": "linked",
        "three": "one",
        "two": "one",
    }
    original = json.loads((Path(base[4:]) / "index.json").read_bytes())["manifests"][0]["digest"]
    manifest = Path(base[4:]) / "blobs" / "sha256" / original.removeprefix("sha256:")
    (layer,) = json.loads(manifest.read_bytes())["layers"]
    assert found.manifest["layers"][0] == layer
    assert len(found.layers) == 2
    # Nothing is a leftover that the base is not known to lack.
    assert {"run", "dev"} & set(norm(image).members()) == {"run"}
    assert "run" in norm(image, None).members()
    assert "run" not in norm(image, "scratch").members()


def test_again_changes_nothing(make: Make, norm: Callable[..., Result], build: Any) -> None:
    base = make("base", lower(build))
    image = make("image", lower(build), upper(build))
    for given in (None, "scratch", base):
        once = norm(image, given)
        for name in (given, None) if given != base else (base,):
            assert norm(once.digest, name).digest == once.digest
    # A base alone has nothing to add.
    alone = norm(base, base)
    assert len(alone.layers) == 1
    assert norm(alone.digest, alone.digest).digest == alone.digest


PACKED = [
    ("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress),
    ("application/vnd.oci.image.layer.v1.tar", bytes),
    ("application/vnd.oci.image.layer.v1.tar+zstd", zstandard.ZstdCompressor().compress),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip.compress),
    ("application/vnd.docker.image.rootfs.diff.tar", bytes),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", gzip.compress),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
     zstandard.ZstdCompressor().compress),
]  # fmt: skip


def test_how_layers_are_packed_does_not_matter(
    make: Make, norm: Callable[..., Result], build: Any
) -> None:
    digests = set()
    for number, (media_type, pack) in enumerate(PACKED):
        more: dict[str, Any] = {}
        if "docker" in media_type:
            more["manifest"] = {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
        layers = lower(build), upper(build)
        name = make(f"image-{number}", *layers, pack=pack, media_type=media_type, **more)
        digests.add((norm(name).digest, norm(name, name).layers[0] != ""))
    assert len(digests) == 1


def test_layer_boundaries_and_order_do_not_matter(
    make: Make, norm: Callable[..., Result], build: Any
) -> None:
    item, directory = build.item, build.directory
    base = make("base", lower(build))
    history = {"history": [{"created_by": "base"}, {"created_by": "RUN x"}]}
    one = [item("n/b", b"b"), item("n/a", b"a", mtime=5), directory("n"), item("d/.wh.e")]
    two = [
        directory("n"),
        item("n/a", b"a"),
        item("n/b", b"b", uname="root"),
        item("d/.wh..wh..opq"),
    ]
    two += [item("d/a", b"a"), item("d/gone", b"gone")]
    three = [item("n/a", b"before"), item("d/e/f", b"other"), directory("n")]
    images = [
        make("1", lower(build), one, config=history),
        make("2", lower(build), two, config=history),
    ]
    more = {"history": [*history["history"], {"created_by": "RUN y"}]}
    images.append(make("3", lower(build), three, one, config=more))
    layers = [norm(image, base).layers for image in images]
    assert layers[0] == layers[1] == layers[2]


def test_an_index_is_sorted_and_loses_attestations(
    norm: Callable[..., Result], build: Any, layout: Callable[[str], Any]
) -> None:
    place = layout("index")
    data = build.archive([build.item("a", b"a")])
    arm = place.image(data, platform="linux/arm64", config={"architecture": "arm64"})
    amd = place.image(data, platform="linux/amd64")
    attestation = place.image(data, config={"architecture": "unknown", "os": "unknown"})
    signature = place.put(
        b'{"schemaVersion":2,"config":%s,"layers":[]}'
        % json.dumps(place.put(b"{}", "application/vnd.example.signature")).encode(),
        OCI_MANIFEST,
    )
    lines = ((amd, "linux/amd64"), (attestation, "unknown/unknown"), (signature, None))
    name = place.name(place.index((arm, "linux/arm64"), *lines))
    found = norm(name)
    assert found.result.image.media_type == OCI_INDEX
    assert [entry["platform"]["architecture"] for entry in found.manifest["manifests"]] == [
        "amd64",
        "arm64",
    ]
    assert [finding.code for finding in found.result.findings] == ["dropped-manifest"] * 2
    assert norm(found.digest).digest == found.digest
    one = norm(name, platform="linux/arm64")
    assert one.digest == found.manifest["manifests"][1]["digest"]
    assert not one.result.findings
    # What buildx makes of one platform is an index, too.
    assert norm(place.name(place.index(*lines))).result.image.media_type == OCI_MANIFEST
    nested = place.index((place.index((arm, "linux/arm64")), None), (amd, "linux/amd64"))
    assert norm(place.name(nested)).digest == found.digest
    # Each platform stands on the base's image for it.
    name = place.name(place.index((arm, "linux/arm64"), *lines))
    for entry in norm(name, name).manifest["manifests"]:
        assert len(json.loads(found.blob(entry["digest"]))["layers"]) == 1


def test_lists_of_rights_are_told_when_they_are_lost(
    make: Make, norm: Callable[..., Result], build: Any
) -> None:
    acl = {"SCHILY.xattr.system.posix_acl_access": "x", "SCHILY.xattr.user.kept": "y"}
    image = make("image", [build.item("below", pax=acl)], [build.item("a", pax=acl)])
    codes = [(finding.code, finding.what.split()[0]) for finding in norm(image).result.findings]
    assert codes == [("dropped-acl", "/a"), ("dropped-acl", "/below")]
    base = make("base", [build.item("below", pax=acl)])
    (finding,) = norm(image, base).result.findings
    assert finding.what.startswith("/a ")
    # A directory that the layer only repeats loses its base's list all the same.
    items = [build.directory("d", pax=acl), build.item("d/later", pax=acl)]
    later = [build.item("d/n"), build.item("d/later", b"changed")]
    base, image = make("base-2", items), make("image-2", items, later)
    (finding,) = norm(image, base).result.findings
    assert finding.what.startswith("/d ")


ACCOUNTS = "root:*:19000:0:99999:7:::\n"


def test_contents_go_through_the_normalisers(
    make: Make, norm: Callable[..., Result], build: Any
) -> None:
    """What they do is tested where they are; here it shows that both trees reach them."""
    item = build.item
    old = [item("etc/shadow", ACCOUNTS.encode()), item("var/log/dpkg.log", b"old"), item("x", b"x")]
    new = [
        item("etc/shadow", (ACCOUNTS + "new:!:20000:0:99999:7:::\n").encode(), mode=0o640),
        *(item("var/log/dpkg.log", b"new"), item("big", bytes(3_000_000))),
    ]
    base, image = make("base", old), make("image", old, new)
    found = norm(image, base)
    assert found.members() == {
        "big": "\0" * 3_000_000,
        "etc": "",
        "etc/shadow": ACCOUNTS + "new:!::0:99999:7:::\n",
    }
    ((_, account),) = found.result.accounts
    assert [(file.path, file.normaliser) for file in account.files] == [
        (b"etc/shadow", "system/shadow-days"),
        (b"var/log/dpkg.log", "debian/dpkg-log"),
    ]
    assert norm(found.digest, base).digest == found.digest
    kept = norm(image, base, normalisers=0)
    assert kept.members()["var/log/dpkg.log"] == "new"
    assert kept.members()["etc/shadow"].endswith("new:!:20000:0:99999:7:::\n")
    assert kept.result.accounts[0][1].files == ()


def test_a_base_has_to_be_below(make: Make, norm: Callable[..., Result], build: Any) -> None:
    image, other = make("image", lower(build)), make("other", upper(build))
    with pytest.raises(UsageError, match="does not stand on"):
        norm(image, other)
    with pytest.raises(UsageError, match="does not stand on"):
        norm(image, make("larger", lower(build), upper(build)))
    arm = make("arm", lower(build), config={"architecture": "arm64"})
    with pytest.raises(InputError, match=r"--base: oci:.*has no image for linux/amd64"):
        norm(image, arm)


def blobs_of(name: str) -> list[Path]:
    return sorted(Path(name[4:], "blobs", "sha256").iterdir(), key=lambda path: path.stat().st_size)


def test_damage_is_told_and_nothing_is_kept(
    make: Make, norm: Callable[..., Result], build: Any, store: Store
) -> None:
    noise = hashlib.shake_128(b"x").digest(300_000)

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-5000])

    def swap(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-9] + b"\0" + path.read_bytes()[-8:])

    for number, damage in enumerate((cut, swap, Path.unlink)):
        name = make(f"image-{number}", [build.item("a", noise), build.item("b", b"b")])
        damage(blobs_of(name)[-1])
        for base in (None, "scratch", name):
            with pytest.raises(InputError) as caught:
                norm(name, base)
            assert caught.value.fix
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
    assert os.listdir(store.root / "tmp") == []


HOSTILE = {
    "traversal": [("../x", {})],
    "absolute link": [("a", {"type": tarfile.LNKTYPE, "linkname": "/../../etc/shadow"})],
    "link to nothing": [("a", {"type": tarfile.LNKTYPE, "linkname": "b"})],
    "link to itself": [("a", {"type": tarfile.LNKTYPE, "linkname": "a"})],
    "below a file": [("a", {}), ("a/b", {})],
    "below a symlink": [("a", {"type": tarfile.SYMTYPE, "linkname": "/"}), ("a/b", {})],
    "whiteout of nothing": [(".wh.", {})],
    "long name": [("n" * 300, {})],
    "capabilities": [("a", {"pax": {"SCHILY.xattr.security.capability": "x"}})],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_layers(name: str, make: Make, norm: Callable[..., Result], build: Any) -> None:
    image = make("image", [build.item(path, **more) for path, more in HOSTILE[name]])
    with pytest.raises(SamebitError) as caught:
        norm(image)
    assert caught.value.exit_code == 5
    assert caught.value.fix


def test_links_that_loop_are_only_text(make: Make, norm: Callable[..., Result], build: Any) -> None:
    links = {"a": "b", "b": "a", "c": "/etc/../../..", "d": "d"}
    items = [build.item(key, type=tarfile.SYMTYPE, linkname=value) for key, value in links.items()]
    assert norm(make("image", items)).members() == links


def test_other_systems_are_refused(make: Make, norm: Callable[..., Result], build: Any) -> None:
    image = make("image", [build.item("Files/a")], config={"os": "windows"})
    with pytest.raises(InputError, match="windows/amd64"):
        norm(image)


def test_an_index_without_images(norm: Callable[..., Result], layout: Callable[[str], Any]) -> None:
    place = layout("empty")
    with pytest.raises(InputError, match="holds no image"):
        norm(place.name(place.index()))
