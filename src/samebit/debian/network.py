"""Another network than the host's for mmdebstrap(1): namespaces(7), and what apt has to be told."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import MachineError

# Each pair is a file and what it is bound over, up to the first empty word.
_ENTER = """\
while [ -n "$1" ]; do mount --bind -- "$1" "$2" || exit 1; shift 2; done
shift; exec "$@"
"""
_RESOLVER = "/etc/resolv.conf"
_HOSTS = "/etc/hosts"
_SWITCH = "/etc/nsswitch.conf"
# The host's own way to find names must not answer: a cache or a resolver behind a socket.
_SWITCH_TEXT = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
_HOSTS_TEXT = "127.0.0.1 localhost\n"
_SOCKETS = ("/run/nscd", "/var/run/nscd")


@dataclass(frozen=True, slots=True)
class ArchiveNetwork:
    """A network namespace by its path, and the files that make programs find their way in it.

    `resolver` is its resolv.conf. `authority` is the certificate (a PEM file) that vouches for
    servers in it. `private` is a directory for more such files. `replays` says that what is served
    was recorded in the past.
    """

    namespace: str
    resolver: Path
    authority: Path
    private: Path
    replays: bool


def place_apt_options(network: ArchiveNetwork, scratch: Path) -> list[str]:
    """Write what apt has to be told below `scratch`; gives the options for mmdebstrap.

    They go into the configuration that mmdebstrap makes outside of the tree, so that nothing of
    them is in the image, not even for a time.
    """
    # Not in the private directory: apt's own user reads it.
    authority = scratch / "authority.pem"
    shutil.copyfile(network.authority, authority)
    authority.chmod(0o644)
    lines = [f'Acquire::https::CaInfo "{authority}";']
    if network.replays:
        # An index of the past is what is wanted.
        lines.append('Acquire::Check-Valid-Until "false";')
    told = scratch / "apt.conf"
    told.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return [f'--setup-hook=cat {shlex.quote(str(told))} >> "$MMDEBSTRAP_APT_CONFIG"']


def enter_network(network: ArchiveNetwork, command: list[str]) -> list[str]:
    """Give the command line that runs `command` in that network, with a mount namespace of its own.

    Only for root, of the machine or of a user namespace that made the network. Raises MachineError.
    """
    binds = [word for target, source in _bound(network).items() for word in (str(source), target)]
    return [
        "nsenter",
        f"--net={network.namespace}",
        "--",
        "unshare",
        "--mount",
        "--",
        "sh",
        "-c",
        _ENTER,
        "sh",
        *binds,
        "",
        *command,
    ]


def _bound(network: ArchiveNetwork) -> Mapping[str, Path]:
    hosts, switch = network.private / "hosts", network.private / "nsswitch.conf"
    nothing = network.private / "nothing"
    for path, text in ((hosts, _HOSTS_TEXT), (switch, _SWITCH_TEXT)):
        path.write_text(text, "ascii")
        path.chmod(0o644)
    nothing.mkdir(exist_ok=True)
    if not os.path.isfile(_RESOLVER):
        raise MachineError(
            f"there is no {_RESOLVER} in whose place another can be put",
            fix=f"make an empty one: touch {_RESOLVER}",
        )
    files = {_RESOLVER: network.resolver, _HOSTS: hosts, _SWITCH: switch}
    found = {target: source for target, source in files.items() if os.path.isfile(target)}
    return found | {target: nothing for target in _SOCKETS if os.path.isdir(target)}
