"""The parser on text nobody wrote: joining the pieces gives it back, or it is a DockerfileError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from samebit.dockerfile.grammar import FLAGS
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.syntax import Dockerfile
from samebit.errors import DockerfileError

BLANK = st.sampled_from([" ", "  ", "\t", " \\\n  ", " \\ \n# note\n\n\t", " \\\r\n "])
WORD = st.sampled_from(
    ["a", "$V", "${V:-x y}", '"a b"', "'c d'", "k=v", "/x", "<<EOF", "é", "--", "[", '["a", "b"]']
)
FLAG = st.sampled_from(
    ["--from=b", "--chmod=1", "--link", "--x", "--mount=type=cache,target=/a", '--network="none"']
)
KEYWORD = st.sampled_from([*FLAGS, "run", "Copy", "HEALTHCHECK\tCMD", "FORM"])
END = st.sampled_from(["\n", "\r\n", " \n", "\n\n", "\n# comment\n", "\nEOF\n", "\\\n", ""])


@st.composite
def instructions(draw: st.DrawFn) -> str:
    parts = [draw(KEYWORD)]
    for word in draw(st.lists(st.one_of(FLAG, WORD, WORD), max_size=5)):
        parts += [draw(BLANK), word]
    return "".join(parts) + draw(END)


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from(["", "\ufeff", "# escape=`\n", "# syntax=x\n#escape = \\\n", "\n"]))
    body = draw(st.lists(instructions(), max_size=6))
    return head + draw(st.sampled_from(["FROM a\n", "ARG V=1\nFROM $V AS b\n", ""])) + "".join(body)


def attempt(text: str) -> Dockerfile | DockerfileError:
    try:
        return parse(text, "Dockerfile")
    except DockerfileError as error:
        return error


def check(text: str) -> None:
    tree = attempt(text)
    if isinstance(tree, DockerfileError):
        assert tree.where is not None
        assert tree.where.line is not None
        assert 1 <= tree.where.line <= text.count("\n") + 1
        assert tree.where.column is not None
        assert tree.where.column >= 1
        return
    assert "".join(piece.text for piece in tree.pieces) == text
    for instruction in tree.instructions:
        span = instruction.span
        assert text[span.start : span.end] == instruction.source
        assert instruction.source[: len(instruction.keyword)].upper() == instruction.keyword
        assert text.count("\n", 0, span.start) + 1 == span.line
        for flag in instruction.flags:
            assert text[flag.span.start : flag.span.end].startswith("--")
        for doc in instruction.heredocs:
            assert text[doc.span.start :].startswith(doc.raw)


@given(dockerfiles())
def test_generated(text: str) -> None:
    check(text)


@given(dockerfiles(), st.data())
def test_mutated(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.text(max_size=3))
    dropped = data.draw(st.integers(0, 3))
    check(text[:at] + inserted + text[at + dropped :])


@given(st.text())
def test_any_text(text: str) -> None:
    check(text)
    check("FROM a\n" + text)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    data = b"FROM a\n" + data
    try:
        text = decode(data, "Dockerfile")
    except DockerfileError:
        assert b"\0" in data or data.decode(errors="replace").encode() != data
    else:
        assert text.encode() == data
        check(text)
