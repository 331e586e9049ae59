import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.dockerfile.expand import expand
from samebit.dockerfile.lowering_modes import ModeError, parse_chmod
from samebit.dockerfile.lowering_text import Lines, flag, json_command, json_words, word
from samebit.errors import MachineError, Place

PLACE = Place("Dockerfile", 1)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))
ENVIRONMENT = dict.fromkeys(("A", "HOME", "PATH", "x"), "expanded")


@given(VALUES)
def test_a_quoted_word_expands_to_itself(value: str) -> None:
    assert expand(word(value, PLACE), ENVIRONMENT, escape="\\", where=PLACE) == value


@given(st.lists(VALUES, min_size=1))
def test_json_words_are_json_of_quoted_words(values: list[str]) -> None:
    text = json_words(values, PLACE)
    assert text.isascii()
    assert "\n" not in text
    found = [expand(w, ENVIRONMENT, escape="\\", where=PLACE) for w in json.loads(text)]
    assert found == values


@given(st.lists(st.text(), min_size=1))
def test_commands_survive_and_show_nothing_to_expand(values: list[str]) -> None:
    text = json_command(tuple(values))
    assert json.loads(text) == values
    assert not set("$<`\n") & set(text)


def joined_by_the_engine(lines: list[str]) -> str:
    """What a Dockerfile parser makes of folded lines: comments and blank lines are dropped."""
    text = ""
    for number, line in enumerate(lines):
        if number and (not line.strip() or line.lstrip().startswith("#")):
            continue
        text += re.sub(r"\\[ \t]*$", "", line) if number < len(lines) - 1 else line
    return text


@given(st.lists(st.text(st.sampled_from("ab \\#\t\n$"), min_size=50, max_size=400), min_size=1))
def test_folded_lines_join_to_the_same_text(pieces: list[str]) -> None:
    text = "RUN " + json_command(tuple(piece * 60 for piece in pieces))
    lines = Lines()
    lines.add(text, None)
    assert joined_by_the_engine(lines.texts) == text
    assert max(map(len, lines.texts)) <= 8001
    assert len(lines.texts) == len(lines.origins) == lines.text().count("\n")


def test_long_values_fold_around_number_signs() -> None:
    text = "ENV A=" + word(("#" * 79 + "x ") * 500, PLACE)
    lines = Lines()
    lines.add(text, None)
    assert len(lines.texts) > 4
    assert joined_by_the_engine(lines.texts) == text
    with pytest.raises(MachineError, match="number signs"):
        lines.add("ENV A=" + word("#" * 20_000, PLACE), None)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_line_breaks_cannot_be_quoted(value: str) -> None:
    with pytest.raises(MachineError):
        word(value, PLACE)


def test_flags_are_escaped_twice() -> None:
    assert flag("mount", "target=/a b", PLACE) == "--mount=target=/a\\ b"
    assert flag("mount", "a$b", PLACE) == "--mount=a\\\\$b"
    assert flag("mount", "a'b", PLACE) == "--mount=a\\\\\\'b"
    with pytest.raises(MachineError):
        flag("mount", "ü", PLACE)


@pytest.mark.parametrize(
    ("chmod", "mode", "directory", "expected"),
    [
        ("755", 0o600, False, 0o755),
        ("4711", 0o600, True, 0o4711),
        ("+x", 0o644, False, 0o755),
        ("u+x", 0o644, False, 0o744),
        ("a=r", 0o755, False, 0o444),
        ("u=rwX,go=rX", 0o600, False, 0o644),
        ("u=rwX,go=rX", 0o700, False, 0o755),
        ("u=rwX,go=rX", 0o600, True, 0o755),
        ("g=u", 0o750, False, 0o770),
        ("o-rwx,g-w", 0o777, False, 0o750),
        ("u+s,g+s,+t", 0o755, False, 0o7755),
        ("u=rw", 0o4755, False, 0o655),
        ("u=rwx", 0o4755, True, 0o4755),
        ("go=", 0o777, False, 0o700),
        ("u=rw+x-w", 0o000, False, 0o500),
        ("ug+w,o=g", 0o444, False, 0o666),
    ],
)
def test_chmod(chmod: str, mode: int, directory: bool, expected: int) -> None:
    assert parse_chmod(chmod).apply(mode, directory=directory) == expected


@pytest.mark.parametrize("chmod", ["", "888", "10000", "u", "u+z", "rwx", "u+x,", "+x=", "9+x"])
def test_malformed_chmod(chmod: str) -> None:
    if chmod == "+x=":
        # An operator without permissions is valid, as for chmod(1).
        assert parse_chmod(chmod).apply(0o777, directory=False) == 0
        return
    with pytest.raises(ModeError):
        parse_chmod(chmod)
