"""What a shell completes the values of options and arguments with."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def folders(_context: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete the name of a folder."""
    return [CompletionItem(typed, type="dir")]


def files(_context: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete the name of a file or folder."""
    return [CompletionItem(typed, type="file")]
