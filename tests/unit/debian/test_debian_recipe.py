from dataclasses import replace

import pytest

from samebit.debian.recipe import DebianBase
from samebit.errors import UsageError
from samebit.model.platform import Platform

AMD64 = Platform("linux", "amd64")


def test_the_order_of_packages_does_not_matter() -> None:
    one = DebianBase("bookworm", include=("make", "gcc", "make"), platform=AMD64)
    assert one == DebianBase("bookworm", include=("gcc", "make"), platform=AMD64)
    assert one.include == ("gcc", "make")


def test_the_command_says_everything_but_the_platform() -> None:
    recipe = DebianBase(
        "bookworm",
        "apt",
        ("b2", "a1"),
        AMD64,
        "https://mirror.example.org/debian",
        ("main", "contrib"),
    )
    assert recipe.command() == (
        "samebit base debian --suite bookworm --variant apt --include a1,b2"
        " --components main,contrib --mirror https://mirror.example.org/debian"
    )
    assert DebianBase("sid").command() == "samebit base debian --suite sid --variant minbase"


@pytest.mark.parametrize(
    ("platform", "architecture"),
    [
        ("linux/amd64", "amd64"),
        ("linux/arm64/v8", "arm64"),
        ("linux/arm", "armhf"),
        ("linux/arm/v6", "armel"),
        ("linux/386", "i386"),
        ("linux/ppc64le", "ppc64el"),
    ],
)
def test_platforms_have_names_in_debian(platform: str, architecture: str) -> None:
    assert DebianBase("trixie", platform=Platform.parse(platform)).architecture == architecture


@pytest.mark.parametrize(
    "values",
    [
        {"suite": "--help"},
        {"suite": ""},
        {"suite": "Bookworm"},
        {"suite": "bookworm", "variant": "extract"},
        {"suite": "bookworm", "include": ("./local.deb",)},
        {"suite": "bookworm", "include": ("?priority(required)",)},
        {"suite": "bookworm", "include": ("a b",)},
        {"suite": "bookworm", "include": ("make\n",)},
        {"suite": "bookworm", "components": ("-main",)},
        {"suite": "bookworm", "mirror": "deb http://mirror.example.org/debian sid main"},
        {"suite": "bookworm", "mirror": "--aptopt=x"},
        {"suite": "bookworm", "mirror": "https://user:secret@mirror.example.org/debian"},
        {"suite": "bookworm", "platform": Platform("windows", "amd64")},
        {"suite": "bookworm", "platform": Platform("linux", "mips")},
    ],
)
def test_what_mmdebstrap_could_misread_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        DebianBase(**values)  # type: ignore[arg-type]
    assert caught.value.fix
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "package",
    ["g++", "libc6-dev", "gcc:amd64", "make=4.3-4.1", "curl/bookworm-backports", "ab=1:2~3"],
)
def test_what_apt_takes_is_taken(package: str) -> None:
    assert DebianBase("bookworm", include=(package,)).include == (package,)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"suite": "sid"}, False),
        ({"variant": "apt"}, False),
        ({"include": ("make",)}, False),
        ({"components": ("main",)}, False),
        # sources.list and the history name it, and a snapshot's URL says which packages there are.
        ({"mirror": "https://mirror.example.org/debian"}, False),
        # Locked beside the checksum.
        ({"platform": Platform("linux", "arm64")}, True),
    ],
)
def test_the_checksum_is_of_what_shows_in_the_image(
    *, changed: dict[str, object], same: bool
) -> None:
    recipe = DebianBase("trixie", platform=AMD64)
    other = replace(recipe, **changed)  # type: ignore[arg-type]
    assert (recipe.checksum == other.checksum) is same
    assert DebianBase("sid", include=("b1", "a1")).checksum == (
        DebianBase("sid", include=("a1", "b1", "a1")).checksum
    )
