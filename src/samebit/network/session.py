"""The network of one build: what the engine binds into steps, and what was asked in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from samebit.lock.fetch import LockedFetch
from samebit.model.platform import Platform
from samebit.network.authority import Authority
from samebit.network.gateway import Gateway
from samebit.network.library import Library
from samebit.network.names import Names
from samebit.network.namespaces import GATEWAY_ADDRESS
from samebit.network.problems import Problem
from samebit.network.recording import Recording
from samebit.network.services import Services
from samebit.network.silence import Silence
from samebit.network.trust import Companion, write_trust
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.network.exchanges import Exchanges

# More bytes than any marker has.
_MARKER = 4096
RESOLVER_PATH = "/etc/resolv.conf"
_RESOLVER = f"nameserver {GATEWAY_ADDRESS}\noptions timeout:30 attempts:2\n"


@dataclass(frozen=True, slots=True)
class Network:
    """What steps get. `namespace` is a path, `files` are by their path inside a step.

    The running step's marker is to be written to the file `marker`. `variables` are set where they
    are absent.
    """

    namespace: str
    files: Mapping[str, Path]
    resolver: Path
    variables: Mapping[str, str]
    companions: tuple[Companion, ...]
    marker: Path
    names: Names
    library: Library
    exchanges: Callable[[], Exchanges]
    silence: Silence
    gateway: Gateway

    def problems(self) -> tuple[Problem, ...]:
        """Give what was asked and could not be given.

        Raises what ended a recording and is no answer of the network, MachineError for a full disk.
        """
        self.gateway.raise_crash()
        return (*self.library.problems(), *self.silence.problems())

    def fetches(self) -> tuple[LockedFetch, ...]:
        """Give what was asked and given."""
        return self.library.used()


@contextmanager
def open_network(
    store: Store,
    fetches: tuple[LockedFetch, ...],
    platform: Platform,
    private: Path,
    *,
    record: bool,
    environment: Mapping[str, str],
    addresses: int = 0,
) -> Iterator[Network]:
    """Open the network of a build, until the context ends; with `record` misses are recorded.

    `environment` names the proxies that upstream is reached by. `private` is a directory of this
    build alone. `addresses` is the number of the build's own ones, 0 for the usual ones. Raises
    MachineError where the machine cannot.
    """
    authority = Authority(private)
    # A recording that goes on from an old lock gives indexes of the past, too.
    past = not record or bool(fetches)
    trust = write_trust(authority.pem, authority.der, private, replays=past)
    resolver = private / "resolv.conf"
    resolver.write_text(_RESOLVER, "ascii")
    resolver.chmod(0o644)
    marker = private / "step"
    marker.write_text("", "ascii")
    # It is written in place, and read for each request.
    marked = os.open(marker, os.O_RDONLY | os.O_CLOEXEC)
    silence = Silence()
    with ExitStack() as stack:
        stack.callback(os.close, marked)
        recording = Recording(store, fetches, platform, record=record, environment=environment)
        services = Services(
            library=recording.library,
            exchanges=recording.exchanges,
            names=Names(),
            authority=authority,
            silence=silence,
            instruction=lambda: os.pread(marked, _MARKER, 0).decode("ascii").rstrip(),
            abort=recording.close,
            spool=private,
        )
        gateway = Gateway(services, inside=not record, addresses=addresses)
        stack.callback(gateway.close)
        namespace = gateway.start()
        yield Network(
            namespace=namespace,
            files=trust.files,
            resolver=resolver,
            variables=trust.variables,
            companions=trust.companions,
            marker=marker,
            names=services.names,
            library=recording.library,
            exchanges=recording.exchanges,
            silence=silence,
            gateway=gateway,
        )
