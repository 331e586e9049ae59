"""The command group: finds the subcommand and turns every failure into words and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import click

import samebit
from samebit.cli import standard_output
from samebit.cli.click_errors import from_click
from samebit.cli.suggesting import SuggestingGroup
from samebit.errors import InternalError, MachineError, SamebitError
from samebit.report.terminal import print_error

# Shown in this order; each is the attribute `command` of the module samebit.cli.<name>, loaded when
# it is used, so that `samebit --help` and an unchanged build start fast.
_COMMANDS = (
    "build",
    "lock",
    "verify",
    "diff",
    "inputs",
    "normalise",
    "audit",
    "strip",
    "base",
    "doctor",
    "completion",
)
# Whatever we were doing: never a bug of ours.
_MACHINE_ERRNOS = {
    errno.EDQUOT: "free some of your quota",
    errno.EIO: "check the disk",
    errno.EMFILE: "raise the limit on open files: ulimit -n",
    errno.ENFILE: "the whole machine has too many open files",
    errno.ENOMEM: "free some memory",
    errno.ENOSPC: "free some space, or point TMPDIR and SAMEBIT_HOME to a larger disk",
    errno.EROFS: "point TMPDIR and SAMEBIT_HOME to a writable disk",
}


class _LazyGroup(SuggestingGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"samebit.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or identical, 1 difference or finding, 2 usage, 3 the build failed"
    " in the engine, 4 lock stale or input missing, 5 input corrupt or unavailable, 6 the machine"
    " or engine lacks something, 70 a bug of samebit, 130 interrupted.",
)
@click.version_option(samebit.__version__, package_name="samebit", message="%(prog)s %(version)s")
def samebit_command() -> None:
    """Bit-for-bit reproducible OCI images from Dockerfiles as they are."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code. Only KeyboardInterrupt gets out."""
    try:
        code = samebit_command.main(arguments, prog_name="samebit", standalone_mode=False)
        standard_output.flush()
    except InternalError as error:
        return _tell(_bug(error))
    except SamebitError as error:
        return _tell(error)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _tell(from_click(error))
    except click.exceptions.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        standard_output.abandon()
        return 0
    except MemoryError:
        return _tell(MachineError("there is not enough memory", fix="free some, or add swap"))
    except OSError as error:
        if error.errno not in _MACHINE_ERRNOS:
            return _tell(_bug(error))
        return _tell(_machine_error(error))
    except Exception as error:
        # Python's own locks can fail so when an interrupt comes while they are being changed.
        if _follows_interrupt(error):
            raise KeyboardInterrupt from error
        # The last resort: a bug of ours, told with a report.
        return _tell(_bug(error))
    return code if isinstance(code, int) else 0


def _follows_interrupt(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _tell(error: SamebitError) -> int:
    print_error(error)
    return error.exit_code


def _bug(error: Exception) -> SamebitError:
    from samebit.pipeline.bug_report import report_bug  # noqa: PLC0415 - only for a bug

    return report_bug(error, sys.argv[1:], os.environ)


def _machine_error(error: OSError) -> MachineError:
    what = os.strerror(error.errno or 0)
    if isinstance(error.filename, str | bytes):
        what = f"{os.fsdecode(error.filename)}: {what}"
    return MachineError(what, fix=_MACHINE_ERRNOS[error.errno or 0])
