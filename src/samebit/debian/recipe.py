"""What a Debian base image is made from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samebit.errors import UsageError
from samebit.model.platform import Platform

VARIANTS = ("essential", "apt", "required", "minbase", "important", "standard")
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
class DebianBase:
    """A recipe: the suite, the variant of mmdebstrap(1), and packages beyond it.

    `include` is held sorted and without repetitions, so that the order in which a person wrote it
    does not matter. No `mirror` means mmdebstrap's own default with its security and update suites.
    Raises UsageError for a value that mmdebstrap could take for something else.
    """

    suite: str
    variant: str = DEFAULT_VARIANT
    include: tuple[str, ...] = ()
    platform: Platform | None = None
    mirror: str | None = None
    components: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _SUITE.match(self.suite):
            raise UsageError(
                f"not a Debian suite: {self.suite!r}", fix="write a name such as bookworm or trixie"
            )
        if self.variant not in VARIANTS:
            raise UsageError(
                f"not a variant: {self.variant!r}", fix=f"choose one of {', '.join(VARIANTS)}"
            )
        for package in self.include:
            if not _PACKAGE.match(package):
                raise UsageError(
                    f"not a Debian package name: {package!r}",
                    fix="write NAME, NAME=VERSION or NAME/SUITE; separate packages by commas",
                )
        for component in self.components:
            if not _COMPONENT.match(component):
                raise UsageError(
                    f"not an archive component: {component!r}", fix="write names such as main"
                )
        if self.mirror is not None:
            _check_mirror(self.mirror)
        object.__setattr__(self, "include", tuple(sorted(set(self.include))))
        if self.target not in _ARCHITECTURES:
            raise UsageError(
                f"Debian has no architecture for the platform {self.target}",
                fix=f"choose one of {', '.join(map(str, _ARCHITECTURES))}",
            )

    @property
    def target(self) -> Platform:
        """The platform of the image: the recipe's, else this machine's."""
        return self.platform or Platform.native()

    @property
    def architecture(self) -> str:
        """Debian's name of the platform, for example `arm64`."""
        return _ARCHITECTURES[self.target]

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


def _check_mirror(mirror: str) -> None:
    if not _MIRROR.match(mirror):
        raise UsageError(
            f"not a mirror: {mirror!r}", fix="write a URL such as https://mirror.example.org/debian"
        )
    if _CREDENTIALS.search(mirror):
        raise UsageError(
            "the mirror's URL holds credentials, which would end up in the image",
            fix="give apt its credentials by other means, e.g. a local proxy",
        )
