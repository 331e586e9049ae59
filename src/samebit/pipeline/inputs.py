"""`samebit inputs`: the recorded bytes of a lock, published, brought back and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samebit.configuration.samebit_toml import find_configuration, read_configuration
from samebit.errors import InputError, LockError, Place, SamebitError, UsageError
from samebit.lock.fetch import LockedFetch
from samebit.lock.model import Lock
from samebit.lock.redaction import origin_of, redact_url
from samebit.lock.toml import read_lock, write_lock
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.pipeline.bodies import bodies_of, lacking
from samebit.pipeline.inputs_artifact import (
    ARTIFACT_TYPE,
    Artifact,
    is_large,
    make_artifact,
    read_artifact,
    unpack,
)
from samebit.registry.client import RegistryClient
from samebit.registry.manifest_outline import MANIFEST_LIMIT, read_outline
from samebit.store.store import Store

_SHOWN = 20
_CHUNK = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pushed:
    """The artifact's full name, how many bodies it holds, and whether the lock was changed."""

    reference: Reference
    bodies: int
    lock_written: bool


def push(
    lock_file: Path,
    reference: Reference,
    *,
    origins: Iterable[str],
    subject: str | None,
    store: Store,
    say: Say,
) -> Pushed:
    """Publish the bytes of a lock's fetches under `reference` and write its name into the lock.

    `origins`, and those that samebit.toml beside the lock lists, are the only ones whose bytes are
    published: UsageError when the lock needs others. `subject` names the image they belong to, by
    its digest or its name in the store. Raises InputError for a body that the store lacks.
    """
    lock = _lock(lock_file)
    bodies = bodies_of(lock.fetches)
    if not bodies:
        raise UsageError(
            "the lock has no fetches, so there is nothing to push", where=Place(str(lock_file))
        )
    _require_allowed(lock_file, lock, origins)
    missing = [fetch for digest, fetch in bodies.items() if not store.has(digest)]
    if missing:
        raise _missing(lock_file, missing)
    with RegistryClient() as client:
        image = _subject(client, reference, subject, store) if subject is not None else None
        artifact = make_artifact(store, lock.fetches, image)
        say(f"pushing {len(bodies)} bodies to {reference}")
        client.push(store, artifact, reference)
        if image is not None:
            client.attach(reference, image.digest, artifact, ARTIFACT_TYPE)
    named = reference.with_digest(artifact.digest)
    return Pushed(named, len(bodies), write_lock(lock_file, replace(lock, inputs=named)))


def pull(lock_file: Path, reference: Reference | None, store: Store, say: Say) -> int:
    """Bring every body that the store lacks from the artifact; gives how many were brought.

    Without `reference` it is the one that the lock names. Raises LockError when there is none,
    InputError when a body is not in the artifact or cannot be had.
    """
    lock = _lock(lock_file)
    reference = reference or lock.inputs
    if reference is None:
        raise LockError(
            "the lock names no inputs artifact",
            where=Place(str(lock_file)),
            fix="name one, or publish one with `samebit inputs push`",
        )
    wanted = lacking(lock.fetches, store)
    if wanted:
        bring(wanted, reference, store, say)
        if left := lacking(lock.fetches, store):
            raise _missing(lock_file, left.values())
    return len(wanted)


def verify(lock_files: Sequence[Path], store: Store) -> int:
    """Read every body of these locks and check it; gives how many there are.

    Raises InputError that names those which are not in the store or are damaged.
    """
    count = 0
    for lock_file in lock_files:
        bodies = bodies_of(_lock(lock_file).fetches)
        count += len(bodies)
        faults = [fetch for digest, fetch in bodies.items() if not _is_intact(digest, fetch, store)]
        if faults:
            raise _missing(lock_file, faults)
    return count


def find_lock(text: str | None) -> Path:
    """Give the lock that was named, else the only likely one here. Raises UsageError."""
    if text is not None:
        return Path(text)
    found = [
        path for name in ("Dockerfile", "Containerfile") if (path := Path(f"{name}.lock")).is_file()
    ]
    if not found:
        raise UsageError("there is no Dockerfile.lock here", fix="name the lock with --lock")
    return found[0]


def parse_artifact(text: str) -> Reference:
    """Read the name of an artifact. Raises UsageError."""
    return Reference.parse(text)


def _lock(path: Path) -> Lock:
    lock = read_lock(path)
    if lock is None:
        raise UsageError("there is no such lock file", where=Place(str(path)), fix="check the path")
    return lock


def _require_allowed(lock_file: Path, lock: Lock, given: Iterable[str]) -> None:
    configured = read_configuration(find_configuration([lock_file.parent])).inputs_origins
    allowed = {_origin(text) for text in (*given, *configured)}
    needed = {origin_of(fetch.key.url) for fetch in lock.fetches if fetch.size}
    if refused := sorted(needed - allowed):
        raise UsageError(
            f"bytes of {len(refused)} origins would be published that nobody listed",
            where=Place(str(lock_file)),
            fix="where all of it may be published: "
            + " ".join(f"--origin {origin}" for origin in refused),
            detail="\n".join(refused),
        )


def _origin(text: str) -> str:
    try:
        return origin_of(redact_url(text))
    except InputError:
        raise UsageError(
            f"{text[:200]!r} is not an origin", fix="write it as scheme://host[:port]"
        ) from None


def _subject(client: RegistryClient, reference: Reference, text: str, store: Store) -> Descriptor:
    """Describe the image that the inputs belong to: by name or digest, from here or there."""
    named = None if text.startswith("sha256:") else store.resolve(str(Reference.parse(text)))
    if named is not None:
        return named
    digest = Digest.parse(text) if text.startswith("sha256:") else Reference.parse(text).digest
    if digest is None:
        raise UsageError(
            f"--subject {text}: there is no image of that name in the store",
            fix="give its digest, or build it with -t",
        )
    if store.has(digest):
        data = store.read(digest, MANIFEST_LIMIT)
        return Descriptor(read_outline(data).media_type, digest, len(data))
    return client.resolve(replace(reference, digest=digest)).descriptor


def bring(wanted: dict[Digest, LockedFetch], reference: Reference, store: Store, say: Say) -> None:
    """Bring those of the wanted bodies that the artifact `reference` has. Raises InputError."""
    with RegistryClient() as client:
        say(f"bringing {len(wanted)} recorded bodies from {reference}")
        found = client.resolve(reference, store)
        artifact = read_artifact(found.data, str(reference))
        for digest in wanted:
            if digest in artifact.bodies:
                client.pull_blob(reference, artifact.bodies[digest], store)
        _bring_packed(client, artifact, wanted, reference, store)


def _bring_packed(
    client: RegistryClient,
    artifact: Artifact,
    wanted: dict[Digest, LockedFetch],
    reference: Reference,
    store: Store,
) -> None:
    origins = {origin_of(f.key.url) for f in wanted.values() if not is_large(f)}
    chosen = [artifact.packs[origin] for origin in sorted(origins) if origin in artifact.packs]
    if not chosen:
        return
    # A pack is of no use once it is unpacked.
    with store.temporary_directory() as folder:
        packs = Store(folder / "packs")
        for pack in chosen:
            client.pull_blob(reference, pack, packs)
            unpack(pack.digest, packs, wanted, store)


def _is_intact(digest: Digest, fetch: LockedFetch, store: Store) -> bool:
    if not store.has(digest) or store.size(digest) != fetch.size:
        return False
    try:
        with store.open_verified(digest) as stream:
            while stream.read(_CHUNK):
                pass
    except InputError:
        return False
    return True


def _missing(lock_file: Path, fetches: Iterable[LockedFetch]) -> SamebitError:
    lines = sorted(f"{fetch.digest} {fetch.key}" for fetch in fetches)
    shown = lines[:_SHOWN]
    if len(lines) > _SHOWN:
        shown.append(f"and {len(lines) - _SHOWN} more")
    what = "1 recorded body is" if len(lines) == 1 else f"{len(lines)} recorded bodies are"
    return InputError(
        f"{what} not in the store, or damaged",
        where=Place(str(lock_file)),
        fix="bring them with `samebit inputs pull`, or build: what is missing is fetched again",
        detail="\n".join(shown),
    )
