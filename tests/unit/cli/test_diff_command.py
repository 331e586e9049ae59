from __future__ import annotations

import json
from pathlib import Path

import pytest
import sarif_rules
from click.testing import CliRunner
from differing_images import differing_images

from samebit.cli.diff import command
from samebit.errors import InputError
from samebit.model.descriptor import OCI_CONFIG, OCI_MANIFEST
from samebit.model.digest import Digest


def layout(root: Path, author: str) -> str:
    blobs = root / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(value: object, media_type: str) -> dict[str, object]:
        data = json.dumps(value).encode()
        digest = Digest.of(data)
        (blobs / digest.hex).write_bytes(data)
        return {"mediaType": media_type, "digest": str(digest), "size": len(data)}

    config = put(
        {
            "architecture": "amd64",
            "os": "linux",
            "author": author,
            "rootfs": {"type": "layers", "diff_ids": []},
        },
        OCI_CONFIG,
    )
    manifest = put({"schemaVersion": 2, "config": config, "layers": []}, OCI_MANIFEST)
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return f"oci:{root}"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    monkeypatch.setenv("SAMEBIT_HOME", str(tmp_path / "home"))
    return tuple(
        layout(tmp_path / name, author) for name, author in (("a", "1"), ("b", "1"), ("c", "2"))
    )  # type: ignore[return-value]


def test_exit_codes_and_text(places: tuple[str, str, str]) -> None:
    a, b, c = places
    same = CliRunner().invoke(command, [a, b])
    assert same.exit_code == 0
    assert same.output.splitlines()[-1] == "identical, byte for byte"
    other = CliRunner().invoke(command, [a, c])
    assert other.exit_code == 1
    assert '  author: "1" -> "2"' in other.output.splitlines()


def test_a_deep_view_is_never_needed(
    places: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    without = CliRunner().invoke(command, [places[0], places[2]])
    deep = CliRunner().invoke(command, [places[0], places[2], "--deep"])
    assert deep.exit_code == 1
    assert deep.stdout == without.stdout
    assert "diffoscope is not installed" in deep.stderr
    assert "diffoscope-minimal" in deep.stderr


def test_json(places: tuple[str, str, str]) -> None:
    result = CliRunner().invoke(command, [places[0], places[2], "--json", "--limit", "0"])
    assert result.exit_code == 1
    assert json.loads(result.output)["grade"] == "same-tree-and-config"


def test_errors_reach_main(places: tuple[str, str, str]) -> None:
    result = CliRunner().invoke(command, [places[0], "oci:/nowhere"])
    assert isinstance(result.exception, InputError)
    assert result.exception.exit_code == 5


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b", "c"], ["a", "b", "--limit", "-1"]])
def test_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_sarif(places: tuple[str, str, str], tmp_path: Path) -> None:
    differing = tmp_path / "differing"
    differing.mkdir()
    a, b = differing_images(differing)
    result = CliRunner().invoke(command, [f"oci:{a}", f"oci:{b}", "--sarif"])
    assert result.exit_code == 1
    log = json.loads(result.output)
    assert sarif_rules.faults(log) == []
    (run,) = log["runs"]
    found = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result["ruleId"]
        for result in run["results"]
        if "locations" in result
    }
    assert found["etc/build-info"] == "clock/text"
    assert found["srv/cache/tmp.a8Fz2kQ1Lp"] == "path/temporary"
    # One result for each cause of each path, and the secret in none of them.
    assert "-----BEGIN" not in result.output
    assert run["properties"]["grade"] == "different"
    same = CliRunner().invoke(command, [places[0], places[1], "--format", "sarif"])
    assert (same.exit_code, json.loads(same.output)["runs"][0]["results"]) == (0, [])


def test_normalise_is_asked_for(places: tuple[str, str, str]) -> None:
    result = CliRunner().invoke(command, [places[0], places[2], "--normalise", "--json"])
    assert json.loads(result.output)["grade"] == "same-tree-and-config"
