"""The `samebit` command: finds the subcommand, shows errors, sets the exit code."""

from __future__ import annotations

import difflib
import errno
import hashlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType

import click

import samebit
from samebit.errors import MachineError, SamebitError
from samebit.report.terminal import print_error

# Shown in this order; each is the attribute `command` of the module samebit.cli.<name>, loaded when
# it is used, so that `samebit --help` and an unchanged build start fast.
_COMMANDS = ("build", "lock", "diff", "base")
_INTERRUPTED = 130


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            near = difflib.get_close_matches(cmd_name, _COMMANDS, 1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"there is no command {cmd_name!r}{hint}", ctx)
        module = importlib.import_module(f"samebit.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or identical, 1 difference or finding, 2 usage, 3 the build failed"
    " in the engine, 4 lock stale or input missing, 5 input corrupt or unavailable, 6 the machine"
    " or engine lacks something, 70 a bug of samebit.",
)
@click.version_option(samebit.__version__, package_name="samebit", message="%(prog)s %(version)s")
def samebit_command() -> None:
    """Bit-for-bit reproducible OCI images from Dockerfiles as they are."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its documented code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What the caller ignores, as nohup does, stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    # What users see and what we write must not depend on the caller's umask.
    os.umask(0o022)
    try:
        code = samebit_command.main(arguments, prog_name="samebit", standalone_mode=False)
    except SamebitError as error:
        print_error(error)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("samebit: interrupted; nothing half-written was kept", err=True)
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours, told with a report
        full = _disk_full(error)
        if full is None:
            code = _report_bug()
        else:
            print_error(full)
            code = full.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _disk_full(error: Exception) -> MachineError | None:
    """Any write may find the disk full, and that is never a bug of ours."""
    if not isinstance(error, OSError) or error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return None
    reason = os.strerror(error.errno)
    place = f" at {os.fsdecode(error.filename)}" if error.filename is not None else ""
    return MachineError(
        f"cannot write to the disk{place}: {reason}",
        fix="free some space there, or choose another place (SAMEBIT_HOME, TMPDIR)",
    )


def _report_bug() -> int:
    from samebit.pipeline.session import state_folder  # noqa: PLC0415 - only for a bug report

    text = f"samebit {samebit.__version__}, Python {sys.version.split()[0]}\n"
    text += traceback.format_exc()
    name = f"bug-{hashlib.sha256(text.encode()).hexdigest()[:12]}.txt"
    path = state_folder() / "reports" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        told = f"the details are in {path}; please report it"
    except OSError:
        told = "please report it with this:\n" + text
    last = traceback.format_exc().strip().splitlines()[-1]
    click.echo(f"samebit: this is a bug of samebit: {last}\n  {told}", err=True)
    return 70
