from __future__ import annotations

from pathlib import Path

import pytest

from samebit.configuration.samebit_toml import parse_configuration
from samebit.errors import UsageError
from samebit.model.normalising import NO_CHOICES, NormaliserChoices, PathRule

RULE = '[[normalise.rule]]\npath = "/opt/*.log"\naction = "remove"\nreason = "noise"\n'


def parse(text: str) -> NormaliserChoices:
    return parse_configuration(text.encode(), Path("samebit.toml")).normalising


def test_choices() -> None:
    text = '[normalise]\noff = ["python/*", "a/b"]\nkeep = ["/srv/**"]\n' + RULE
    rules = (PathRule("opt/*.log", "remove", "noise"),)
    assert parse(text) == NormaliserChoices(("a/b", "python/*"), ("srv/**",), rules)
    assert parse("") == NO_CHOICES
    assert not parse("[normalise]\n")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[normalise]\noff = ["a b"]', 2, "not a normaliser's name"),
        ('[normalise]\nof = ["a/b"]', 2, "not a known key"),
        ('[normalise]\nkeep = ["srv/x"]', 2, "not a pattern of paths"),
        ('[normalise]\nkeep = ["/srv/../x"]', 2, "not a pattern of paths"),
        ('[normalise]\nkeep = ["/srv/"]', 2, "not a pattern of paths"),
        ('[normalise]\nkeep = ["/"]', 2, "not a pattern of paths"),
        (RULE.replace("noise", " "), 4, "is empty"),
        (RULE.replace('reason = "noise"', ""), 1, "is missing"),
        (RULE.replace("remove", "rewrite"), 3, "is not an action"),
        (RULE.replace("/opt", "opt"), 2, "not a pattern of paths"),
        (RULE + 'more = "x"', 5, "not a known key"),
    ],
)
def test_what_cannot_be_meant(text: str, line: int, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        parse(text)
    assert caught.value.where is not None
    assert caught.value.where.line == line
    assert caught.value.fix
