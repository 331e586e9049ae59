from pathlib import Path

import pytest

from samebit.context.ignore import ignore_file, parse_ignore, read_ignore
from samebit.context.patterns import has_wildcards
from samebit.errors import DockerfileError, Place


def excluded(rules: str, path: str) -> bool:
    return parse_ignore(rules.encode(), ".dockerignore").patterns.decides(path)[0]


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        ("a", "a", True),
        ("a", "b/a", False),
        ("a", "a/b/c", True),
        ("/a", "a", True),
        ("a/", "a", True),
        ("./a//b/../c", "a/c", True),
        ("*", "a", True),
        ("*", "a/b", True),
        ("*/b", "a/b", True),
        ("*/b", "a/c/b", False),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "README.md", True),
        ("**/*.md", "docs/a/README.md", True),
        ("**", "a/b", True),
        ("**/", "a", True),
        ("a/**", "a/b", True),
        ("a/**", "a", False),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "ab/c", False),
        ("**/node_modules", "x/node_modules/y", True),
        ("**/node_modules", "node_modules", True),
        ("**/node_modules", "my_node_modules", False),
        ("**log", "syslog", True),
        ("**/foo/*.py", "a/foo/b.py", True),
        ("a**b", "ab", True),
        ("a**b", "ax/b", True),
        ("a**b", "axb", False),
        ("temp?", "temp1", True),
        ("temp?", "temp12", False),
        ("temp?", "temp/", False),
        ("temp?", "tempé", True),
        ("[a-c].txt", "b.txt", True),
        ("[^a-c].txt", "b.txt", False),
        ("[!a-c].txt", "!.txt", True),
        ("[!a-c].txt", "d.txt", False),
        (r"\*.txt", "*.txt", True),
        (r"\*.txt", "a.txt", False),
        (r"\!keep", "!keep", True),
        ("a.b", "axb", False),
        ("a+(b)|{c}$^", "a+(b)|{c}$^", True),
        ("*\n!a", "a", False),
        ("*\n!a", "b", True),
        ("*\n!a/b", "a/b/c", False),
        ("*\n!a/b", "a/c", True),
        ("!a\na", "a", True),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\n!README*.md\nREADME-secret.md", "README.md", False),
        # BuildKit's walk: a directory's `!` that came before anything was excluded is forgotten.
        ("x/y\n!x", "x/y", True),
        ("# a", "# a", False),
        (" # a", "# a", True),
        ("\ufeffa", "a", True),
        ("a\r", "a", True),
        ("  a  \n\n", "a", True),
        ("! a\n", "a", False),
        ("*\n! a", "a", False),
        ("/", "a", False),
        (".", "a", False),
        ("..", "a", False),
    ],
)
def test_rules_decide_as_docker_does(rules: str, path: str, expected: bool) -> None:
    assert excluded(rules, path) is expected


@pytest.mark.parametrize("rule", ["[", "[]", "[]a]", "[a-]", "[b-a]", "a\\", "!", "[^]", "[-a]"])
def test_malformed_pattern_names_the_line(rule: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse_ignore(f"ok\n{rule}\n".encode(), "x/.dockerignore")
    assert caught.value.where == Place("x/.dockerignore", 2)


def test_the_deciding_rule_is_named() -> None:
    rules = parse_ignore(b"# c\n*\n!src\nsrc/*.o\n", ".dockerignore")
    assert rules.excluded_by(b"src/a.c") is None
    assert rules.excluded_by(b"src/a.o") == Place(".dockerignore", 4)
    assert rules.excluded_by(b"other/x") == Place(".dockerignore", 2)


def test_non_utf8_names_match() -> None:
    rules = parse_ignore(b"caf\xe9*\n", ".dockerignore")
    assert rules.excluded_by(b"caf\xe9.txt") == Place(".dockerignore", 1)
    assert rules.excluded_by("café".encode()) is None


@pytest.mark.parametrize(
    ("rules", "directory", "expected"),
    [
        ("*\n!a/b", "a", True),
        ("*\n!a/b", "c", False),
        ("*\n!a/b", "a/b/c", False),
        ("*\n!a/*/c", "a/x", True),
        ("*\n!**/keep", "deep/down", True),
        ("*\n![^x]y", "z", True),
        ("!a/b\n*", "a", False),
        ("*", "a", False),
    ],
)
def test_directories_are_pruned_unless_something_below_may_return(
    rules: str, directory: str, expected: bool
) -> None:
    patterns = parse_ignore(rules.encode(), ".dockerignore").patterns
    state = patterns.root
    parts = directory.split("/")
    for count in range(1, len(parts) + 1):
        _, state = patterns.enter("/".join(parts[:count]), state)
    assert patterns.may_release_below(directory, state) is expected


def test_the_dockerfiles_own_ignore_file_wins(tmp_path: Path) -> None:
    dockerfile = tmp_path / "build" / "app.Dockerfile"
    dockerfile.parent.mkdir()
    assert ignore_file(tmp_path, dockerfile) is None
    assert not read_ignore(tmp_path, dockerfile).patterns
    (tmp_path / ".dockerignore").write_text("general\n")
    assert ignore_file(tmp_path, dockerfile) == tmp_path / ".dockerignore"
    own = tmp_path / "build" / "app.Dockerfile.dockerignore"
    own.write_text("special\n")
    rules = read_ignore(tmp_path, dockerfile)
    assert rules.path == str(own)
    assert rules.excluded_by(b"special") == Place(str(own), 1)
    assert rules.excluded_by(b"general") is None


def test_wildcards() -> None:
    assert has_wildcards("a*")
    assert has_wildcards("a[b")
    assert not has_wildcards(r"a\*")
