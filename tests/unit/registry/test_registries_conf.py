from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from samebit.errors import InputError, UsageError
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.endpoint import Endpoint, is_loopback
from samebit.registry.registries_conf import RegistriesConf, load_registries_conf

Load = Callable[..., RegistriesConf]
DIGEST = Digest.of(b"x")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, **files: str) -> RegistriesConf:
        system = tmp_path / "etc"
        (system / "registries.conf.d").mkdir(parents=True, exist_ok=True)
        (system / "registries.conf").write_text(text)
        for name, content in files.items():
            (system / "registries.conf.d" / f"{name}.conf").write_text(content)
        return load_registries_conf({"HOME": str(tmp_path / "home")}, system=system)

    return load


def places(conf: RegistriesConf, text: str) -> list[str]:
    return [str(endpoint) for endpoint in conf.pull_endpoints(Reference.parse(text))]


EXAMPLE = """
[[registry]]
prefix = "example.org/foo"
location = "internal.example.org/bar"
[[registry.mirror]]
location = "m0.example.org/mirror-for-foo"
[[registry.mirror]]
location = "m1.example.org/mirrors/foo"
insecure = true

[[registry]]
location = "registry.example.org"
[[registry.mirror]]
location = "mirror.registry.example.org"
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "example.org/foo/image:1",
            [
                "m0.example.org/mirror-for-foo/image",
                "m1.example.org/mirrors/foo/image",
                "internal.example.org/bar/image",
            ],
        ),
        ("example.org/foobar/image:1", ["example.org/foobar/image"]),
        (
            "registry.example.org/image",
            ["mirror.registry.example.org/image", "registry.example.org/image"],
        ),
        ("registry.example.org:5000/image", ["registry.example.org:5000/image"]),
    ],
)
def test_mirrors_and_locations(load: Load, name: str, expected: list[str]) -> None:
    conf = load(EXAMPLE)
    assert places(conf, name) == expected


def test_insecure_belongs_to_one_place(load: Load) -> None:
    conf = load(EXAMPLE)
    endpoints = conf.pull_endpoints(Reference.parse("example.org/foo/image"))
    assert [endpoint.insecure for endpoint in endpoints] == [False, True, False]


def test_the_longest_prefix_wins_and_wildcards_match_subdomains(load: Load) -> None:
    conf = load(
        """
        [[registry]]
        prefix = "*.example.org"
        insecure = true
        [[registry]]
        prefix = "a.example.org/team"
        location = "b.example.net"
        [[registry]]
        prefix = "*.rewritten.org"
        location = "c.example.net/x"
        """
    )
    assert places(conf, "a.b.example.org:5000/x/y") == ["a.b.example.org:5000/x/y"]
    assert conf.pull_endpoints(Reference.parse("a.b.example.org:5000/x"))[0].insecure
    assert places(conf, "a.example.org/team/y") == ["b.example.net/y"]
    assert places(conf, "q.rewritten.org/team/y") == ["c.example.net/x/team/y"]
    assert not conf.pull_endpoints(Reference.parse("example.org/x"))[0].insecure
    assert not conf.pull_endpoints(Reference.parse("badexample.org/x"))[0].insecure


def test_mirrors_by_kind_of_reference(load: Load) -> None:
    conf = load(
        """
        [[registry]]
        location = "example.org"
        mirror = [
            { location = "d.example.org", pull-from-mirror = "digest-only" },
            { location = "t.example.org", pull-from-mirror = "tag-only" },
        ]
        """
    )
    assert places(conf, "example.org/x:1") == ["t.example.org/x", "example.org/x"]
    assert places(conf, f"example.org/x@{DIGEST}") == ["d.example.org/x", "example.org/x"]


def test_blocked(load: Load) -> None:
    conf = load('[[registry]]\nprefix = "example.org/bad"\nblocked = true\n')
    with pytest.raises(InputError, match="bad is blocked") as caught:
        places(conf, "example.org/bad/x")
    assert caught.value.where is not None
    assert caught.value.where.line == 1
    with pytest.raises(InputError, match="blocked"):
        conf.push_endpoint(Reference.parse("example.org/bad/x"))
    assert places(conf, "example.org/good") == ["example.org/good"]


def test_pushes_are_not_rewritten(load: Load) -> None:
    conf = load(EXAMPLE)
    place = conf.push_endpoint(Reference.parse("example.org/foo/image"))
    assert place == Endpoint("example.org", "foo/image")


def names(conf: RegistriesConf, text: str) -> list[str]:
    return [str(reference) for reference in conf.candidates(text)]


def test_short_names(load: Load) -> None:
    conf = load(
        'unqualified-search-registries = ["one.example.org", "two.example.org:5000"]\n'
        '[aliases]\n"tool" = "q.example.org/team/tool"\n'
    )
    assert names(conf, "tool:2") == ["q.example.org/team/tool:2"]
    assert names(conf, f"tool@{DIGEST}") == [f"q.example.org/team/tool@{DIGEST}"]
    assert names(conf, "x") == ["one.example.org/x:latest", "two.example.org:5000/x:latest"]
    assert names(conf, "a/x") == ["one.example.org/a/x:latest", "two.example.org:5000/a/x:latest"]
    assert names(conf, "1/x")[0] == "one.example.org/1/x:latest"
    assert names(conf, "localhost/x") == ["localhost/x:latest"]
    assert names(conf, "z.example.org/x") == ["z.example.org/x:latest"]
    assert names(RegistriesConf(), "debian:12") == ["docker.io/library/debian:12"]


def test_drop_ins_override_in_the_order_of_their_names(load: Load) -> None:
    conf = load(
        'unqualified-search-registries = ["one.example.org"]\n'
        '[aliases]\n"a" = "q.example.org/a"\n"b" = "q.example.org/b"\n',
        z='[aliases]\n"a" = ""\n[[registry]]\nlocation = "r.example.org"\nblocked = true\n',
        y='unqualified-search-registries = []\n[[registry]]\nlocation = "r.example.org"\n',
    )
    assert names(conf, "a") == ["docker.io/library/a:latest"]
    assert names(conf, "b") == ["q.example.org/b:latest"]
    with pytest.raises(InputError, match="blocked"):
        places(conf, "r.example.org/x")


def test_the_users_file_replaces_the_systems(tmp_path: Path) -> None:
    system, user = tmp_path / "etc", tmp_path / ".config/containers"
    for folder, host in ((system, "system"), (user, "user")):
        folder.mkdir(parents=True)
        (folder / "registries.conf").write_text(
            f'unqualified-search-registries = ["{host}.example.org"]'
        )
    environment = {"HOME": str(tmp_path)}
    assert load_registries_conf(environment, system=system).search == ("user.example.org",)
    (tmp_path / "named.conf").write_text("")
    environment["CONTAINERS_REGISTRIES_CONF"] = str(tmp_path / "named.conf")
    assert load_registries_conf(environment, system=system).search == ()
    environment["CONTAINERS_REGISTRIES_CONF"] = str(tmp_path / "absent.conf")
    with pytest.raises(UsageError, match="cannot read it"):
        load_registries_conf(environment, system=system)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[registries.search]\nregistries = []", 1, "version 1"),
        ("[[registry]]\nblocked = true", 1, "neither prefix nor location"),
        ('[[registry]]\nprefix = "*.example.org/x"', 2, "wildcard"),
        ('[[registry]]\nprefix = "a.*.org"', 2, "wildcard"),
        ('\n[[registry]]\nlocation = "https://a.example.org"', 3, "without a scheme"),
        ('[[registry]]\nlocation = "a.example.org"\ninsecure = "yes"', 3, "true or false"),
        ('[aliases]\nx = "q.example.org/x:1"', 2, "without tag"),
        ('[aliases]\nx = "q"', 2, "full name"),
    ],
)
def test_mistakes_have_a_line(load: Load, text: str, line: int, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load(text)
    assert caught.value.where is not None
    assert caught.value.where.line == line


@pytest.mark.parametrize("location", ["mirror/x", "Up.example.org/A B"])
def test_a_location_that_leads_nowhere_is_named(load: Load, location: str) -> None:
    conf = load(f'\n[[registry]]\nprefix = "a.example.org"\nlocation = "{location}"')
    with pytest.raises(UsageError, match="is rewritten to") as caught:
        places(conf, "a.example.org/x")
    assert caught.value.where is not None
    assert caught.value.where.line == 2


def test_keys_of_other_tools_are_left_alone(load: Load) -> None:
    load('short-name-mode = "enforcing"\ncredential-helpers = []\nnew-key = 1\n')


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9:5000", True),
        ("localhost:5000", True),
        ("[::1]:5000", True),
        ("[::2]:5000", False),
        ("128.0.0.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org:80", False),
    ],
)
def test_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
