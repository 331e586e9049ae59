"""The difference of two locks in packages and versions, for `samebit lock --diff` and for review.

An answer is *suspicious* where other bytes came under a name that promises the same ones: the same
URL, or a package's file of the same name from elsewhere. Indexes, redirects, error answers and
answers to anything but GET only *moved*: they are there to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cmp_to_key
from urllib.parse import urlsplit

from samebit.lock.base_difference import BASE_IMAGE, base_changes
from samebit.lock.fetch import GIT, FetchKey, LockedFetch
from samebit.lock.model import Lock
from samebit.lock.packages.discovery import ecosystems, identify
from samebit.lock.packages.ecosystem import Compare, Index, Package
from samebit.model.lock_difference import ChangeKind, InputChange, LockDifference, SettingChange

_URL = "url"
_KINDS = list(ChangeKind)
# The answer to a request for one platform: its place, and what a client was given as content.
_Place = tuple[FetchKey, int]
_Content = tuple[int, str, str]


def diff_locks(old: Lock, new: Lock) -> LockDifference:
    """Tell what happened to every input between two locks."""
    before, after = _Inputs.of(old), _Inputs.of(new)
    told = [*_suspicions(before, after), *_moved_changes(before, after)]
    packages = _package_changes(before.versions, after.versions)
    urls = {url for change in told for url in (*change.urls, change.name)}
    for change in packages:
        for side in (before, after):
            urls |= side.urls.get((change.ecosystem, change.name), set())
    changes = [*told, *packages, *base_changes(old.bases, new.bases)]
    return LockDifference(
        settings=_setting_changes(old, new),
        inputs=tuple(sorted(changes, key=_change_order)),
        details=_details(old, new, urls),
    )


@dataclass(slots=True)
class _Inputs:
    """What a lock's fetches are.

    `versions` are by ecosystem and name, as are the `urls` that gave them; `files` are URL and
    digest by package file. `moving` is what may change by its nature, `fixed` what must not.
    """

    versions: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    moving: dict[_Place, set[_Content]] = field(default_factory=dict)
    fixed: dict[_Place, set[_Content]] = field(default_factory=dict)
    files: dict[tuple[str, str, str, str], set[tuple[str, str]]] = field(default_factory=dict)
    urls: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)

    @classmethod
    def of(cls, lock: Lock) -> _Inputs:
        inputs = cls()
        for fetch in lock.fetches:
            inputs.add(fetch)
        return inputs

    def add(self, fetch: LockedFetch) -> None:
        if fetch.key.method == "HEAD":
            # It has no content of its own.
            return
        place = (fetch.key, fetch.occurrence)
        location = next((v for n, v in fetch.headers if n == "location"), "")
        content = (fetch.status, str(fetch.digest), location)
        found = identify(fetch)
        if isinstance(found, Package) and fetch.status < 300:
            self.packages[fetch.key.url] = found
            if not found.auxiliary:
                version = found.version or str(fetch.digest)
                self._note((found.ecosystem, found.name), version, fetch.key.url)
            if fetch.key.repeatable:
                file = urlsplit(fetch.key.url).path.rpartition("/")[2]
                identity = (found.ecosystem, found.name, found.version, file)
                self.files.setdefault(identity, set()).add((fetch.key.url, str(fetch.digest)))
        elif isinstance(found, Index) or fetch.status >= 300 or not fetch.key.repeatable:
            self.moving.setdefault(place, set()).add(content)
            return
        else:
            self._note((_URL, fetch.key.url), None, fetch.key.url)
        # A branch moves; a commit does not, which `files` shows. A server packs as it likes.
        if fetch.key.method != GIT and fetch.key.repeatable:
            self.fixed.setdefault(place, set()).add(content)

    def _note(self, name: tuple[str, str], version: str | None, url: str) -> None:
        versions = self.versions.setdefault(name, set())
        if version is not None:
            versions.add(version)
        self.urls.setdefault(name, set()).add(url)


def _suspicions(before: _Inputs, after: _Inputs) -> list[InputChange]:
    changes = []
    told = set()
    for place in sorted(before.fixed.keys() & after.fixed.keys(), key=_place_order):
        old, new = ({content[1] for content in side.fixed[place]} for side in (before, after))
        # What one of several platforms was given before is nothing new.
        if new <= old:
            continue
        url = place[0].url
        package = after.packages.get(url)
        told.add(url)
        changes.append(
            InputChange(
                ChangeKind.SUSPICIOUS,
                package.ecosystem if package else _URL,
                f"{package.name} {package.version}" if package else url,
                tuple(sorted(old)),
                tuple(sorted(new)),
                (url,),
            )
        )
    for identity in sorted(before.files.keys() & after.files.keys()):
        old, new = ({digest for _, digest in side.files[identity]} for side in (before, after))
        urls = tuple(sorted({url for side in (before, after) for url, _ in side.files[identity]}))
        if old & new or told & set(urls):
            continue
        ecosystem, name, version, _ = identity
        changes.append(
            InputChange(
                ChangeKind.SUSPICIOUS,
                ecosystem,
                f"{name} {version}",
                tuple(sorted(old)),
                tuple(sorted(new)),
                urls,
            )
        )
    return changes


def _package_changes(
    before: Mapping[tuple[str, str], set[str]], after: Mapping[tuple[str, str], set[str]]
) -> list[InputChange]:
    changes = []
    for ecosystem, name in sorted(before.keys() | after.keys()):
        known = ecosystems().get(ecosystem)
        compare = known.compare if known else _equal
        had, has = before.get((ecosystem, name)), after.get((ecosystem, name))
        if had is None or has is None:
            kind = ChangeKind.ADDED if had is None else ChangeKind.REMOVED
            old, new = (_ordered(versions or (), compare) for versions in (had, has))
            changes.append(InputChange(kind, ecosystem, name, old, new))
        elif had != has:
            old, new = _ordered(had - has, compare), _ordered(has - had, compare)
            changes.append(InputChange(_kind(old, new, compare), ecosystem, name, old, new))
    return changes


def _kind(old: tuple[str, ...], new: tuple[str, ...], compare: Compare) -> ChangeKind:
    if not old or not new:
        return ChangeKind.REMOVED if old else ChangeKind.ADDED
    order = compare(old[-1], new[-1])
    if len(old) > 1 or len(new) > 1 or not order:
        return ChangeKind.CHANGED
    return ChangeKind.UPGRADED if order < 0 else ChangeKind.DOWNGRADED


def _ordered(versions: Iterable[str], compare: Compare) -> tuple[str, ...]:
    """Order versions where their order is known, else bytewise."""

    def order(one: str, other: str) -> int:
        return compare(one, other) or 0

    return tuple(sorted(sorted(versions), key=cmp_to_key(order)))


def _equal(one: str, other: str) -> int | None:
    return 0 if one == other else None


def _moved_changes(before: _Inputs, after: _Inputs) -> list[InputChange]:
    """Tell which of the moving answers in both locks are other ones; new and old ones say nothing.

    An index that is asked for the first time is not news, what was fetched because of it is.
    """
    urls = {
        place[0].url
        for place in before.moving.keys() & after.moving.keys()
        if before.moving[place] != after.moving[place]
    }
    # A page that was an error, or a redirect that became the thing itself.
    urls |= {place[0].url for place in before.moving.keys() & after.fixed.keys()}
    urls |= {place[0].url for place in before.fixed.keys() & after.moving.keys()}
    return [InputChange(ChangeKind.MOVED, _URL, url) for url in sorted(urls)]


def _setting_changes(old: Lock, new: Lock) -> tuple[SettingChange, ...]:
    before, after = _settings(old), _settings(new)
    subjects = [*after, *(subject for subject in before if subject not in after)]
    return tuple(
        SettingChange(subject, before.get(subject), after.get(subject))
        for subject in subjects
        if before.get(subject) != after.get(subject)
    )


def _settings(lock: Lock) -> dict[str, str]:
    recipe = lock.recipe
    facts = {
        "version": str(lock.version),
        "canonical form": str(lock.canonical_form),
        "normalisers": str(lock.normalisers),
        "environment": str(lock.environment),
        "epoch": str(lock.epoch),
        "instructions": str(recipe.instructions),
        "platforms": ", ".join(str(platform) for platform in recipe.platforms),
    }
    if recipe.target is not None:
        facts["target"] = recipe.target
    facts |= {f"normaliser {name}": "off" for name in recipe.normalising.off}
    facts |= {f"normalising of {path}": "off" for path in recipe.normalising.keep}
    facts |= {
        f"rule for {rule.path}": f"{rule.action}: {rule.reason}"
        for rule in recipe.normalising.rules
    }
    facts |= {
        f"hardening {variable.language}, {variable.name}": f"{variable.mode} {variable.value!r}"
        for variable in recipe.hardening.variables
    }
    if recipe.hardening.strip:
        facts["strip"] = "yes"
    facts |= {f"build arg {name}": repr(value) for name, value in recipe.build_args}
    if lock.inputs is not None:
        facts["inputs"] = str(lock.inputs)
    return facts


def _details(old: Lock, new: Lock, told: set[str]) -> int:
    """Count the requests that are not answered alike, or not in both, and of which nothing says."""
    before, after = _by_place(old), _by_place(new)
    return sum(
        before.get(place) != after.get(place)
        for place in before.keys() | after.keys()
        if place[0].url not in told
    )


def _by_place(lock: Lock) -> dict[_Place, set[LockedFetch]]:
    found: dict[_Place, set[LockedFetch]] = {}
    for fetch in lock.fetches:
        found.setdefault((fetch.key, fetch.occurrence), set()).add(fetch)
    return found


def _place_order(place: _Place) -> tuple[str, str, str, str, int]:
    key, occurrence = place
    return key.url, key.method, key.accept, str(key.body or ""), occurrence


def _change_order(change: InputChange) -> tuple[int, bool, bool, str, str]:
    """Order by kind, then bases first and plain URLs last."""
    kind = _KINDS.index(change.kind)
    return (
        kind,
        change.ecosystem == _URL,
        change.ecosystem != BASE_IMAGE,
        change.ecosystem,
        change.name,
    )
