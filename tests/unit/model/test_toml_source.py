import pytest

from samebit.errors import Place, UsageError
from samebit.model.toml_source import TomlSource

TEXT = b"""# comment
a = 1
b.c = '''
[not.a.table]
'''  # "comment
list = [
  "x", # ]
  { k = "}" },
]

[t."q.r"]
key = "va#l"
[[many]]
x = 1
[many.sub]
y = 2
[[many]]
x = 3
[[many.deep]]
z = 4
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("a",), 2),
        (("b",), 3),
        (("b", "c"), 3),
        (("list",), 6),
        (("list", 1, "k"), 6),
        (("t", "q.r"), 11),
        (("t", "q.r", "key"), 12),
        (("t", "q.r", "absent"), 11),
        (("many",), 13),
        (("many", 0), 13),
        (("many", 0, "x"), 14),
        (("many", 0, "sub", "y"), 16),
        (("many", 1), 17),
        (("many", 1, "x"), 18),
        (("many", 1, "deep", 0, "z"), 20),
        (("absent",), None),
    ],
)
def test_every_key_has_its_line(key: tuple[str | int, ...], line: int | None) -> None:
    assert TomlSource.parse("f.toml", TEXT).place(*key) == Place("f.toml", line)


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a = 1\nb = \n", 2), (b"a = 1\nb = '\xff'", 2), (b"a = 1\na = 2\n", 2)],
)
def test_broken_files_name_the_line(data: bytes, line: int) -> None:
    with pytest.raises(UsageError) as caught:
        TomlSource.parse("f.toml", data)
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(UsageError, match="TOML"):
        TomlSource.parse("f.toml", b"a = " + b"[" * 100_000)


def test_values_are_taken_by_type() -> None:
    table = TomlSource.parse("f.toml", b"s = 's'\ni = 1\nb = true\nl = ['x']").root()
    assert table.string("s") == "s"
    assert table.integer("i") == 1
    assert table.boolean("b")
    assert table.strings("l") == ("x",)
    table.finish()


@pytest.mark.parametrize("name", ["s", "b"])
def test_a_boolean_or_a_string_is_no_integer(name: str) -> None:
    table = TomlSource.parse("f.toml", b"s = 's'\n\nb = true").root()
    with pytest.raises(UsageError, match=f"{name} must be an integer"):
        table.integer(name)


def test_unknown_keys_are_refused_with_the_nearest_name() -> None:
    table = TomlSource.parse("f.toml", b"suite = 'x'\n\nvarient = 'y'").root()
    table.string("suite")
    table.string("variant", "minbase")
    with pytest.raises(UsageError) as caught:
        table.finish()
    assert str(caught.value) == "f.toml:3: varient is not a known key"
    assert caught.value.fix == "did you mean 'variant'?"
