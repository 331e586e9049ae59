"""History and config of a normalised image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from samebit.image.config import ConfigDocument, parse_config
from samebit.pipeline.normalised_config import normalised_config, normalised_history

EPOCH = 315_619_200
CREATED = "1980-01-02T00:00:00Z"


def document(*history: Any, layers: int | None = None, **members: Any) -> ConfigDocument:
    entries = [{"created_by": h} if isinstance(h, str) else h for h in history]
    count = sum(not entry.get("empty_layer") for entry in entries) if layers is None else layers
    diff_ids = [f"sha256:{number:064x}" for number in range(count)]
    data = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": entries,
        **members,
    }
    return parse_config(json.dumps(data).encode(), "config")


def empty(text: str, **more: str) -> dict[str, Any]:
    return {"created_by": text, "empty_layer": True, **more}


def kept(
    image: ConfigDocument, base: ConfigDocument | None = None, *, layer: bool = True
) -> list[str]:
    """The texts, the one of the layer with a star."""
    found = normalised_history(image, base, EPOCH, layer=layer)
    assert all(entry.created == CREATED for entry in found)
    return ["*" * (not entry.empty_layer) + entry.created_by for entry in found]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (["COPY a b", empty("ENV A=1")], ["*COPY a b", "ENV A=1"]),
        (["RUN a", "COPY b c"], ["RUN a", "*COPY b c"]),
        ([empty("/bin/sh -c #(nop) COPY file:1 in /"), '/bin/sh -c #(nop) CMD ["a"]'],
         ["*/bin/sh -c #(nop) COPY file:1 in /", '/bin/sh -c #(nop) CMD ["a"]']),
        (["/bin/sh -c make", empty('/bin/sh -c #(nop)  ENTRYPOINT ["x"]')],
         ["*/bin/sh -c make", '/bin/sh -c #(nop)  ENTRYPOINT ["x"]']),
        (["/usr/bin/tool", empty("|1 A=1 /bin/sh -c x"), empty("USER 1")],
         ["/usr/bin/tool", "*|1 A=1 /bin/sh -c x", "USER 1"]),
        ([empty("ENV A=1"), "WORKDIR /a", empty("LABEL a=b")],
         ["ENV A=1", "*WORKDIR /a", "LABEL a=b"]),
        (["ENV A=1", empty("USER 5")], ["ENV A=1", "*USER 5"]),
        ([], ["*"]),
    ],
)  # fmt: skip
def test_the_layer_is_put_down_to_what_changed_files(
    history: list[Any], expected: list[str]
) -> None:
    assert kept(document(*history)) == expected
    without = [text.lstrip("*") for text in expected] if history else []
    assert kept(document(*history), layer=False) == without


def test_the_base_keeps_its_own() -> None:
    base = document("one", empty("CMD x"), "two", empty("ENV y"))
    image = document("one", empty("CMD x"), "two", empty("ENV y"), "COPY z /", empty("CMD q"))
    assert kept(image, base) == ["*COPY z /", "CMD q"]
    # An engine that words the base's entries anew: all up to its highest layer are the base's.
    image = document("1", "2", empty("LABEL a=b"), "COPY z /")
    assert kept(image, base) == ["LABEL a=b", "*COPY z /"]
    assert kept(document("1", "2"), base) == ["*"]
    assert kept(document("one", "COPY z /"), document(layers=1)) == ["*COPY z /"]
    assert kept(document("COPY z /"), document(empty("CMD x"))) == ["*COPY z /"]


def test_only_the_text_of_an_entry_is_kept() -> None:
    image = document(
        {
            "created": "2026-01-01T00:00:00Z",
            "created_by": "COPY a b",
            "author": "me",
            "comment": "FROM registry.example.org/x:1",
        },
        {"created_by": "RUN b # buildkit", "comment": "buildkit.dockerfile.v0"},
        {"comment": "by hand"},
    )
    found = normalised_history(image, None, 0, layer=True)
    start = "1970-01-01T00:00:00Z"
    assert [dict(entry.document()) for entry in found] == [
        {"created": start, "created_by": "COPY a b", "empty_layer": True},
        {"created": start, "created_by": "RUN b # buildkit", "empty_layer": True},
        {"created": start, "comment": "by hand"},
    ]


def test_the_config_loses_what_tools_say_about_themselves() -> None:
    image = document(
        architecture="amd64",
        variant="v1",
        author="somebody",
        container="0123",
        container_config={"Image": "sha256:1"},
        docker_version="1",
        config={
            "Hostname": "0123",
            "Image": "sha256:1",
            "AttachStdin": False,
            "Env": ["A=1"],
            "Volumes": {"/v": {}},
            "Labels": {
                "io.buildah.version": "1.28.2",
                "com.docker.compose.project": "folder",
                "io.buildah": "mine",
                "a": "b",
            },
        },
    )
    found = normalised_config(image, "x")
    assert found.labels == (("a", "b"), ("io.buildah", "mine"))
    assert (found.env, found.volumes, found.author) == (("A=1",), ("/v",), "somebody")
    assert (found.os, found.architecture, found.variant) == ("linux", "amd64", "")
