"""`samebit inputs`."""

from __future__ import annotations

from pathlib import Path

import click

from samebit.cli.options import progress_options, style
from samebit.cli.standard_output import print_result
from samebit.cli.suggesting import SuggestingGroup
from samebit.cli.values import parse_tags
from samebit.pipeline.inputs import find_lock, parse_artifact, pull, push, verify
from samebit.pipeline.inputs_gc import collect
from samebit.pipeline.session import open_session
from samebit.report.progress import BuildProgress

_LOCK = click.option(
    "--lock",
    "lock_file",
    metavar="FILE",
    help="The lock (default: Dockerfile.lock or Containerfile.lock here).",
)


@click.group("inputs", cls=SuggestingGroup, short_help="Publish, bring and check recorded bytes.")
def command() -> None:
    """Publish, bring or check the bytes that a lock's fetches stand for.

    A lock names what a build fetched by digest; the bytes are in samebit's store. Published as an
    artifact of a registry, they outlive the servers they came from.
    """


@command.command("push", short_help="Publish the bytes of a lock in a registry.")
@click.argument("reference", metavar="REF")
@_LOCK
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Publish what came from scheme://host[:port], beside the [inputs] origins of samebit.toml;"
    " all that the lock needs must be listed.",
)
@click.option(
    "--subject",
    metavar="IMAGE",
    help="The image that the inputs belong to, in the same repository: its digest, or its name in"
    " the store.",
)
@progress_options
def push_command(
    *,
    reference: str,
    lock_file: str | None,
    origins: tuple[str, ...],
    subject: str | None,
    progress: str,
    quiet: bool,
) -> None:
    """Push the bytes of the lock's fetches to REF as one OCI artifact, and note it in the lock.

    Prints the artifact's name with its digest. Equal bytes give an equal artifact.
    """
    (target,) = parse_tags([reference])
    session = open_session()
    told = BuildProgress(style(progress, quiet=quiet))
    path = find_lock(lock_file)
    done = push(path, target, origins=origins, subject=subject, store=session.store, say=told.say)
    told.say(f"wrote {path}" if done.lock_written else f"{path} named it already")
    print_result(str(done.reference))


@command.command("pull", short_help="Bring the bytes of a lock into the store.")
@click.argument("reference", required=False, metavar="[REF]")
@_LOCK
@progress_options
def pull_command(
    *, reference: str | None, lock_file: str | None, progress: str, quiet: bool
) -> None:
    """Bring what the store lacks from REF, else from the artifact that the lock names."""
    session = open_session()
    told = BuildProgress(style(progress, quiet=quiet))
    named = parse_artifact(reference) if reference is not None else None
    count = pull(find_lock(lock_file), named, session.store, told.say)
    told.say(f"brought {count} bodies" if count else "the store has everything")


@command.command("verify", short_help="Check every byte that a lock needs.")
@click.argument("lock_files", nargs=-1, metavar="[LOCK]...", type=click.Path(path_type=Path))
@progress_options
def verify_command(*, lock_files: tuple[Path, ...], progress: str, quiet: bool) -> None:
    """Check that the store has every body of the locks, intact (exit 5 names what it has not)."""
    session = open_session()
    told = BuildProgress(style(progress, quiet=quiet))
    count = verify(lock_files or (find_lock(None),), session.store)
    told.say(f"{count} bodies are in the store and intact")


@command.command("gc", short_help="Drop bytes that no lock names.")
@click.argument("lock_files", nargs=-1, metavar="[LOCK]...", type=click.Path(path_type=Path))
@click.option("--delete", is_flag=True, help="Really drop them; without, they are only listed.")
@progress_options
def gc_command(*, lock_files: tuple[Path, ...], delete: bool, progress: str, quiet: bool) -> None:
    """List the bodies that no lock names any more; with --delete drop them.

    The locks asked are those that were built with this store and still exist, and each LOCK.
    """
    session = open_session()
    told = BuildProgress(style(progress, quiet=quiet))
    found = collect(session.store, lock_files, delete=delete)
    for digest, _ in found.bodies:
        print_result(str(digest))
    what = f"{len(found.bodies)} bodies of {found.size:,} bytes"
    asked = f"{len(found.locks)} locks were asked"
    if found.bodies:
        told.say(f"dropped {what}; {asked}" if delete else f"--delete would drop {what}; {asked}")
    else:
        told.say(f"every body is needed; {asked}")
