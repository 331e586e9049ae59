"""What click says about a command line, in the words and the form of all other errors."""

from __future__ import annotations

import click

from samebit.errors import UsageError


def from_click(error: click.ClickException) -> UsageError:
    """Turn an error of click into one of ours, with the way to the command's help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    help_ = f"see: {context.command_path if context else 'samebit'} --help"
    if isinstance(error, click.NoSuchOption):
        fix = f"did you mean {error.possibilities[0]}? {help_}" if error.possibilities else help_
        return UsageError(f"there is no option {error.option_name}", fix=fix)
    if isinstance(error, click.MissingParameter):
        return UsageError(f"{_name(error)} is missing", fix=help_)
    if isinstance(error, click.BadParameter):
        return UsageError(f"{_name(error)}: {_fault(error)}", fix=help_)
    return UsageError(_sentence(error.format_message()), fix=help_)


def _name(error: click.BadParameter) -> str:
    parameter = error.param
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name if parameter else "a value"


def _fault(error: click.BadParameter) -> str:
    kind = error.param.type if error.param else None
    if isinstance(kind, click.types.IntParamType) and "not a valid" in error.message:
        return "not a whole number"
    return _sentence(error.message)


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text[:1].lower() + text[1:]
