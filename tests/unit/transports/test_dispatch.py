from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from samebit.errors import InputError, InternalError
from samebit.model.descriptor import Descriptor
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports import dispatch
from samebit.transports.locate import Location, Transport, parse_destination, parse_source

Make = Callable[..., Descriptor]


@pytest.mark.parametrize(
    "place", ["oci:{}/d", "oci-archive:{}/o.tar", "docker-archive:{}/d.tar", "type=oci,dest={}/b"]
)
def test_out_and_in_again(
    tmp_path: Path, store: Store, other: Store, make: Make, place: str
) -> None:
    made = make(store, "one")
    destination = parse_destination(place.format(tmp_path))
    dispatch.save(destination, store, made, [Reference.parse("tool:1")])
    source = Location(destination.transport, destination.path, "docker.io/library/tool:1")
    image = dispatch.load(source, other, None)
    assert image.canonicalised == (destination.transport is Transport.DOCKER_ARCHIVE)
    assert image.canonicalised or image.descriptor == made
    if not image.canonicalised:
        by_digest = parse_source(f"{destination}@{made.digest}")
        assert dispatch.load(by_digest, other, None).descriptor == made


def test_the_name_in_the_place_wins(tmp_path: Path, store: Store, other: Store, make: Make) -> None:
    made = make(store, "one")
    place = parse_destination(f"oci:{tmp_path}/d:v1")
    dispatch.save(place, store, made, [Reference.parse("tool:1")])
    assert dispatch.load(place, other, None).descriptor == made


def test_names_in_the_store(store: Store, make: Make) -> None:
    made = make(store, "one")
    store.tag(str(Reference.parse("tool")), made)
    assert dispatch.load(parse_source("tool:latest"), store, None).descriptor == made
    assert dispatch.load(parse_source(f"x@{made.digest}"), store, None).descriptor == made
    with pytest.raises(InputError, match=r"holds no image called docker\.io/library/tool:2"):
        dispatch.load(parse_source("tool:2"), store, None)
    with pytest.raises(InputError, match="not in the store"):
        dispatch.load(parse_source("x@sha256:" + "0" * 64), store, None)


def test_registries_are_read_elsewhere(store: Store, make: Make) -> None:
    with pytest.raises(InternalError):
        dispatch.load(parse_source("docker://example.org/x"), store, None)
    with pytest.raises(InternalError):
        dispatch.save(parse_source("docker://example.org/x"), store, make(store, "one"))
