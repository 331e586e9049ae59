import pytest

from samebit.debian.tidy import Action, action
from samebit.image.entry import Kind


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        (b"", Kind.DIRECTORY, Action.KEEP),
        (b"dev", Kind.DIRECTORY, Action.KEEP),
        (b"dev/null", Kind.CHARACTER, Action.DROP),
        (b"dev/pts", Kind.DIRECTORY, Action.DROP),
        (b"dev/new\nline", Kind.FILE, Action.DROP),
        (b"developer", Kind.FILE, Action.KEEP),
        (b"etc/hostname", Kind.FILE, Action.DROP),
        (b"etc/resolv.conf", Kind.SYMLINK, Action.DROP),
        (b"etc/resolvXconf", Kind.FILE, Action.KEEP),
        (b"etc/apt/sources.list", Kind.FILE, Action.KEEP),
        (b"etc/apt/sources.list.d/debian.sources", Kind.FILE, Action.KEEP),
        (b"etc/machine-id", Kind.FILE, Action.EMPTY),
        (b"etc/machine-id", Kind.SYMLINK, Action.KEEP),
        (b"etc/shadow", Kind.FILE, Action.KEEP),
        (b"etc/shadow-", Kind.FILE, Action.DROP),
        (b"var/lib/dpkg/status", Kind.FILE, Action.KEEP),
        (b"var/lib/dpkg/status-old", Kind.FILE, Action.DROP),
        (b"var/lib/dpkg/info/x-old", Kind.FILE, Action.KEEP),
        (b"var/log", Kind.DIRECTORY, Action.KEEP),
        (b"var/log/apt", Kind.DIRECTORY, Action.KEEP),
        (b"var/log/apt/term.log", Kind.FILE, Action.DROP),
        (b"var/log/dpkg.log", Kind.FILE, Action.DROP),
        (b"var/log/wtmp", Kind.FILE, Action.EMPTY),
        (b"var/lib/apt/lists", Kind.DIRECTORY, Action.KEEP),
        (b"var/lib/apt/lists/partial", Kind.DIRECTORY, Action.DROP),
        (b"var/cache/apt/archives", Kind.DIRECTORY, Action.KEEP),
        (b"var/cache/apt/archives/partial", Kind.DIRECTORY, Action.DROP),
        (b"var/lib/apt/lists/archive_Packages", Kind.FILE, Action.DROP),
        (b"var/lib/apt/extended_states", Kind.FILE, Action.KEEP),
        (b"var/cache/apt/pkgcache.bin", Kind.FILE, Action.DROP),
        (b"var/cache/apt/archives/make.deb", Kind.FILE, Action.DROP),
        (b"var/cache/debconf/config.dat", Kind.FILE, Action.KEEP),
        (b"var/cache/debconf/config.dat-old", Kind.FILE, Action.DROP),
        (b"run/lock", Kind.DIRECTORY, Action.KEEP),
        (b"run/daemon.pid", Kind.FILE, Action.DROP),
        (b"tmp/left", Kind.DIRECTORY, Action.DROP),
    ],
)
def test_what_becomes_of_a_path(path: bytes, kind: Kind, expected: Action) -> None:
    assert action(path, kind) is expected
