"""The inputs artifact: the bytes of a lock's fetches as one OCI artifact (docs/lock.md, "Inputs").

A large body is a layer of its own, so that an update sends only what is new. Small ones travel in
one pack for each origin, because a thousand layers would be thousands of requests; an origin is
what a lock updates as one. Equal bodies give an equal artifact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from samebit.canonical import json as canonical_json
from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.canonical.tar_reader import TarReader
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.lock.fetch import LockedFetch
from samebit.lock.redaction import origin_of
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.pipeline.bodies import bodies_of
from samebit.store.store import Store

ARTIFACT_TYPE = "application/vnd.samebit.inputs.v1"
BODY = "application/vnd.samebit.input.body.v1"
PACK = "application/vnd.samebit.input.pack.v1+tar"
ORIGIN = "dev.samebit.inputs.origin"
"""The annotation of a pack that says whose bodies it holds."""

# From here on in bytes a body is a layer of its own.
_LARGE = 1 << 18
_EMPTY = b"{}"
_EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
_CHUNK = 1 << 20
_FOLDER = b"sha256/"


@dataclass(frozen=True, slots=True)
class Artifact:
    """What an artifact's manifest lists: bodies by digest, and packs by origin."""

    bodies: Mapping[Digest, Descriptor]
    packs: Mapping[str, Descriptor]


def is_large(fetch: LockedFetch) -> bool:
    """Tell whether a body is a layer of its own."""
    return fetch.size >= _LARGE


def make_artifact(
    store: Store, fetches: Iterable[LockedFetch], subject: Descriptor | None
) -> Descriptor:
    """Put the artifact's manifest and packs into the store; gives the manifest's descriptor.

    `subject` is the image that it belongs to. Raises InputError for a body that the store does not
    have or whose bytes are damaged.
    """
    given = tuple(fetches)
    layers: list[dict[str, object]] = [
        _descriptor(Descriptor(BODY, digest, fetch.size))
        for digest, fetch in bodies_of(given).items()
        if is_large(fetch)
    ]
    for origin in sorted({origin_of(fetch.key.url) for fetch in given}):
        own = (fetch for fetch in given if origin_of(fetch.key.url) == origin)
        small = {d: f.size for d, f in bodies_of(own).items() if not is_large(f)}
        if small:
            described = _descriptor(_pack(store, small))
            layers.append(described | {"annotations": {ORIGIN: origin}})
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": _descriptor(Descriptor(_EMPTY_CONFIG, store.put(_EMPTY), len(_EMPTY))),
        "layers": layers,
    }
    if subject is not None:
        document["subject"] = _descriptor(subject)
    data = canonical_json.encode(document)
    return Descriptor(OCI_MANIFEST, store.put(data), len(data))


def read_artifact(data: bytes, shown: str) -> Artifact:
    """Read an artifact's manifest. Raises InputError for what is none, naming it as `shown`."""
    document = canonical_json.decode(data, shown)
    if not isinstance(document, dict) or document.get("artifactType") != ARTIFACT_TYPE:
        raise InputError(
            f"{shown} is not an inputs artifact", fix="name what `samebit inputs push` printed"
        )
    layers = document.get("layers")
    bodies: dict[Digest, Descriptor] = {}
    packs: dict[str, Descriptor] = {}
    for layer in layers if isinstance(layers, list) else ():
        match layer:
            case {"mediaType": str(media_type), "digest": str(digest), "size": int(size)}:
                found = Descriptor(media_type, Digest.parse(digest), size)
            case _:
                raise InputError(f"{shown}: a layer is described incompletely")
        match layer:
            case {"mediaType": str(kind)} if kind == BODY:
                bodies[found.digest] = found
            case {
                "mediaType": str(kind),
                "annotations": {"dev.samebit.inputs.origin": str(origin)},
            }:
                if kind == PACK:
                    packs[origin] = found
            case _:
                # Of a newer samebit, which may add other things beside the bodies.
                continue
    return Artifact(bodies, packs)


def unpack(pack: Digest, packs: Store, wanted: Mapping[Digest, LockedFetch], store: Store) -> None:
    """Take the wanted bodies that the store lacks out of a pack in the store `packs`.

    Raises InputError for a pack that is no archive or holds other bytes under a body's name.
    """
    with packs.open_verified(pack) as stream:
        reader = TarReader(iter(lambda: stream.read(_CHUNK), b""), f"the pack {pack}")
        for header in reader:
            try:
                name = header.name.removeprefix(_FOLDER).decode("ascii")
                digest = Digest.parse(f"sha256:{name}")
            except (UnicodeDecodeError, InputError):
                raise InputError(f"the pack {pack} holds {header.name[:100]!r}, no body") from None
            fetch = wanted.get(digest)
            if fetch is None or store.has(digest):
                continue
            with store.writer(expected=digest, size=fetch.size) as writer:
                while piece := reader.read():
                    writer.write(piece)
                writer.commit()
        # The check of the whole is at its end.
        while stream.read(_CHUNK):
            pass


def _pack(store: Store, sizes: Mapping[Digest, int]) -> Descriptor:
    with store.writer() as writer:
        for piece in _archive(store, sizes):
            writer.write(piece)
        digest, size = writer.commit()
    return Descriptor(PACK, digest, size)


def _archive(store: Store, sizes: Mapping[Digest, int]) -> Iterator[bytes]:
    for digest, size in sizes.items():
        path = _FOLDER + digest.hex.encode("ascii")
        yield encode_header(Entry(path, Kind.FILE, 0o644, size=size), 0)
        # Small by choice, so it fits into memory.
        data = store.read(digest, _LARGE)
        if len(data) != size:
            raise InputError(f"body {digest} has {len(data)} bytes, the lock says {size}")
        yield data
        yield padding(size)
    yield END_OF_ARCHIVE


def _descriptor(descriptor: Descriptor) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
