from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import UsageError
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.transports.locate import Location, Transport, parse_destination, parse_source

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("oci:out", Location(Transport.OCI_LAYOUT, Path("out"))),
        ("oci:/a/b:v1", Location(Transport.OCI_LAYOUT, Path("/a/b"), "v1")),
        ("oci:out:h:5000/x:1", Location(Transport.OCI_LAYOUT, Path("out"), "h:5000/x:1")),
        ("oci-archive:o.tar:v", Location(Transport.OCI_ARCHIVE, Path("o.tar"), "v")),
        ("docker-archive:o.tar", Location(Transport.DOCKER_ARCHIVE, Path("o.tar"))),
        ("docker-archive:o.tar:a:b", Location(Transport.DOCKER_ARCHIVE, Path("o.tar"), "a:b")),
    ],
)
def test_places_to_read_and_to_write(text: str, location: Location) -> None:
    assert parse_source(text) == location
    assert parse_destination(text) == location
    assert str(location) == text


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("docker://a", Location(Transport.REGISTRY, reference=Reference.parse("a"))),
        ("containers-storage:a:b", Location(Transport.CONTAINERS_STORAGE, name="a:b")),
        (
            "containers-storage:[vfs@/x+/y]a",
            Location(Transport.CONTAINERS_STORAGE, name="[vfs@/x+/y]a"),
        ),
        ("a", Location(Transport.STORE, reference=Reference.parse("a"))),
        (
            "localhost:5000/a:b",
            Location(Transport.STORE, reference=Reference.parse("localhost:5000/a:b")),
        ),
        (f"oci:out@sha256:{HEX}", Location(Transport.OCI_LAYOUT, Path("out"), None, Digest(HEX))),
    ],
)
def test_places_to_read(text: str, location: Location) -> None:
    assert parse_source(text) == location
    with pytest.raises(UsageError):
        parse_destination(text)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("type=oci,dest=f.tar", Location(Transport.OCI_ARCHIVE, Path("f.tar"))),
        ("type=oci,dest=d,tar=false", Location(Transport.OCI_LAYOUT, Path("d"))),
        ("dest=d,tar=0,type=oci", Location(Transport.OCI_LAYOUT, Path("d"))),
        ("type=oci,dest=f,name=x:1", Location(Transport.OCI_ARCHIVE, Path("f"), "x:1")),
        ('type=oci,"dest=a,b"', Location(Transport.OCI_ARCHIVE, Path("a,b"))),
        ("type=oci,dest=f,rewrite-timestamp=true", Location(Transport.OCI_ARCHIVE, Path("f"))),
        ("type=docker,dest=f", Location(Transport.DOCKER_ARCHIVE, Path("f"))),
        ("type=docker,dest=f,name=x", Location(Transport.DOCKER_ARCHIVE, Path("f"), "x")),
        ("type=docker", Location(Transport.ENGINE)),
    ],
)
def test_dockers_outputs(text: str, location: Location) -> None:
    assert parse_destination(text) == location


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a place"),
        ("a\0b", "not a place"),
        ("out", "not an output"),
        ("out/dir", "not an output"),
        ("oci:", "names no path"),
        ("docker-archive:f:UPPER", "lower case"),
        ("docker:a", "not an image"),
        ("docker://a", "does not write"),
        ("type=local,dest=d", "type=local is not supported"),
        ("type=registry,name=x", "type=registry is not supported"),
        ("type=oci", "needs dest=PATH"),
        ("type=oci,dest=-", "needs dest=PATH"),
        ("type=oci,dest=a,dest=b", "dest=b"),
        ("type=oci,dest=a,x=y", "does not know 'x'"),
        ("type=oci,dest=a,tar=maybe", "neither true nor false"),
        ("type=oci,dest=a,rewrite-timestamp=false", "not possible"),
        ("type=docker,dest=a,tar=false", "not supported"),
        ('type=oci,"dest=a', "not an output"),
    ],
)
def test_refused_outputs(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_destination(text)


def test_a_path_taken_for_a_name_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a path") as caught:
        parse_source(str(tmp_path))
    assert f"oci:{tmp_path}" in (caught.value.fix or "")
    with pytest.raises(UsageError, match="not an image reference"):
        parse_source(str(tmp_path / "absent"))


@given(
    st.text(max_size=30) | st.from_regex(r"(type=|dest=|oci:|[a-z,=:\"@/.]){0,12}", fullmatch=True)
)
def test_any_text_is_a_place_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_destination(text)
    with contextlib.suppress(UsageError):
        parse_source(text)
