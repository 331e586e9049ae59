"""Our tree beside that of tree-sitter-containerfile, on the Dockerfiles of corpus/."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_containerfile

from samebit.dockerfile.heredoc import strip_tabs
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.syntax import Instruction

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.Dockerfile"))

# Where the oracle is wrong: docker build reads these files as we do.
WRONG = {
    "modifiers": "does not know the pattern modifiers ${V##p} and ${V%p}",
    "shifts": "takes every << for a heredoc: in arithmetic, inside a word and in <<<",
    "unicode": "accepts ASCII names only in LABEL and ENV",
    "workdir-user": "does not know a quoted USER",
}

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_containerfile.language()))


def text(node: tree_sitter.Node) -> str:
    assert node.text is not None
    return node.text.decode()


def below(node: tree_sitter.Node, *kinds: str) -> list[tree_sitter.Node]:
    found = [child for child in node.named_children if child.type in kinds]
    for child in node.named_children:
        if not child.type.endswith("_instruction"):
            found += below(child, *kinds)
    return sorted(found, key=lambda child: child.start_byte)


def theirs(node: tree_sitter.Node) -> dict[str, object]:
    keyword = node.type.removesuffix("_instruction").upper().replace("CROSS_BUILD", "CROSS")
    inner = [child for child in node.named_children if child.type.endswith("_instruction")]
    command = inner[0] if inner and keyword == "HEALTHCHECK" else node
    arrays = below(command, "json_string_array")
    found: dict[str, object] = {
        "keyword": keyword,
        "line": node.start_point.row + 1,
        "flags": [text(flag) for flag in below(node, "param", "mount_param")],
        "json": [json.loads(text(item)) for item in below(arrays[0], "json_string")]
        if arrays
        else None,
        "names": [
            text(pair.named_children[0])
            for pair in below(node, "env_pair", "label_pair", "arg_pair")
        ],
        "heredocs": list(
            zip(
                [text(end) for end in below(node, "heredoc_end")],
                [strip_tabs(text(body)) for body in below(node, "heredoc_content")],
                strict=True,
            )
        ),
        "trigger": theirs(inner[0])["keyword"] if inner and keyword == "ONBUILD" else None,
    }
    if keyword == "FROM":
        found["words"] = [text(part) for part in below(node, "image_spec", "image_alias")]
    elif keyword in ("COPY", "ADD") and not arrays:
        found["words"] = [text(path) for path in below(node, "path")]
    return found


def ours(instruction: Instruction) -> dict[str, object]:
    array = instruction.exec_form
    found: dict[str, object] = {
        "keyword": instruction.keyword,
        "line": instruction.span.line,
        "flags": [
            f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
            for flag in instruction.flags
        ],
        "json": None if array is None else list(array),
        "names": [key for key, _ in instruction.pairs],
        "heredocs": [(doc.name, strip_tabs(doc.content)) for doc in instruction.heredocs],
        "trigger": instruction.trigger.keyword if instruction.trigger else None,
    }
    if instruction.keyword == "FROM":
        found["words"] = [word for word in instruction.words if word.lower() != "as"]
    elif instruction.keyword in ("COPY", "ADD") and array is None:
        found["words"] = list(instruction.words)
    return found


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_both_see_the_same(path: Path) -> None:
    data = path.read_bytes()
    tree = parse(decode(data, path.name), path.name)
    assert "".join(piece.text for piece in tree.pieces).encode() == data
    root = PARSER.parse(data).root_node
    if path.stem in WRONG:
        # When the oracle learns this, compare with it.
        assert root.has_error
        return
    assert not root.has_error
    nodes = [child for child in root.named_children if child.type.endswith("_instruction")]
    assert [ours(i) for i in tree.instructions] == [theirs(node) for node in nodes]


def test_what_the_oracle_cannot_read() -> None:
    trees = {
        name: parse((CORPUS[0].parent / f"{name}.Dockerfile").read_text("utf-8"), name)
        for name in WRONG
    }
    assert [(i.keyword, i.span.line) for i in trees["shifts"].instructions] == [
        ("FROM", 1),
        ("RUN", 2),
        ("RUN", 3),
        ("USER", 4),
    ]
    assert not any(i.heredocs for i in trees["shifts"].instructions)
    assert trees["modifiers"].instructions[3].pairs == (
        ("TAG", "${REF##*:}"),
        ("NAME", "${REF%:*}"),
        ("DIR", "${REF%%/*}"),
        ("TAIL", "${REF#*/}"),
    )
    assert trees["unicode"].instructions[1].pairs == (
        ("autor", '"Jürgen Müller"'),
        ("説明", "値"),
    )
    assert trees["unicode"].instructions[3].pairs == (("ÄPFEL", "rot"),)
    assert trees["workdir-user"].instructions[-1].words == ('"$USER:${GROUP:-staff}"',)
