"""Walking with pruning and joined expressions must decide as evaluating each path by itself."""

from hypothesis import given
from hypothesis import strategies as st

from samebit.context.ignore import parse_ignore
from samebit.context.patterns import Matched, PatternList

_NAME = st.sampled_from(["a", "b", "ab", "a.c"])
_PATH = st.lists(_NAME, min_size=1, max_size=4).map("/".join)
_PART = st.sampled_from(["a", "b", "*", "**", "a*", "?", "[ab]", "[^a]", "**b", "*.c"])
_RULE = st.builds(
    lambda bang, parts: bang + "/".join(parts),
    st.sampled_from(["", "!"]),
    st.lists(_PART, min_size=1, max_size=3),
)


@given(st.lists(_RULE, max_size=5), st.sets(_PATH, max_size=12))
def test_walk_equals_single_evaluation(rules: list[str], paths: set[str]) -> None:
    patterns = parse_ignore("\n".join(rules).encode(), "x").patterns
    leaves = {p for p in paths if not any(q.startswith(p + "/") for q in paths)}
    seen: dict[str, bool] = {}
    _walk(patterns, "", patterns.root, leaves, seen)
    for leaf in leaves:
        assert seen.get(leaf, True) is patterns.decides(leaf)[0]


def _walk(
    patterns: PatternList, directory: str, state: Matched, leaves: set[str], seen: dict[str, bool]
) -> None:
    prefix = directory + "/" if directory else ""
    children = {p[len(prefix) :].split("/")[0] for p in leaves if p.startswith(prefix)}
    for name in children:
        path = prefix + name
        if path in leaves:
            seen[path] = patterns.covers(path, state)
            continue
        excluded, below = patterns.enter(path, state)
        if not excluded or patterns.may_release_below(path, below):
            _walk(patterns, path, below, leaves, seen)
