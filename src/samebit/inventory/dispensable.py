"""Kinds of files that a running container seldom needs, recognised by their places."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its name, what it is, and which paths (relative to the root) are of it."""

    name: str
    meaning: str
    paths: re.Pattern[bytes]


_HOME = rb"(?:root|home/[^/]+)"

# A file is of the first kind that fits it.
KINDS = (
    Kind(
        "package-cache",
        "what package managers keep for the next time",
        re.compile(
            rb"var/cache/(?:apt|apk|dnf|yum|zypp|pacman|debconf)/.+|var/lib/apt/lists/.+|etc/apk/cache/.+"
            rb"|%b/\.(?:cache|npm|m2/repository|gradle/caches|cargo/registry|bundle/cache|composer/cache)/.+"
            rb"|(?:%b/)?go/pkg/mod/.+|usr/local/(?:cargo/registry|share/\.cache)/.+"
            % (_HOME, _HOME)
        ),
    ),
    Kind("log", "logs of the build", re.compile(rb"var/log/.+")),
    Kind("manual", "manual pages", re.compile(rb"usr/(?:local/)?share/man/.+")),
    Kind(
        "documentation",
        "documentation (licences in it may have to stay)",
        re.compile(rb"usr/(?:local/)?share/(?:doc|info|gtk-doc|help)/.+"),
    ),
    Kind(
        "translation",
        "messages and locales of other languages",
        re.compile(rb"usr/(?:local/)?share/(?:locale|i18n)/.+|usr/lib/locale/.+"),
    ),
    Kind(
        "header",
        "header files and what links against libraries",
        re.compile(
            rb"usr/(?:local/)?include/.+|(?:.+/)?pkgconfig/[^/]+\.pc|(?:usr/)?(?:local/)?lib/.+\.(?:a|la)"
        ),
    ),
    Kind(
        "build-tool",
        "compilers, linkers and build tools",
        re.compile(
            rb"usr/(?:local/)?bin/(?:[\w.]+-linux-(?:gnu|musl)[\w]*-)?(?:gcc|g\+\+|cc|c\+\+|cpp|c89|c99"
            rb"|ld|ld\.bfd|ld\.gold|as|ar|nm|objcopy|objdump|ranlib|strip|readelf|make|gmake|cmake|ninja"
            rb"|meson|automake|autoconf|m4|bison|flex|clang|clang\+\+|rustc|cargo|javac|gdb)(?:-[\d.]+)?"
            rb"|usr/lib(?:exec)?/(?:gcc|llvm-\d+|rustlib)/.+\.(?:o|a|plugin|so)|usr/lib(?:exec)?/gcc/.+/(?:cc1|cc1plus|lto1|collect2|lto-wrapper)"
            rb"|usr/(?:local/go|lib/go-[\d.]+)/.+|usr/local/rustup/.+"
        ),
    ),
)


# Most files are of no kind, and an image has tens of thousands.
_ANY = re.compile(b"|".join(b"(?:%b)" % kind.paths.pattern for kind in KINDS))


def kind_of(path: bytes) -> Kind | None:
    """Give the kind of a file, None for those that may well serve."""
    if not _ANY.fullmatch(path):
        return None
    for kind in KINDS:
        if kind.paths.fullmatch(path):
            return kind
    return None
