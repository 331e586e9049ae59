"""A group of commands that knows what was probably meant."""

from __future__ import annotations

import click

from samebit.errors import UsageError
from samebit.model.toml_source import nearest


class SuggestingGroup(click.Group):
    """Names the nearest command when there is none of the given name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raises UsageError when there is none."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            raise UsageError(f"there is no command {name!r}", fix=nearest(name, known, "use"))
        return super().resolve_command(ctx, args)
