"""What the tree holds, and what is refused, where and with which words."""

from __future__ import annotations

import re

import pytest

from samebit.dockerfile.grammar import FLAGS
from samebit.dockerfile.healthcheck import duration
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.syntax import Dockerfile, Instruction
from samebit.errors import DockerfileError


def tree(text: str) -> Dockerfile:
    found = parse(text, "Dockerfile")
    assert "".join(piece.text for piece in found.pieces) == text
    return found


def one(text: str) -> Instruction:
    return tree("FROM a\n" + text).instructions[1]


def test_pieces_and_spans() -> None:
    text = "# syntax=x\n\n# note\nFROM a\n  RUN b \\\n # c\n\n c  \n\n# end"
    found = tree(text)
    assert [(piece.text, piece.instruction is not None) for piece in found.pieces] == [
        ("# syntax=x\n\n# note\n", False),
        ("FROM a\n", True),
        ("  RUN b \\\n # c\n\n c  \n", True),
        ("\n# end", False),
    ]
    run = found.instructions[1]
    assert (run.span.line, run.span.column, run.span.end_line) == (5, 3, 8)
    assert run.source == "RUN b \\\n # c\n\n c  "
    assert run.arguments == "b  c"
    assert str(found.place(run.span)) == "Dockerfile:5:3"


def test_stages_and_ordinals() -> None:
    found = tree("ARG A\nARG B\nFROM a\nRUN b\nfrom c\nRUN d\n")
    assert [(i.keyword, i.stage, i.ordinal) for i in found.instructions] == [
        ("ARG", -1, 0),
        ("ARG", -1, 1),
        ("FROM", 0, 0),
        ("RUN", 0, 1),
        ("FROM", 1, 0),
        ("RUN", 1, 1),
    ]


@pytest.mark.parametrize(
    ("head", "escape", "syntax"),
    [
        ("", "\\", None),
        ("# escape=`\n", "`", None),
        ("#ESCAPE = `\n", "`", None),
        (
            "# syntax=docker/dockerfile:1\n# check=skip=all\n# escape=`\n",
            "`",
            "docker/dockerfile:1",
        ),
        ("\ufeff# syntax=x y\n", "\\", "x y"),
        ("# syntax=x\r\n", "\\", "x"),
        # Anything but a known directive ends them.
        ("# a comment\n# escape=`\n", "\\", None),
        ("\n# escape=`\n", "\\", None),
        ("# unknown=1\n# escape=`\n", "\\", None),
    ],
)
def test_directives(head: str, escape: str, syntax: str | None) -> None:
    found = tree(head + "FROM a\n# escape=`\n")
    assert (found.escape, found.syntax) == (escape, syntax)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("RUN a\\\nb", "ab"),
        ("RUN a \\\n  b", "a   b"),
        ("RUN a \\  \t\n  b", "a   b"),
        ("RUN a \\\r\n  b\r\n", "a   b"),
        ("RUN a \\\n\n\n  b", "a   b"),
        ("RUN a \\\n# c\n  # d\n  b", "a   b"),
        ("RUN a \\\\\n", "a \\\\"),
        ("RUN a \\\n", "a"),
        ("RUN a \\\n# end", "a"),
        ("RUN \\\n\\\na", "a"),
        ("RUN a # b", "a # b"),
        ("RUN\ta\x0b", "a"),
        ("RUN", ""),
    ],
)
def test_continuations(text: str, arguments: str) -> None:
    assert one(text).arguments == arguments


def test_backtick_continuation() -> None:
    found = tree("# escape=`\nFROM a\nRUN a `\n b\\\nRUN c\n")
    assert [i.arguments for i in found.instructions] == ["a", "a  b\\", "c"]


HEREDOCS: list[tuple[str, list[tuple[str, str, bool, bool]]]] = [
    ("RUN <<EOF\na\n\n# b\nEOF\n", [("EOF", "a\n\n# b\n", True, False)]),
    ("RUN <<EOF", []),
    ("RUN <<'EOF'\na\nEOF", [("EOF", "a\n", False, False)]),
    ('RUN <<"E F"\na\nE F\n', [("E F", "a\n", False, False)]),
    ("RUN <<E'O'F\na\nEOF\n", [("EOF", "a\n", False, False)]),
    ("RUN <<-EOF\n\t\ta\n\tEOF\n", [("EOF", "a\n", True, True)]),
    ("RUN <<-'EOF'\n\ta\n\tEOF\n", [("EOF", "a\n", False, True)]),
    ("RUN <<A\n\tA\nA\n", [("A", "\tA\n", True, False)]),
    ("RUN <<A <<B\na\nA\nb\nB\n", [("A", "a\n", True, False), ("B", "b\n", True, False)]),
    ("RUN 3<<A cat\na\nA\n", [("A", "a\n", True, False)]),
    ("RUN << A\na\nA\n", [("A", "a\n", True, False)]),
    ("RUN <<A \\\n && true\na\nA\n", [("A", "a\n", True, False)]),
    ("RUN <<A\r\na\r\nA\r\n", [("A", "a\r\n", True, False)]),
    ("COPY <<A <<B /x/\na\nA\nB\n", [("A", "a\n", True, False), ("B", "", True, False)]),
    ("ADD <<A /x\na\nA", [("A", "a\n", True, False)]),
    ("ONBUILD RUN <<A\na\nA\n", [("A", "a\n", True, False)]),
    ("RUN --mount=type=tmpfs,target=/x <<A\na\nA\n", [("A", "a\n", True, False)]),
    # None of these is one.
    ('RUN echo "<<EOF"', []),
    ("RUN echo '<<EOF'", []),
    ("RUN echo \\<<EOF", []),
    ("RUN cat <<<word", []),
    ("RUN echo $((1<<2))", []),
    ("RUN echo a<<b", []),
    ("RUN echo it's <<EOF", []),
    ('RUN ["cat", "<<EOF"]', []),
    ('COPY ["<<EOF", "/x"]', []),
    ("ENV A=<<EOF", []),
    ("CMD cat <<EOF", []),
]


@pytest.mark.parametrize(("text", "expected"), HEREDOCS)
def test_heredocs(text: str, expected: list[tuple[str, str, bool, bool]]) -> None:
    if text == "RUN <<EOF":
        with pytest.raises(DockerfileError, match="unterminated heredoc"):
            one(text)
        return
    found = one(text)
    docs = [(doc.name, doc.content, doc.expand, doc.strip_tabs) for doc in found.heredocs]
    assert docs == expected
    if found.trigger:
        assert found.trigger.heredocs == found.heredocs


def test_an_instruction_follows_a_heredoc() -> None:
    found = tree("FROM a\nRUN <<EOF\nRUN b\nEOF\n\nUSER c\n")
    assert [i.keyword for i in found.instructions] == ["FROM", "RUN", "USER"]
    assert found.instructions[1].heredocs[0].raw == "RUN b\nEOF\n"


@pytest.mark.parametrize(
    ("text", "exec_form"),
    [
        ('RUN ["a", "b c"]', ("a", "b c")),
        ('RUN [ "a" ]  ', ("a",)),
        ('CMD ["\\u00e9\\n", "\\ud800"]', ("é\n", "\ufffd")),
        ("CMD []", ()),
        ("RUN ['a']", None),
        ('RUN ["a",]', None),
        ('RUN ["a"] b', None),
        ("RUN [NaN]", None),
        ("RUN [ -f x ]", None),
        ("RUN " + "[" * 100_000, None),
        ("ENTRYPOINT a", None),
        ('VOLUME ["/a"]', ("/a",)),
        ('RUN --network=none ["a"]', ("a",)),
        ('HEALTHCHECK CMD ["a"]', ("a",)),
        ("HEALTHCHECK CMD a", None),
    ],
)
def test_json_form(text: str, exec_form: tuple[str, ...] | None) -> None:
    assert one(text).exec_form == exec_form


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("ENV a=b", (("a", "b"),)),
        (
            'ENV a=b c=\'d e\' f="g\\" h" i=j\\ k',
            (("a", "b"), ("c", "'d e'"), ("f", '"g\\" h"'), ("i", "j\\ k")),
        ),
        ("ENV a b  c=d", (("a", "b  c=d"),)),
        ("ENV a=", (("a", ""),)),
        ("ENV a=b=c", (("a", "b=c"),)),
        ("ENV a='b\\' c=d", (("a", "'b\\'"), ("c", "d"))),
        ("ENV a=b \\\n  c=d", (("a", "b"), ("c", "d"))),
        ("LABEL a.b='c'", (("a.b", "'c'"),)),
        ("ARG a", (("a", None),)),
        ("ARG a= b c=d", (("a", ""), ("b", None), ("c", "d"))),
    ],
)
def test_pairs(text: str, pairs: tuple[tuple[str, str | None], ...]) -> None:
    assert one(text).pairs == pairs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("COPY a  b\tc", ("a", "b", "c")),
        ('COPY "a b" c', ('"a', 'b"', "c")),
        ('COPY ["a b", "c"]', ("a b", "c")),
        ("EXPOSE 1 2/udp", ("1", "2/udp")),
        ("VOLUME /a /b", ("/a", "/b")),
        ("WORKDIR /a b", ("/a b",)),
        ("USER a : b", ("a : b",)),
        ("STOPSIGNAL 9", ("9",)),
        ("MAINTAINER A <b>", ("A <b>",)),
        ("HEALTHCHECK none", ("NONE",)),
        ("HEALTHCHECK --retries=1 cmd  a b", ("CMD", "a b")),
        ("FROM a as B", ("a", "as", "B")),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert one(text).words == words


def test_flags() -> None:
    found = one(
        "COPY --link --chmod=\"7 5\" \\\n --exclude=a\\ b --exclude='c d' --from=x -- --y z\n"
    )
    assert [(f.name, f.value, f.span.line, f.span.column) for f in found.flags] == [
        ("link", None, 2, 6),
        ("chmod", "7 5", 2, 13),
        ("exclude", "a b", 3, 2),
        ("exclude", "c d", 3, 17),
        ("from", "x", 3, 33),
    ]
    assert found.words == ("--y", "z")
    assert found.flag_values("exclude") == ("a b", "c d")


EVERY_FLAG = {
    "RUN": "--mount=type=cache,target=/a --mount=type=ssh --network=none --security=insecure "
    "--device=vendor.example/x x",
    "COPY": "--from=a --chown=b --chmod=c --link --parents --exclude=d --exclude=e x y",
    "ADD": "--chown=b --chmod=c --link=true --checksum=d --keep-git-dir=false --unpack "
    "--exclude=e x y",
    "FROM": "--platform=linux/arm64 a",
    "HEALTHCHECK": "--interval=1s --timeout=1s --start-period=1s --start-interval=1s --retries=1 "
    "CMD x",
}


@pytest.mark.parametrize("keyword", EVERY_FLAG)
def test_every_flag_of_the_reference(keyword: str) -> None:
    text = f"{keyword} {EVERY_FLAG[keyword]}"
    found = one(text)
    assert len(found.flags) == text.count(" --")
    assert {flag.name for flag in found.flags} == set(FLAGS[keyword])


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("1.5ms", 1_500_000),
        (".5s", 500_000_000),
        ("1h2m3.25s", 3_723_250_000_000),
        ("+1m", 60_000_000_000),
        ("-1s", -1_000_000_000),
        ("1s1s", 2_000_000_000),
    ],
)
def test_duration(text: str, nanoseconds: int) -> None:
    assert duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "1", "s", ".s", "1x", "1s ", "--1s", "1s-", "9999999h", "\u0661s"]
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        duration(text)


ERRORS = [
    ("", 1, 1, "no FROM"),
    ("# nothing\n\n", 1, 10, "no FROM"),
    ("ARG A\n", 1, 6, "no FROM"),
    ("RUN a\nFROM b\n", 1, 1, "expected FROM before RUN"),
    ("# escape=`\n# escape=`\nFROM a\n", 2, 1, "duplicate parser directive 'escape'"),
    ("# escape=x\nFROM a\n", 1, 1, "invalid escape directive 'x'"),
    ("FORM a\n", 1, 1, "unknown instruction 'FORM', did you mean FROM?"),
    ("FROM a\n\n  RUNN x\n", 3, 3, "did you mean RUN?"),
    ("FROM a\n\\\n", 2, 1, "only a line continuation"),
    ("FROM\n", 1, 5, "FROM: expected an image"),
    ("FROM a b\n", 1, 8, "FROM: expected `FROM IMAGE`"),
    ("FROM a AS\n", 1, 8, "FROM: expected `FROM IMAGE`"),
    ("FROM a OS b\n", 1, 8, "FROM: expected `FROM IMAGE`"),
    ("FROM a AS 1b\n", 1, 11, "invalid stage name '1b'"),
    ("FROM a AS b/c\n", 1, 11, "invalid stage name"),
    ("FROM --platfrom=x a\n", 1, 6, "unknown flag --platfrom, did you mean --platform?"),
    ("FROM --platform a\n", 1, 6, "--platform: expected a value"),
    ("FROM a\nCOPY --chmod=1 \\\n  --chmod=2 a b\n", 3, 3, "duplicate flag --chmod"),
    ("FROM a\nCOPY --link=maybe a b\n", 2, 6, "expected true or false, found 'maybe'"),
    ("FROM a\nCOPY --link= a b\n", 2, 6, "expected true or false"),
    ("FROM a\nCMD --x\n", 2, 5, "CMD: unknown flag --x"),
    ("FROM a\nRUN --network=some x\n", 2, 5, "expected one of default, none, host"),
    ("FROM a\nRUN --security=some x\n", 2, 5, "expected one of sandbox, insecure"),
    ("FROM a\nRUN --mount=type=cash x\n", 2, 5, "type=cash: expected one of bind, cache"),
    ("FROM a\nRUN --mount=tpye=bind x\n", 2, 5, "'tpye', did you mean 'type'?"),
    ("FROM a\nRUN --mount=type=bind,target x\n", 2, 5, "expected a value: target="),
    ("FROM a\nRUN --mount=type=bind,from=$X x\n", 2, 5, "takes no variables"),
    ("FROM a\nRUN --mount=type=secret x\n", 2, 5, "a secret needs id= or target="),
    ("FROM a\nRUN --mount=type=secret,id=a,src=b x\n", 2, 5, "not both"),
    ("FROM a\nRUN --mount=type=bind,required x\n", 2, 5, "required= has no meaning"),
    ("FROM a\nRUN --mount=type=tmpfs,uid=1 x\n", 2, 5, "uid= has no meaning"),
    ("FROM a\nRUN --mount=type=cache,target=/a,mode=8 x\n", 2, 5, "expected a number in octal"),
    ("FROM a\nRUN --mount=type=cache,ro=perhaps x\n", 2, 5, "readonly=perhaps: expected true"),
    ("FROM a\nRUN --mount=type=tmpfs,size=big x\n", 2, 5, "expected a size"),
    ("FROM a\nRUN []\n", 2, 5, "RUN: expected a command"),
    ("FROM a\nRUN [1]\n", 2, 5, "expected only strings"),
    ("FROM a\nSHELL bash -c\n", 2, 7, "SHELL: expected a JSON array"),
    ("FROM a\nSHELL []\n", 2, 7, "SHELL: expected at least one argument"),
    ("FROM a\nCOPY a\n", 2, 6, "COPY: expected at least one source and a destination"),
    ("FROM a\nADD\n", 2, 4, "ADD: expected at least one source"),
    ("FROM a\nCOPY a <<EOF\nEOF\n", 2, 8, "expected a destination, found a heredoc"),
    ("FROM a\nCOPY << EOF /a\nEOF\n", 2, 6, "as a word of its own"),
    ("FROM a\nCOPY <<EOF it's /a\nEOF\n", 2, 6, "as a word of its own"),
    ("FROM a\nCOPY a <<EOF /b\nx\n", 2, 8, "unterminated heredoc: expected a line with only 'EOF'"),
    ("FROM a\nENV\n", 2, 4, "ENV: expected at least one argument"),
    ("FROM a\nENV a\n", 2, 5, "ENV: expected a value after 'a'"),
    ("FROM a\nENV a=b \\\n c\n", 3, 2, "ENV: expected NAME=VALUE, found 'c'"),
    ("FROM a\nLABEL =b\n", 2, 7, "LABEL: expected a name before '='"),
    ("FROM a\nARG =b\n", 2, 5, "ARG: expected a name before '='"),
    ("FROM a\nARG\n", 2, 4, "ARG: expected at least one argument"),
    ("FROM a\nEXPOSE\n", 2, 7, "EXPOSE: expected at least one argument"),
    ("FROM a\nVOLUME []\n", 2, 8, "VOLUME: expected at least one argument"),
    ('FROM a\nVOLUME [" "]\n', 2, 8, "VOLUME: expected a path"),
    ("FROM a\nUSER\n", 2, 5, "USER: expected exactly one argument"),
    ("FROM a\nWORKDIR \\\n\n", 2, 8, "WORKDIR: expected exactly one argument"),
    ("FROM a\nHEALTHCHECK\n", 2, 12, "expected CMD or NONE"),
    ("FROM a\nHEALTHCHECK curl x\n", 2, 13, "expected CMD or NONE, found 'CURL'"),
    ("FROM a\nHEALTHCHECK NONE x\n", 2, 18, "NONE: expected no arguments"),
    ("FROM a\nHEALTHCHECK CMD\n", 2, 16, "expected a command"),
    ("FROM a\nHEALTHCHECK --interval=5 CMD x\n", 2, 13, "expected a duration"),
    ("FROM a\nHEALTHCHECK --timeout=1us CMD x\n", 2, 13, "at least 1ms"),
    ("FROM a\nHEALTHCHECK --timeout=-1s CMD x\n", 2, 13, "at least 1ms"),
    ("FROM a\nHEALTHCHECK --retries=-1 CMD x\n", 2, 13, "expected a number from 0"),
    ("FROM a\nONBUILD\n", 2, 8, "ONBUILD: expected an instruction"),
    ("FROM a\nONBUILD ONBUILD RUN a\n", 2, 9, "ONBUILD is not allowed"),
    ("FROM a\nONBUILD from b\n", 2, 9, "FROM is not allowed"),
    ("FROM a\nONBUILD MAINTAINER b\n", 2, 9, "MAINTAINER is not allowed"),
    ("FROM a\nONBUILD RUNN b\n", 2, 9, "unknown instruction 'RUNN'"),
]


@pytest.mark.parametrize(("text", "line", "column", "fragment"), ERRORS)
def test_error(text: str, line: int, column: int, fragment: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text, "Dockerfile")
    where = caught.value.where
    assert where is not None
    assert fragment in caught.value.what
    assert (where.path, where.line, where.column) == ("Dockerfile", line, column)


@pytest.mark.parametrize(
    ("data", "line", "column", "fragment"),
    [
        (b"FROM a\nRUN caf\xe9\n", 2, 8, "not UTF-8: unexpected byte 0xe9"),
        ("FROM a\n# é ".encode() + b"\xff", 2, 5, "0xff"),
        (b"\xff\xfeF\x00", 1, 1, "0xff"),
        (b"FROM a\n\x00", 2, 1, "NUL"),
    ],
)
def test_not_text(data: bytes, line: int, column: int, fragment: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        decode(data, "Dockerfile")
    where = caught.value.where
    assert where is not None
    assert fragment in caught.value.what
    assert (where.line, where.column) == (line, column)


def test_a_byte_order_mark_is_kept_but_not_seen() -> None:
    text = decode(b"\xef\xbb\xbfFROM a\n", "Dockerfile")
    found = tree(text)
    assert found.text.encode() == b"\xef\xbb\xbfFROM a\n"
    assert found.instructions[0].span.column == 1
    with pytest.raises(DockerfileError) as caught:
        parse("\ufeffFROM a b\n", "Dockerfile")
    assert str(caught.value.where) == "Dockerfile:1:8"
