"""The registry client: resolve, pull and push, over mirrors and with the user's configuration."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from samebit.errors import InputError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.connections import Connections, Patience
from samebit.registry.credentials import find_credentials
from samebit.registry.endpoint import Endpoint
from samebit.registry.failures import NotFoundError, UnservedError
from samebit.registry.pull import Progress, Resolved, pull_blob, pull_manifest
from samebit.registry.push import push_image
from samebit.registry.referrers import attach
from samebit.registry.registries_conf import RegistriesConf, load_registries_conf
from samebit.registry.session import Session
from samebit.store.store import Store

_T = TypeVar("_T")


class RegistryClient:
    """Talks to registries as this user may; safe between threads, close it after use.

    `environment` gives the paths of credentials and certificates, `configuration` what
    registries.conf says (read from the environment when None). Methods raise InputError when a
    registry cannot be reached (UnavailableError), lacks something (NotFoundError), refuses
    (DeniedError) or lies; UsageError and MachineError when this user's files or machine are at
    fault.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        configuration: RegistriesConf | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._configuration = (
            load_registries_conf(self._environment) if configuration is None else configuration
        )
        self._patience = patience or Patience()
        self._connections = Connections(self._environment, self._patience)
        self._sessions: dict[tuple[Endpoint, tuple[str, ...]], Session] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

    def candidates(self, text: str) -> tuple[Reference, ...]:
        """Give the references that a name may mean, by registries.conf's short names."""
        return self._configuration.candidates(text)

    def find(self, text: str, store: Store | None = None) -> Resolved:
        """Resolve what a person or a Dockerfile wrote: the first candidate that is served."""
        return _first([_resolver(self, reference, store) for reference in self.candidates(text)])

    def resolve(self, reference: Reference, store: Store | None = None) -> Resolved:
        """Get the manifest or index that a reference means, bytes as served and checked.

        With a store, bytes that it has already are not transferred again, and a reference with a
        digest needs no registry then. Nothing is added to the store.
        """
        return self._over_endpoints(
            reference, lambda session: pull_manifest(session, reference, store)
        )

    def pull_blob(
        self,
        reference: Reference,
        descriptor: Descriptor,
        store: Store,
        progress: Progress | None = None,
    ) -> None:
        """Stream a blob of the image `reference` into the store, unless it is there already."""
        digest = descriptor.digest
        # A file that a full disk or a power cut shortened is no blob.
        if not store.has(digest) or store.size(digest) != descriptor.size:
            self._over_endpoints(
                reference, lambda session: pull_blob(session, descriptor, store, progress)
            )

    def push(
        self,
        store: Store,
        descriptor: Descriptor,
        reference: Reference,
        mount_from: Iterable[Reference] = (),
        progress: Progress | None = None,
    ) -> None:
        """Send the image or index `descriptor` from the store, name it and read it back.

        Blobs that a repository of `mount_from` has on the same registry are mounted, not sent.
        """
        endpoint = self._configuration.push_endpoint(reference)
        repositories = sorted(
            {
                other.repository
                for other in mount_from
                if other.registry == reference.registry and other.repository != reference.repository
            }
        )
        scopes = [f"repository:{endpoint.repository}:pull,push"]
        scopes += [f"repository:{repository}:pull" for repository in repositories]
        session = self._session(endpoint, tuple(scopes))
        mounts = tuple(repositories)
        push_image(session, store, descriptor, reference, mount_from=mounts, progress=progress)

    def attach(
        self, reference: Reference, subject: Digest, referrer: Descriptor, artifact_type: str
    ) -> None:
        """Let a pushed manifest be found as a referrer of `subject`, in the same repository."""
        endpoint = self._configuration.push_endpoint(reference)
        scopes = (f"repository:{endpoint.repository}:pull,push",)
        attach(self._session(endpoint, scopes), subject, referrer, artifact_type)

    def _over_endpoints(self, reference: Reference, act: Callable[[Session], _T]) -> _T:
        endpoints = self._configuration.pull_endpoints(reference)
        return _first([self._bound(endpoint, act) for endpoint in endpoints])

    def _bound(self, endpoint: Endpoint, act: Callable[[Session], _T]) -> Callable[[], _T]:
        scopes = (f"repository:{endpoint.repository}:pull",)
        return lambda: act(self._session(endpoint, scopes))

    def _session(self, endpoint: Endpoint, scopes: tuple[str, ...]) -> Session:
        with self._lock:
            if (endpoint, scopes) not in self._sessions:
                self._sessions[endpoint, scopes] = Session(
                    endpoint,
                    scopes,
                    self._connections,
                    self._patience,
                    lambda place: find_credentials(place, self._environment),
                )
            return self._sessions[endpoint, scopes]


def _resolver(
    client: RegistryClient, reference: Reference, store: Store | None
) -> Callable[[], Resolved]:
    return lambda: client.resolve(reference, store)


def _first(ways: list[Callable[[], _T]]) -> _T:
    """Try the ways in order; a registry that lies ends it, one that does not serve does not."""
    failures: list[UnservedError] = []
    for way in ways:
        try:
            return way()
        except UnservedError as error:
            failures.append(error)
    # The most telling one: whoever could not be asked may have it.
    telling = next((f for f in reversed(failures) if not isinstance(f, NotFoundError)), None)
    last = telling or failures[-1]
    if len(failures) > 1:
        others = "\n".join(failure.what for failure in failures if failure is not last)
        raise type(last)(last.what, fix=last.fix, detail=others) from None
    if not failures:
        raise InputError("there is no registry to ask")
    raise last
