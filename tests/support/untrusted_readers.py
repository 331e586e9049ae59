"""Everything that reads bytes which somebody else wrote, and bytes for each to begin with."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from samebit.canonical import json as canonical_json
from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.canonical.tar_reader import TarReader
from samebit.configuration.samebit_toml import parse_configuration
from samebit.context.ignore import parse_ignore
from samebit.dockerfile.config import read_config
from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.stages import plan
from samebit.errors import InternalError, SamebitError
from samebit.image.compression import describe_compression
from samebit.image.config import parse_config
from samebit.image.decompress import decompressed
from samebit.image.entry import Entry, Kind
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_members import read_members
from samebit.image.layer_reader import Limits, open_layer
from samebit.image.layered_tree import LayeredTree
from samebit.image.manifest import parse_manifest
from samebit.image.tree_index import TreeIndex
from samebit.lock.model import Lock, make_recipe
from samebit.lock.toml import format_lock, parse_lock
from samebit.model.descriptor import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.registry.manifest_outline import read_outline
from samebit.store import names

_AMD = Platform("linux", "amd64")
_LIMITS = Limits(content=64 << 20, holes=16 << 20, names=1 << 20, entries=10_000)
_DIGEST = Digest.of(b"x")


@dataclass(frozen=True)
class Reader:
    """A function that takes any bytes, and valid ones to change a little."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def attempt(reader: Reader, data: bytes) -> None:
    """Read `data`. A SamebitError is an answer; whatever else is raised is a fault of ours."""
    try:
        reader.read(data)
    except InternalError:
        raise
    except SamebitError:
        return


def _archive() -> bytes:
    entries = [
        Entry(b"", Kind.DIRECTORY, 0o755),
        Entry(b"a", Kind.FILE, 0o4755, 1, 2, 3, xattrs=((b"user.x", b"y"),)),
        Entry(b"b", Kind.HARDLINK, 0o4755, 1, 2, link=b"a"),
        Entry(b"d", Kind.DIRECTORY, 0o2755),
        Entry(b"d/.wh.gone", Kind.FILE, 0),
        Entry(b"d/null", Kind.CHARACTER, 0o666, device=(1, 3)),
        Entry(b"n" * 101, Kind.FILE, 0o644, 3_000_000),
        Entry(b"s", Kind.SYMLINK, 0o777, link=b"../d"),
    ]
    parts = []
    for entry in entries:
        parts += [encode_header(entry, 7), b"x" * entry.size, padding(entry.size)]
    return b"".join([*parts, END_OF_ARCHIVE])


def _tree(data: bytes) -> LayeredTree:
    tree = LayeredTree()
    tree.begin("layer")
    for member in open_layer(io.BytesIO(data), OCI_LAYER, what="layer", limits=_LIMITS):
        while member.content.read():
            pass
        tree.add(member.entry, b"" if member.entry.kind is not Kind.FILE else bytes(32))
    tree.end()
    return tree


def _index_of_layer(data: bytes) -> None:
    index = TreeIndex.of(_tree(data))
    assert TreeIndex.decode(index.encode()) == index
    assert len(dict(index.entries)) == len(index)


def _index(data: bytes) -> None:
    index = TreeIndex.decode(data)
    index.groups()
    for position in range(len(index)):
        index.entry(position)
    with contextlib.suppress(KeyError):
        index.entries[b"a"]


def _blob(data: bytes) -> LayerBlob:
    descriptor = Descriptor(OCI_LAYER, Digest.of(data), len(data))
    return LayerBlob("layer", descriptor, Digest.of(_ARCHIVE), lambda: io.BytesIO(data))


def _plain_archive(data: bytes) -> None:
    reader = TarReader(iter([data]), "archive")
    for _ in reader:
        while reader.read():
            pass


def _dockerfile(data: bytes) -> None:
    recipe = plan(parse(decode(data, "Dockerfile"), "Dockerfile"), platform=_AMD, epoch=0)
    if not recipe.images:
        evaluate(recipe, {})


def _document(**members: object) -> bytes:
    return json.dumps(members).encode()


_ARCHIVE = _archive()
_DESCRIBED = {"mediaType": OCI_LAYER, "digest": str(_DIGEST), "size": 3}
_MANIFEST = _document(
    schemaVersion=2, mediaType=OCI_MANIFEST, config=_DESCRIBED, layers=[_DESCRIBED]
)
_IMAGE_INDEX = _document(
    schemaVersion=2,
    mediaType=OCI_INDEX,
    manifests=[{**_DESCRIBED, "platform": {"os": "linux", "architecture": "amd64"}}],
)
_CONFIG = _document(
    architecture="amd64",
    os="linux",
    config={"Env": ["A=b"], "Labels": {"a": "b"}, "OnBuild": ["RUN x"], "Cmd": ["sh"]},
    rootfs={"type": "layers", "diff_ids": [str(_DIGEST)]},
    history=[{"created_by": "x", "empty_layer": False}],
)
_DOCKERFILE = b"""# syntax=x
ARG V=${W:-1}
FROM scratch AS a
ENV A=$V B="${A%%x*}" C=${A//a/b}
RUN --mount=type=cache,target=/c <<EOF
echo ${A}
EOF
FROM a
COPY --from=a --chmod=755 <<-"X" /x
\ty
X
HEALTHCHECK --interval=3s CMD ["a"]
ONBUILD ADD a b
EXPOSE 80/tcp 90-99
"""
_LOCK = format_lock(
    Lock(
        315619200,
        make_recipe([], bases=[], target="run", platforms=[_AMD], build_args={"V": "1.2"}),
        (),
    )
).encode()
_TOML = b"""[bases."debian.local/go:1"]
suite = "bookworm"
include = ["ca-certificates"]

[images.app]
target = "x"
build-args = { A = "b" }
"""

READERS = {
    "archive": Reader(_plain_archive, (_ARCHIVE,)),
    "base index": Reader(_index, (TreeIndex.of(_tree(_ARCHIVE)).encode(),)),
    "compressed": Reader(
        lambda data: sum(map(len, decompressed(io.BytesIO(data), "blob"))),
        (gzip.compress(_ARCHIVE), zstandard.compress(_ARCHIVE), gzip.compress(b"a") * 3),
    ),
    "compression": Reader(
        lambda data: describe_compression(_blob(data)),
        (gzip.compress(_ARCHIVE), zstandard.compress(_ARCHIVE)),
    ),
    "config": Reader(lambda data: parse_config(data, "config"), (_CONFIG,)),
    "config for a build": Reader(
        lambda data: read_config(parse_config(data, "config").document, "config"), (_CONFIG,)
    ),
    "dockerfile": Reader(_dockerfile, (_DOCKERFILE,)),
    "ignore file": Reader(
        lambda data: parse_ignore(data, ".dockerignore"), (b"a/**/b\n!c[a-z]\n",)
    ),
    "json": Reader(
        lambda data: canonical_json.decode(data, "json"), (_CONFIG, b'[1,2.5,"\\u00e9"]')
    ),
    "layer": Reader(
        _index_of_layer, (_ARCHIVE, gzip.compress(_ARCHIVE), zstandard.compress(_ARCHIVE))
    ),
    "layer to compare": Reader(
        lambda data: list(read_members(_blob(data), _LIMITS)), (_ARCHIVE, gzip.compress(_ARCHIVE))
    ),
    "lock": Reader(lambda data: parse_lock(data, "Dockerfile.lock"), (_LOCK,)),
    "manifest": Reader(lambda data: parse_manifest(data, "manifest"), (_MANIFEST, _IMAGE_INDEX)),
    "manifest outline": Reader(read_outline, (_MANIFEST, _IMAGE_INDEX)),
    "samebit.toml": Reader(lambda data: parse_configuration(data, Path("samebit.toml")), (_TOML,)),
    "store index": Reader(
        lambda data: names.named(names.parse_index(data, "index.json"), "index.json"),
        (_IMAGE_INDEX, b'{"schemaVersion":2,"manifests":[]}'),
    ),
}
