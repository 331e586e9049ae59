"""Whether a recorded build has been replayed: the second half of the proof (DESIGN.md 5)."""

from __future__ import annotations

from samebit.errors import InputError
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.store.store import Store

_KIND = "replay"
_RECORDED = "recorded"
_REPLAYED = "replayed"


def is_unproven(store: Store, key: str) -> bool:
    """Tell whether the inputs of that memo key were recorded here and not replayed since."""
    standing = _read(store, key)
    return standing is not None and standing[0] == _RECORDED


def note_recorded(store: Store, key: str, digest: Digest) -> None:
    """Remember what a build gave that also wrote the lock; a proof that stands is kept."""
    if _read(store, key) != (_REPLAYED, digest):
        _write(store, key, _RECORDED, digest)


def note_replayed(store: Store, key: str, digest: Digest) -> Finding | None:
    """Compare what a build over a fresh lock gave with what was built of it here before.

    Equal is the proof. The finding tells of another digest, which then is to be replayed itself.
    """
    standing = _read(store, key)
    if standing is not None and standing[1] != digest:
        _write(store, key, _RECORDED, digest)
        return Finding(
            "replay-differs",
            f"the same inputs gave {standing[1]} before and {digest} now",
            fix=f"see what differs: samebit diff before@{standing[1]} now@{digest}",
        )
    _write(store, key, _REPLAYED, digest)
    return None


def _read(store: Store, key: str) -> tuple[str, Digest] | None:
    record = store.record(_KIND, key)
    if record is None:
        return None
    state, _, digest = record.decode("ascii", "replace").partition(" ")
    try:
        return state, Digest.parse(digest)
    except InputError:
        return None


def _write(store: Store, key: str, state: str, digest: Digest) -> None:
    store.set_record(_KIND, key, f"{state} {digest}".encode("ascii"))
