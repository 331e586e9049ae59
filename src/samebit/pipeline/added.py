"""What ADD takes from the network, recorded and replayed like everything that RUN asks for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from samebit import __version__
from samebit.context.fetch_git import Checkout, checkout, normalise, redact_remote
from samebit.dockerfile.lowering_model import FetchGit, FetchUrl
from samebit.errors import InputError, MachineError, Place, SamebitError
from samebit.lock.fetch import FetchKey, LockedFetch
from samebit.lock.git_fetch import commit_header, commit_of, git_key
from samebit.lock.redaction import redact_url
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.network.exchanges import Exchanges
from samebit.network.library import Asker, Library
from samebit.network.messages import Answer, Ask
from samebit.network.player import DamagedError
from samebit.network.problems import Problem, ProblemKind
from samebit.network.upstream import Origin
from samebit.pipeline.git_archive import archive, unpack
from samebit.store.removal import remove_tree
from samebit.store.store import Store

_REDIRECTS = 20
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What may stand in a request as it is; everything else is percent-encoded.
_SENT_AS_IS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


class Additions:
    """Fetches for the ADD instructions of one build of one platform.

    `failure` words what could not be given as the error that the build ends with.
    """

    def __init__(
        self,
        store: Store,
        library: Library,
        exchanges: Exchanges,
        platform: Platform,
        failure: Callable[[], SamebitError | None],
    ) -> None:
        self._store = store
        self._library = library
        self._exchanges = exchanges
        self._platform = platform
        self._failure = failure

    def download(self, material: FetchUrl, target: Path) -> None:
        """Save what a URL gives; on InputError, LockError or MachineError `target` is gone."""
        try:
            digest = self._download(material.url, target, material.step, material.place)
            _require_digest(material, digest)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def checkout(self, material: FetchGit, target: Path, epoch: int) -> None:
        """Check out a repository's commit. Raises InputError, LockError, MachineError."""
        key = git_key(
            material.remote,
            ref=material.ref,
            subdir=material.subdir,
            keep_git_dir=material.keep_git_dir,
            submodules=material.submodules,
        )
        asker = Asker(material.step, material.remote)
        known = self._library.find(key, 0)
        if known is None:
            if not self._library.record:
                raise self._miss(key, material)
            done = checkout(material, target, epoch)
            self._library.add(self._recorded(key, material, done, target), asker)
            return
        commit = commit_of(known)
        _require_checksum(material, commit)
        self._library.use(known, key, asker)
        if not self._store.has(known.digest):
            self._again(material, known, commit, target, epoch)
        with self._store.open_verified(known.digest) as stream:
            unpack(stream, target)
        normalise(target, epoch)

    def _download(self, url: str, target: Path, step: str, place: Place) -> Digest:
        asked = url
        for _ in range(_REDIRECTS):
            with self._exchanges.answering(_ask(asked, step, place)) as answer:
                location = next((v for n, v in answer.headers if n.lower() == "location"), None)
                if location is not None and 300 <= answer.status < 400:
                    _drain(answer)
                    asked = urljoin(asked, location)
                    continue
                if answer.status != 200:
                    _drain(answer)
                    raise self._refused(url, answer, place)
                try:
                    return _save(url, answer, target, place)
                except DamagedError as error:
                    raise self._failure() or InputError(
                        f"{redact_url(url)} cannot be fetched: {error}", where=place
                    ) from error
        raise InputError(
            f"{redact_url(url)} redirects in circles", where=place, fix="check the address"
        )

    def _refused(self, url: str, answer: Answer, place: Place) -> SamebitError:
        return self._failure() or InputError(
            f"{redact_url(url)} cannot be fetched: the server answered {answer.status}"
            f" {answer.reason}",
            where=place,
            fix="check the address",
        )

    def _miss(self, key: FetchKey, material: FetchGit) -> SamebitError:
        self._library.note(
            Problem(
                ProblemKind.MISS,
                material.step,
                str(key),
                "is not in the lock",
                self._library.nearest(key),
            )
        )
        error = self._failure()
        assert error is not None
        return error

    def _recorded(
        self, key: FetchKey, source: FetchGit, result: Checkout, target: Path
    ) -> LockedFetch:
        digest, size = self._store_archive(target)
        return LockedFetch(
            key=key,
            instruction=source.step,
            platforms=(self._platform,),
            headers=commit_header(result.commit),
            digest=digest,
            size=size,
        )

    def _store_archive(self, target: Path) -> tuple[Digest, int]:
        with self._store.writer() as writer:
            for piece in archive(target):
                writer.write(piece)
            return writer.commit()

    def _again(
        self, source: FetchGit, known: LockedFetch, commit: str, target: Path, epoch: int
    ) -> None:
        """Bring a lost archive back: the commit is known, whatever the ref means now."""
        lost = target.with_name(target.name + ".lost")
        try:
            checkout(replace(source, ref=commit, checksum=commit), lost, epoch)
            digest, _ = self._store_archive(lost)
        finally:
            remove_tree(lost)
        if digest != known.digest:
            raise InputError(
                f"the recorded checkout of {known.key} is not in the store, and commit {commit}"
                " gives another one here",
                where=source.place,
                fix="bring it with `samebit inputs pull`, or record it anew: samebit lock --update",
                detail=f"expected {known.digest}\nfound    {digest}",
            )


def _require_digest(material: FetchUrl, digest: Digest) -> None:
    if material.checksum is not None and digest != material.checksum:
        raise InputError(
            f"{redact_url(material.url)} does not have the checksum that --checksum gives",
            where=material.place,
            fix="find out why the file changed before you change the checksum",
            detail=f"expected {material.checksum}\nfound    {digest}",
        )


def _require_checksum(source: FetchGit, commit: str) -> None:
    if source.checksum and not commit.startswith(source.checksum.lower()):
        raise InputError(
            f"{redact_remote(source.remote)} is not at the commit that --checksum gives",
            where=source.place,
            fix="find out why it moved before you change the checksum",
            detail=f"expected {source.checksum}\nfound    {commit}",
        )


def _ask(url: str, step: str, place: Place) -> Ask:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except (ValueError, UnicodeError):
        host, port = "", 0
    if not host or not port:
        raise InputError(
            "a URL leads to what is no HTTP address", where=place, fix="check the address"
        )
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port == _DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    target = quote(parts.path or "/", safe=_SENT_AS_IS)
    if parts.query:
        target += "?" + quote(parts.query, safe=_SENT_AS_IS)
    headers = [("Host", netloc), ("Accept", "*/*"), ("User-Agent", f"samebit/{__version__}")]
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}"))
    return Ask(
        method="GET",
        url=f"{parts.scheme}://{netloc}{target}",
        target=target,
        headers=tuple(headers),
        body=None,
        origin=Origin(parts.scheme, host, port),
        instruction=step,
    )


def _save(url: str, answer: Answer, target: Path, place: Place) -> Digest:
    hasher = hashlib.sha256()
    try:
        with target.open("xb") as output:
            for piece in answer.content:
                hasher.update(piece)
                output.write(piece)
    except OSError as error:
        raise MachineError(
            f"{redact_url(url)} cannot be saved: {error.strerror}",
            where=place,
            fix="free some space",
        ) from error
    return Digest(hasher.hexdigest())


def _drain(answer: Answer) -> None:
    """Read a body that nobody wants: a recording is complete only then."""
    for _ in answer.content:
        pass
