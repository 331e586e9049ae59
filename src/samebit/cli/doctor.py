"""`samebit doctor`: what this machine lacks."""

from __future__ import annotations

import sys

import click

from samebit.cli.options import engine_option
from samebit.cli.standard_output import print_result
from samebit.errors import MachineError
from samebit.pipeline.doctor import diagnose
from samebit.report.doctor_json import doctor_json
from samebit.report.doctor_text import write_diagnosis

_CANNOT_BUILD = MachineError.exit_code


@click.command("doctor", short_help="Find out what this machine lacks, and how to mend it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@engine_option
@click.pass_context
def command(context: click.Context, *, as_json: bool, engine: str | None) -> None:
    """Try what builds need on this machine, and say what mends each lack.

    Containers are really started, storages really written, namespaces really made; all of it is
    removed again. Exits with 0 when this machine builds images, 6 when it cannot.
    """
    diagnosis = diagnose(engine)
    if as_json:
        print_result(doctor_json(diagnosis))
    else:
        write_diagnosis(diagnosis, sys.stdout)
    context.exit(0 if diagnosis.able else _CANNOT_BUILD)
