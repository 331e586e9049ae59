from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from samebit.configuration.named_image import NamedImage
from samebit.configuration.samebit_toml import (
    Configuration,
    find_configuration,
    parse_configuration,
    read_configuration,
)
from samebit.debian.recipe import VARIANTS, DebianBase
from samebit.errors import UsageError
from samebit.model.normalising import NormaliserChoices, PathRule
from samebit.model.platform import Platform
from samebit.model.reference import Reference

TEXT = """
[bases."debian.local/go:1"]
suite = "trixie"
include = ["golang", "ca-certificates", "golang", "gcc-12:arm64", "curl=7.88.1-10+deb12u1"]

[bases."debian.local/all"]
suite = "stable"
variant = "apt"
mirror = "https://deb.example.org/debian"
components = ["main", "contrib"]

[images.web]
context = "services/web"
file = "services/web/Dockerfile.prod"
target = "run"
platform = ["linux/arm64", "linux/amd64"]
tags = ["example.org/web:1", "web"]
[images.web.build-args]
VERSION = "2"
A = ""

[images.plain]
platform = "arm64"
"""


def parse(text: str) -> Configuration:
    return parse_configuration(text.encode(), Path("samebit.toml"))


def test_bases() -> None:
    configuration = parse(TEXT)
    go = configuration.base(Reference.parse("debian.local/go:1"))
    assert go == DebianBase(
        suite="trixie",
        include=("ca-certificates", "curl=7.88.1-10+deb12u1", "gcc-12:arm64", "golang"),
    )
    assert go is not None
    assert go.variant == "minbase"
    assert configuration.base(Reference.parse("debian.local/all:latest")) == DebianBase(
        suite="stable",
        variant="apt",
        mirror="https://deb.example.org/debian",
        components=("main", "contrib"),
    )
    assert configuration.base(Reference.parse("debian:12")) is None


def test_images() -> None:
    configuration = parse(TEXT)
    assert configuration.image("web") == NamedImage(
        name="web",
        context="services/web",
        file="services/web/Dockerfile.prod",
        target="run",
        platforms=(Platform("linux", "amd64"), Platform("linux", "arm64")),
        build_args=(("A", ""), ("VERSION", "2")),
        tags=(Reference.parse("example.org/web:1"), Reference.parse("web")),
    )
    assert configuration.image("plain") == NamedImage(
        "plain", platforms=(Platform("linux", "arm64"),)
    )
    with pytest.raises(UsageError, match="no image named 'wed'") as caught:
        configuration.image("wed")
    assert caught.value.fix == "did you mean 'web'?"


BASE = '[bases."x:1"]\nsuite = "sid"\n'


@pytest.mark.parametrize(
    ("text", "line", "message", "fix"),
    [
        ("[base]", 1, "base is not a known key", "did you mean 'bases'?"),
        ("[policies]", 1, "policies is not a known key", None),
        ("bases = 1", 1, "bases must be a table", None),
        ('[bases."x:1"]\n', 1, 'bases."x:1".suite is missing', None),
        (BASE + 'varient = "apt"', 3, "varient is not a known key", "did you mean 'variant'?"),
        (BASE + 'variant = "minibase"', 3, "not a variant", "did you mean 'minbase'?"),
        ('[bases."x:1"]\nsuite = "--help"', 2, "not a Debian suite: '--help'", None),
        ('[bases."x:1"]\nsuite = ["sid"]', 2, "suite must be a string", None),
        (BASE + 'include = "a"', 3, "include must be an array of strings", None),
        (BASE + 'include = ["gcc", "-o=x"]', 3, "not a Debian package name: '-o=x'", None),
        (BASE + 'include = ["a b"]', 3, "not a Debian package name", None),
        (BASE + 'include = ["./a.deb"]', 3, "not a Debian package name", None),
        (BASE + 'mirror = "https://u:p@deb.example.org"', 3, "holds credentials", None),
        (BASE + 'mirror = "deb https://deb.example.org sid"', 3, "not a mirror", "write a URL"),
        (BASE + 'components = ["main contrib"]', 3, "not an archive component", None),
        (BASE + 'architecture = "x86_64"', 3, "is not a known key", None),
        ('[bases."X Y"]\nsuite = "sid"', 1, "is not an image reference", None),
        (f'[bases."x@sha256:{"0" * 64}"]\nsuite = "sid"', 1, "names a digest", "use a name"),
        (
            BASE + '[bases."docker.io/library/x:1"]\nsuite = "sid"',
            3,
            "is declared twice: both names mean docker.io/library/x:1",
            None,
        ),
        ("[images.a]\ncontxt = 'x'", 2, "contxt is not a known key", "did you mean 'context'?"),
        ("[images.a]\ncontext = ''", 2, "is not a path", None),
        ("[images.a]\nplatform = 'a/b/c/d'", 2, "not a platform", None),
        ("[images.a]\nplatform = 1", 2, "must be an array of strings", None),
        ("[images.a.build-args]\nA = 1", 2, "images.a.build-args.A must be a string", None),
        ("[images.a.build-args]\n'A B' = ''", 2, "is not a variable's name", None),
        ("[images.a]\ntags = [\n'ok',\n'No',\n]", 2, "is not an image reference", None),
        ("[images.'-a']\n", 1, "is not a name", None),
        ("a = 1\nb = = 2", 2, "not valid TOML", None),
    ],
)
def test_mistakes_have_a_line_and_advice(
    text: str, line: int, message: str, fix: str | None
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert message in caught.value.what
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == ("samebit.toml", line)
    if fix is not None:
        assert fix in (caught.value.fix or "")


def test_the_dockerfiles_folder_comes_before_the_context(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    assert find_configuration([first, second]) is None
    (second / "samebit.toml").write_text("")
    assert find_configuration([first, second]) == second / "samebit.toml"
    (first / "samebit.toml").write_text("")
    assert find_configuration([first, second]) == first / "samebit.toml"


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert read_configuration(None) == Configuration()
    with pytest.raises(UsageError, match="cannot read it"):
        read_configuration(tmp_path)
    with pytest.raises(UsageError, match="no image named"):
        read_configuration(None).image("web")


def test_the_documentation_is_true() -> None:
    text = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    example = parse(text.partition("```toml\n")[2].partition("```")[0])
    assert example.base(Reference.parse("debian.local/go:1")) is not None
    image = example.image("web")
    bases, rest = text.split("## `[images.")
    images, rest = rest.split("## `[normalise]")
    normalise, inputs = rest.split("## `[inputs]")
    keys = {line.split("`")[1] for line in bases.splitlines() if line.startswith("| `")}
    assert keys == {f.name for f in dataclasses.fields(DebianBase)} - {"platform"}
    keys = {line.split("`")[1] for line in images.splitlines() if line.startswith("| `")}
    written = {"platforms": "platform", "build_args": "build-args"}
    fields = {field.name for field in dataclasses.fields(image)} - {"name"}
    assert keys == {written.get(name, name) for name in fields}
    assert all(f"`{variant}`" in bases for variant in VARIANTS)
    keys = {line.split("`")[1] for line in normalise.splitlines() if line.startswith("| `")}
    rule = {f"rule.{field.name}" for field in dataclasses.fields(PathRule)}
    assert keys == rule | {f.name for f in dataclasses.fields(NormaliserChoices)} - {"rules"}
    choices = parse(normalise.partition("```toml\n")[2].partition("```")[0]).normalising
    assert choices.off
    assert choices.keep
    assert choices.rules
    assert "| `origins` |" in inputs
    assert parse('[inputs]\norigins = ["http://h.example"]\n').inputs_origins == (
        "http://h.example",
    )
