"""What the lock says of bases that a recipe makes: when they are recorded, replayed, left alone.

mmdebstrap takes a minute, so a stand-in makes the images here; tests/e2e/test_base_locked.py has
the real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from samebit.debian.config import encode_config
from samebit.debian.recipe import DebianBase
from samebit.engines.protocol import Engine
from samebit.errors import LockError
from samebit.image.manifest import Manifest, encode_manifest
from samebit.lock.fetch import LockedFetch, base_instruction, make_key, of_base
from samebit.lock.model import Lock
from samebit.lock.toml import read_lock, write_lock
from samebit.model.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.pipeline import build
from samebit.pipeline.inputs_gc import collect
from samebit.pipeline.lock import record
from samebit.pipeline.recorded_base import BaseOrder, MadeBase, is_recordable, note
from samebit.pipeline.request import BuildRequest
from samebit.report.progress import BuildProgress
from samebit.store.store import Store

NAME = "debian.local/small:1"
TOML = '[bases."debian.local/small:1"]\nsuite = "bookworm"\n'
HERE = Platform.native()


@dataclass
class Archive:
    """Stands in for mmdebstrap: what it has today goes into each image that it makes."""

    store: Store
    today: bytes = b"one"
    orders: list[BaseOrder] = field(default_factory=list)

    def make(self, order: BaseOrder, epoch: int, store: Store, **_: object) -> MadeBase:
        self.orders.append(order)
        index = self.store.read(order.known[0].digest) if order.known else self.today
        unpacked = b"unpacked " + index
        layer = Descriptor(OCI_LAYER_GZIP, store.put(unpacked), len(unpacked))
        config = encode_config(order.recipe, epoch, Digest.of(unpacked))
        manifest = encode_manifest(
            Manifest(Descriptor(OCI_CONFIG, store.put(config), len(config)), (layer,))
        )
        fetch = LockedFetch(
            key=make_key("GET", "http://deb.example.org/dists/x/InRelease"),
            instruction=base_instruction(order.name),
            platforms=(order.recipe.target,),
            digest=store.put(index),
            size=len(index),
        )
        image = Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))
        if not is_recordable(order.recipe):
            return MadeBase(image, ())
        if order.record:
            note(store, image.digest, (fetch,))
        return MadeBase(image, (fetch,))


@dataclass
class Project:
    folder: Path
    archive: Archive
    said: list[str] = field(default_factory=list)

    @property
    def lock_file(self) -> Path:
        return self.folder / "Dockerfile.lock"

    def lock(self, update: str | None = None) -> Lock:
        """Bring the lock up to date, as `samebit lock` does."""
        record(self.request(update=update), self.archive.store, no_engine, self.progress())
        return self.locked()

    def locked(self) -> Lock:
        found = read_lock(self.lock_file)
        assert found is not None
        return found

    def prepare(self, **more: bool) -> Lock:
        """Give the lock that a build of this starts from."""
        request = self.request(**more)
        return build.prepare(request, self.archive.store, self.said.append).lock

    def request(self, *, update: str | None = None, locked: bool = False) -> BuildRequest:
        return BuildRequest(self.folder, update=update, locked=locked)

    def progress(self) -> BuildProgress:
        progress = BuildProgress("quiet")
        progress.say = self.said.append  # type: ignore[method-assign]
        return progress

    def elsewhere(self, folder: Path, *, bodies: bool) -> None:
        """Go on with another store, which has the recorded bytes or has nothing."""
        store = Store(folder)
        if bodies:
            for fetch in self.locked().fetches:
                store.put(self.archive.store.read(fetch.digest))
        self.archive.store = store


def no_engine() -> Engine:
    raise AssertionError("nothing has to run")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    found = Archive(Store(tmp_path / "store"))
    monkeypatch.setattr(build, "make_recorded", found.make)
    return found


@pytest.fixture
def start(tmp_path: Path, archive: Archive) -> Callable[[str], Project]:
    def start(name: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "samebit.toml").write_text(TOML)
        (folder / "Dockerfile").write_text(f"FROM {NAME}\nENV A=1\n")
        return Project(folder, archive)

    return start


@pytest.fixture
def project(start: Callable[[str], Project]) -> Project:
    return start("project")


def without_base(lock: Lock) -> Lock:
    """Give the lock as it was before bases were recorded."""
    return replace(lock, fetches=())


def test_a_base_is_recorded_with_the_lock_and_replayed_elsewhere(
    project: Project, tmp_path: Path
) -> None:
    lock = project.lock()
    (fetch,) = lock.fetches
    assert fetch.instruction == f"base {NAME}"
    assert [order.record for order in project.archive.orders] == [True]
    # A fresh lock and a base that is there: nothing is made.
    assert project.lock() == lock
    assert len(project.archive.orders) == 1

    # The archive moves on; with the recorded bytes alone the base is the same.
    project.archive.today = b"two"
    project.elsewhere(tmp_path / "other", bodies=True)
    for locked in (True, False):
        assert project.prepare(locked=locked) == lock
    (_, order) = project.archive.orders
    assert not order.record
    assert order.known == (fetch,)
    assert order.where is not None
    assert (order.where.path, order.where.line) == (str(project.folder / "Dockerfile"), 1)


def test_another_dockerfile_has_what_the_shared_base_was_made_from(
    project: Project, start: Callable[[str], Project]
) -> None:
    lock = project.lock()
    project.archive.today = b"two"
    other = start("other").lock()
    assert len(project.archive.orders) == 1
    assert (other.bases, other.fetches) == (lock.bases, lock.fetches)


def test_the_garbage_collection_knows_what_bases_are_made_from(
    project: Project, start: Callable[[str], Project]
) -> None:
    (old,) = project.lock().fetches
    start("other").lock()
    project.archive.today = b"two"
    project.lock(update=NAME)
    store = project.archive.store
    # The other Dockerfile's lock still names it.
    assert collect(store, [], delete=False).bodies == ()
    (project.folder.parent / "other" / "Dockerfile.lock").unlink()
    assert [digest for digest, _ in collect(store, [], delete=False).bodies] == [old.digest]


def test_a_shared_base_whose_bytes_are_gone_is_made_anew(
    project: Project, start: Callable[[str], Project]
) -> None:
    (fetch,) = project.lock().fetches
    project.archive.today = b"two"
    project.archive.store.remove(fetch.digest)
    (other,) = start("other").lock().fetches
    assert other.digest == Digest.of(b"two")


def test_the_lock_decides_where_another_base_was_made_since(
    project: Project, start: Callable[[str], Project], tmp_path: Path
) -> None:
    lock = project.lock()
    project.elsewhere(tmp_path / "other", bodies=True)
    project.archive.today = b"two"
    assert start("second").lock().bases != lock.bases
    assert project.prepare(locked=True) == lock
    # What is made of an old lock is not what a new one begins with.
    made = len(project.archive.orders)
    (newest,) = start("third").lock().fetches
    assert newest.digest == Digest.of(b"two")
    assert len(project.archive.orders) == made


@pytest.mark.parametrize("pattern", [NAME, "debian.local/small", "*", "http://deb.example.org"])
def test_an_update_makes_the_base_of_what_is_there_today(project: Project, pattern: str) -> None:
    before = project.lock()
    project.archive.today = b"two"
    after = project.lock(update=pattern)
    assert after.bases != before.bases
    (fetch,) = after.fetches
    assert fetch.digest == Digest.of(b"two")
    assert project.archive.orders[-1].known == ()


def test_an_update_of_something_else_leaves_the_base(project: Project) -> None:
    lock = project.lock()
    step = replace(
        lock.fetches[0], key=make_key("GET", "http://other.example.org/"), instruction="0/1"
    )
    write_lock(project.lock_file, replace(lock, fetches=(*lock.fetches, step)))
    project.archive.today = b"two"
    assert project.lock(update="http://other.example.org") == lock
    assert len(project.archive.orders) == 1


def test_a_lock_from_before_is_completed_by_samebit_lock_only(project: Project) -> None:
    whole = project.lock()
    write_lock(project.lock_file, without_base(whole))
    for locked in (True, False):
        assert project.prepare(locked=locked).fetches == ()
    assert project.lock() == whole
    assert len(project.archive.orders) == 1


def test_a_lock_from_before_is_completed_where_nothing_is_remembered(
    project: Project, tmp_path: Path
) -> None:
    whole = project.lock()
    write_lock(project.lock_file, without_base(whole))
    project.elsewhere(tmp_path / "other", bodies=False)
    # As before, a build makes the base of what is there, and leaves a fresh lock alone.
    for locked in (True, False):
        assert project.prepare(locked=locked).fetches == ()
    assert project.lock() == whole


def test_a_lock_from_before_whose_archive_moved_on_stays(project: Project) -> None:
    whole = project.lock()
    write_lock(project.lock_file, without_base(whole))
    project.archive.today = b"two"
    pinned = whole.bases[0].digest
    assert pinned is not None
    # What an earlier samebit made has no such record.
    project.archive.store.set_record("base-fetches", pinned.hex, b"")
    assert project.lock().fetches == ()
    assert re.search("stays as it is pinned, but is not recorded.*--update=", project.said[-1])


def test_a_lock_from_before_without_its_base_says_what_to_do(
    project: Project, tmp_path: Path
) -> None:
    write_lock(project.lock_file, without_base(project.lock()))
    project.elsewhere(tmp_path / "other", bodies=False)
    project.archive.today = b"two"
    with pytest.raises(LockError, match="the lock pins") as caught:
        project.prepare(locked=True)
    assert f"samebit lock --update={NAME}" in (caught.value.fix or "")


def test_what_a_base_was_made_from_leaves_the_lock_with_it(project: Project) -> None:
    assert of_base(project.lock().fetches, NAME, HERE)
    (project.folder / "Dockerfile").write_text("FROM scratch\nENV A=1\n")
    assert project.lock().fetches == ()


def test_a_changed_recipe_goes_on_from_what_is_known(project: Project) -> None:
    (fetch,) = project.lock().fetches
    project.archive.today = b"two"
    (project.folder / "samebit.toml").write_text(TOML + 'include = ["git"]\n')
    lock = project.lock()
    assert lock.fetches == (fetch,)
    order = project.archive.orders[-1]
    assert order.record
    assert order.known == (fetch,)
    assert order.recipe.include == ("git",)


def test_nothing_stays_of_what_an_unrecorded_base_was_made_from_before(project: Project) -> None:
    assert project.lock().fetches
    (project.folder / "samebit.toml").write_text(TOML + 'mirror = "http://localhost:3142/"\n')
    lock = project.lock()
    assert lock.fetches == ()
    assert project.prepare(locked=True) == lock


@pytest.mark.parametrize(
    ("mirror", "recordable"),
    [
        (None, True),
        ("http://deb.example.org/debian", True),
        ("https://deb.example.org:8443/debian", True),
        ("http://localhost:3142/debian", False),
        ("http://a.localhost/debian", False),
        ("http://127.0.0.1:9/debian", False),
        ("http://[::1]/debian", False),
        ("file:///srv/debian", False),
    ],
)
def test_only_archives_with_a_name_can_be_recorded(mirror: str | None, *, recordable: bool) -> None:
    assert is_recordable(DebianBase("bookworm", mirror=mirror)) is recordable
