"""`samebit completion`: what a shell needs to complete command lines of samebit."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from samebit.cli.standard_output import print_result
from samebit.errors import InternalError

_SHELLS = ("bash", "zsh", "fish")
# What click listens to when a shell asks.
_VARIABLE = "_SAMEBIT_COMPLETE"


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(_SHELLS), metavar="{bash|zsh|fish}")
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and their values.

    \b
    bash: samebit completion bash > ~/.local/share/bash-completion/completions/samebit
    zsh:  samebit completion zsh > "${fpath[1]}/_samebit"
    fish: samebit completion fish > ~/.config/fish/completions/samebit.fish
    """  # noqa: D301 - click reads the mark, not two characters
    kind = get_completion_class(shell)
    if kind is None:
        raise InternalError(f"click completes nothing in {shell}")
    root = context.find_root()
    script = kind(root.command, {}, root.info_name or "samebit", _VARIABLE).source()
    print_result(script.rstrip("\n"))
