"""What an installed tree holds that is no part of an image: traces of the host and of the run."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from samebit.image.entry import Kind


class Action(enum.Enum):
    """What becomes of an entry."""

    KEEP = "keep"
    EMPTY = "empty"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class _Rule:
    """`pattern` matches whole paths; directories are affected only if `directories` says so."""

    action: Action
    pattern: bytes
    directories: bool = False


# The first rule that matches decides. Directories stay where packages expect them.
_RULES = (
    # Runtimes populate /dev; nodes could not be unpacked by an ordinary user anyway.
    _Rule(Action.DROP, rb"dev/.*", directories=True),
    _Rule(Action.DROP, rb"(tmp|var/tmp)/.*", directories=True),
    _Rule(Action.DROP, rb"(run|var/run)/.*"),
    # Copied from the host for the installation; engines mount their own.
    _Rule(Action.DROP, rb"etc/(hostname|resolv\.conf)"),
    # systemd makes an identity at first boot only where the file is there and empty.
    _Rule(Action.EMPTY, rb"etc/machine-id"),
    _Rule(Action.DROP, rb"var/lib/dbus/machine-id"),
    _Rule(Action.DROP, rb"var/lib/systemd/(random-seed|credential\.secret)"),
    # login(1) and its kind record only into files that exist.
    _Rule(Action.EMPTY, rb"var/log/(btmp|faillog|lastlog|wtmp)"),
    _Rule(Action.DROP, rb"var/log/.*"),
    # Backups that say what was there before the last package.
    _Rule(Action.DROP, rb"etc/(passwd|group|shadow|gshadow|subuid|subgid)-"),
    _Rule(Action.DROP, rb"var/lib/dpkg/[^/]*-old"),
    _Rule(Action.DROP, rb"var/cache/debconf/[^/]*-old"),
    # Lock files are made anew by whoever locks.
    _Rule(Action.DROP, rb"etc/\.pwd\.lock"),
    _Rule(Action.DROP, rb"var/lib/dpkg/(lock|lock-frontend|triggers/Lock)"),
    # What apt fetches again and what its caches are computed from. The owner of `partial` says
    # whether apt's user could reach the host's temporary directory; apt makes it anew.
    _Rule(Action.DROP, rb"var/lib/apt/lists/.*", directories=True),
    _Rule(Action.DROP, rb"var/cache/apt/archives/.*", directories=True),
    _Rule(Action.DROP, rb"var/cache/apt/.*"),
    # Caches that hold mtimes and inode numbers of the tree they were made in.
    _Rule(Action.DROP, rb"var/cache/ldconfig/aux-cache"),
    _Rule(Action.DROP, rb"var/cache/fontconfig/.*"),
    # Traces of tools that maintainer scripts call.
    _Rule(Action.DROP, rb"root/\.(bash_history|wget-hsts|lesshst|gnupg/.*)"),
)
_COMPILED = tuple((rule, re.compile(rule.pattern, re.DOTALL)) for rule in _RULES)


def action(path: bytes, kind: Kind) -> Action:
    """Say what becomes of an entry; `path` has no leading slash."""
    for rule, pattern in _COMPILED:
        if pattern.fullmatch(path) and (rule.directories or kind is not Kind.DIRECTORY):
            return (
                Action.KEEP
                if rule.action is Action.EMPTY and kind is not Kind.FILE
                else rule.action
            )
    return Action.KEEP
