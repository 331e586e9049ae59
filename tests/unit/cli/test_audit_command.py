from __future__ import annotations

import json
from pathlib import Path

import pytest
import sarif_rules
from command_output import CommandLine
from json_schema import faults
from sample_images import Member, write_layout

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "json" / "audit.schema.json").read_text("utf-8")
)
LIBRARY = b"!<arch>\n" + f"{'a/':16}{1700000000:<12}0     0     100644  0         `\n".encode()


@pytest.fixture
def library(command_line: CommandLine) -> Path:
    del command_line
    path = Path("lib.a")
    path.write_bytes(LIBRARY)
    return path


def test_exit_codes(command_line: CommandLine, library: Path) -> None:
    assert command_line.run("audit", library).code == 0
    refused = command_line.run("audit", "--policy", "deterministic", library)
    assert refused.code == 1
    assert "refused: a time of the build [timestamp]" in refused.out
    assert "not deterministic: 1 refused" in refused.out
    agreed = ("--policy", "sealed", "--source-date-epoch", "1700000000")
    assert command_line.run("audit", *agreed, library).code == 0
    assert command_line.run("audit", "./none").code == 2
    assert command_line.run("audit", "--policy", "strict", library).code == 2


def test_json(command_line: CommandLine, library: Path) -> None:
    done = command_line.run("audit", "--json", "--policy", "sealed", library)
    document = json.loads(done.out)
    assert faults(document, SCHEMA) == []
    assert (document["passed"], document["violations"]) == (False, 1)
    assert document["executables"][0]["findings"][0]["value"] == "2023-11-14T22:13:20Z"


def test_every_member_of_the_schema_is_used(command_line: CommandLine, library: Path) -> None:
    Path("samebit.toml").write_text(
        '[[audit.exception]]\npath = "/x"\nfinding = "*"\nreason = "r"\n'
    )
    status = b"Package: a\nStatus: install ok installed\nVersion: 1\n"
    big = bytes(5000)
    layers = [
        [Member("lib.a", library.read_bytes()), Member("one", big), Member("two", big)],
        [Member("one", b"now"), Member("usr/share/doc/a", big), Member("etc/passwd", b"root")],
        [Member("three", big), Member("var/lib/dpkg/status", status)],
    ]
    write_layout(Path("image"), layers, config={"Entrypoint": ["/one"]})
    done = command_line.run("audit", "--json", "oci:image")
    assert faults(json.loads(done.out), SCHEMA) == []
    names = {
        name for part in [SCHEMA, *SCHEMA["$defs"].values()] for name in part.get("properties", ())
    }
    # Those of programs are in no library of one empty member.
    assert {name for name in names if f'"{name}"' not in done.out} == set()


def test_sarif(command_line: CommandLine, library: Path) -> None:
    Path("samebit.toml").write_text(
        '[[audit.exception]]\npath = "/lib.a"\nfinding = "timestamp"\nreason = "known"\n'
    )
    done = command_line.run("audit", "--sarif", "--policy", "sealed", library)
    assert done.code == 0
    assert sarif_rules.faults(json.loads(done.out)) == []
    document = json.loads(done.out)
    assert sarif_rules.faults(document) == []
    (log,) = document["runs"]
    (result,) = log["results"]
    assert log["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "timestamp"
    assert result["suppressions"] == [{"kind": "external", "justification": "known"}]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "lib.a", "uriBaseId": "TREE"}


def test_sarif_of_a_tree(command_line: CommandLine, library: Path) -> None:
    folder = Path("tree", "a b")
    folder.mkdir(parents=True)
    (folder / "\x1b%é.a").write_bytes(library.read_bytes())
    (folder / "cut").write_bytes(b"\x7fELF\x02")
    refused = command_line.run("audit", "--sarif", "--policy", "deterministic", "tree")
    assert refused.code == 1
    document = json.loads(refused.out)
    assert sarif_rules.faults(document) == []
    assert {result["level"] for result in document["runs"][0]["results"]} == {"error"}
    Path("empty").mkdir()
    nothing = json.loads(command_line.run("audit", "--sarif", "empty").out)
    assert sarif_rules.faults(nothing) == []
    assert nothing["runs"][0]["results"] == []
