"""buildah's storage when buildah itself cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from samebit.engines.buildah_storage import open_storage
from samebit.errors import MachineError


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("cannot reach its library", "cannot open its storage"),
        ("write: no space left on device", "the disk is full"),
    ],
)
def test_an_engine_that_cannot_list_what_it_has_is_named(
    tmp_path: Path, said: str, message: str
) -> None:
    program = tmp_path / "buildah"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 125\n")
    program.chmod(0o755)
    storage = open_storage(tmp_path / "engine", str(program), "overlay")
    with pytest.raises(MachineError, match=message) as caught, storage.in_use():
        pass
    assert said in str(caught.value.detail)
