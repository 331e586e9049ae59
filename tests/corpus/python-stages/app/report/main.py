"""Print a report with the help of three packages."""

import click
import docopt
from markupsafe import escape


@click.command()
def main() -> None:
    """Print what the packages say."""
    options = docopt.docopt("Usage: report [--wide]", argv=["--wide"])
    click.echo(f"{escape('<wide>')} {options['--wide']}")
