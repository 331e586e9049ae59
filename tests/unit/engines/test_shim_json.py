"""The shim's JSON: what the standard library's json reads and writes, without what that loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.engines import shim_json

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_VALUES, st.booleans())
def test_it_writes_what_json_writes(value: Any, ascii_only: bool) -> None:
    expected = json.dumps(value, ensure_ascii=ascii_only)
    assert shim_json.dumps(value, ascii_only=ascii_only) == expected


@given(_VALUES, st.sampled_from([None, 2]))
def test_it_reads_what_json_writes(value: Any, indent: int | None) -> None:
    assert shim_json.loads("\n " + json.dumps(value, indent=indent) + "\n") == value


@pytest.mark.parametrize("text", ["", "  ", "{", "[1,]", "{'a': 1}", "[1] [2]", '"\n"', "nul"])
def test_what_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        shim_json.loads(text)


def test_a_python_without_the_scanner_has_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shim_json, "_scan", None)
    assert shim_json.loads(' {"a": [1, "é"]} ') == {"a": [1, "é"]}
    assert shim_json.dumps({"a": "é"}) == '{"a": "é"}'
    assert shim_json.dumps("é", ascii_only=True) == '"\\u00e9"'


def test_neither_json_nor_re_is_loaded_for_a_step() -> None:
    folder = Path(shim_json.__file__).parent
    code = "import sys; sys.path.insert(0, sys.argv[1]); import shim; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", code, str(folder)]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "shim_json" in loaded
    assert not {"re", "json", "enum", "typing", "functools"} & set(loaded)
