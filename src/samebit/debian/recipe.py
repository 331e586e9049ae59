"""What a Debian base image is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samebit.errors import UsageError
from samebit.model.digest import Digest
from samebit.model.platform import Platform

VARIANTS = ("essential", "apt", "required", "minbase", "buildd", "important", "standard")
DEFAULT_VARIANT = "minbase"

_ARCHITECTURES = {
    Platform("linux", "386"): "i386",
    Platform("linux", "amd64"): "amd64",
    Platform("linux", "arm", "v6"): "armel",
    Platform("linux", "arm", "v7"): "armhf",
    Platform("linux", "arm64"): "arm64",
    Platform("linux", "ppc64le"): "ppc64el",
    Platform("linux", "riscv64"): "riscv64",
    Platform("linux", "s390x"): "s390x",
}
_SUITE = re.compile(r"[a-z0-9][a-z0-9.+-]*(/[a-z0-9][a-z0-9.+-]*)?\Z")
_COMPONENT = re.compile(r"[a-z0-9][a-z0-9.+/-]*\Z")
# Debian Policy 5.6.1 and 5.6.12, with what apt-get install takes behind a name.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?([=/][A-Za-z0-9][A-Za-z0-9.+:~-]*)?\Z")
_MIRROR = re.compile(r"(https?|file)://[!-~]+\Z")
_CREDENTIALS = re.compile(r"://[^/]*@")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value of a recipe: the field, its position in a list, and the advice."""

    field: str
    position: int | None
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class DebianBase:
    """A recipe: the suite, the variant of mmdebstrap(1), and packages beyond it.

    `include` is held sorted and without repetitions, so that the order in which a person wrote it
    does not matter; the order of `components` is that of sources.list. No `platform` means this
    machine's, no `mirror` mmdebstrap's own default with its security and update suites. Raises
    UsageError for a value that mmdebstrap could take for something else.
    """

    suite: str
    variant: str = DEFAULT_VARIANT
    include: tuple[str, ...] = ()
    platform: Platform | None = None
    mirror: str | None = None
    components: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fault = find_fault(
            suite=self.suite,
            variant=self.variant,
            include=self.include,
            mirror=self.mirror,
            components=self.components,
        )
        if fault is not None:
            raise UsageError(fault.what, fix=fault.fix)
        object.__setattr__(self, "include", tuple(sorted(set(self.include))))
        if self.platform is not None:
            _architecture(self.platform)

    @property
    def checksum(self) -> Digest:
        """Compute what a lock remembers of the recipe, to notice that it changed.

        Everything that shows in the image is part of it; the platform is locked beside it.
        """
        value = [2, self.suite, self.variant, self.include, self.components, self.mirror]
        return Digest.of(json.dumps(value, separators=(",", ":")).encode("ascii"))

    @property
    def target(self) -> Platform:
        """The platform of the image: the recipe's, else this machine's."""
        return self.platform or Platform.native()

    @property
    def architecture(self) -> str:
        """Debian's name of the platform, for example `arm64`. Raises UsageError without one."""
        return _architecture(self.target)

    def command(self) -> str:
        """Word the recipe as the command that makes it, without the platform."""
        words = ["samebit base debian", f"--suite {self.suite}", f"--variant {self.variant}"]
        if self.include:
            words.append(f"--include {','.join(self.include)}")
        if self.components:
            words.append(f"--components {','.join(self.components)}")
        if self.mirror:
            words.append(f"--mirror {self.mirror}")
        return " ".join(words)


def _architecture(platform: Platform) -> str:
    try:
        return _ARCHITECTURES[platform]
    except KeyError:
        raise UsageError(
            f"Debian has no architecture for the platform {platform}",
            fix=f"choose one of {', '.join(map(str, _ARCHITECTURES))}",
        ) from None


def find_fault(
    *,
    suite: str,
    variant: str,
    include: Sequence[str],
    mirror: str | None,
    components: Sequence[str],
) -> Fault | None:
    """Give the first value that mmdebstrap could take for something else, None when all are fine.

    Every value becomes an argument of another program, so none may look like an option.
    """
    return next(_faults(suite, variant, include, mirror, components), None)


def _faults(
    suite: str,
    variant: str,
    include: Sequence[str],
    mirror: str | None,
    components: Sequence[str],
) -> Iterator[Fault]:
    if not _SUITE.match(suite):
        yield Fault(
            "suite", None, f"not a Debian suite: {suite!r}", "write a name, e.g. bookworm or trixie"
        )
    if variant not in VARIANTS:
        yield Fault(
            "variant", None, f"not a variant: {variant!r}", f"choose one of {', '.join(VARIANTS)}"
        )
    for position, package in enumerate(include):
        if not _PACKAGE.match(package):
            yield Fault(
                "include",
                position,
                f"not a Debian package name: {package!r}",
                "write NAME, NAME=VERSION or NAME/SUITE, one a package",
            )
    if mirror is not None and _CREDENTIALS.search(mirror):
        yield Fault(
            "mirror",
            None,
            "the mirror's URL holds credentials, which would end up in the image",
            "give apt its credentials by other means, e.g. a local proxy",
        )
    if mirror is not None and not _MIRROR.match(mirror):
        yield Fault(
            "mirror",
            None,
            f"not a mirror: {mirror!r}",
            "write a URL such as https://mirror.example.org/debian",
        )
    for position, component in enumerate(components):
        if not _COMPONENT.match(component):
            yield Fault(
                "components",
                position,
                f"not an archive component: {component!r}",
                "write names such as main",
            )
