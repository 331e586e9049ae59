"""Short forms for what axes do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from samebit.variations.protocol import Conditions


def with_step(conditions: Conditions, **fields: Any) -> Conditions:  # noqa: ANN401 - fields of it
    """Change what steps find."""
    return replace(conditions, step=replace(conditions.step, **fields))


def with_engine(conditions: Conditions, **fields: Any) -> Conditions:  # noqa: ANN401 - fields of it
    """Change where the engine works."""
    return replace(conditions, engine=replace(conditions.engine, **fields))


def with_variable(conditions: Conditions, name: str, value: str) -> Conditions:
    """Change a variable of the engine's environment."""
    return with_engine(conditions, environment=(*conditions.engine.environment, (name, value)))


def with_context(conditions: Conditions, **fields: bool) -> Conditions:
    """Change the copy of the build context."""
    return replace(conditions, context=replace(conditions.context, moved=True, **fields))
