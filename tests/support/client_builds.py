"""Clients of a registry or a server in RUN: recorded, replayed offline, put into a table."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offline_builds import record_and_replay
from results import merge_results
from samebit_command import Samebit
from step_builds import Built, read_image

from samebit.lock.fetch import LockedFetch, of_steps
from samebit.lock.toml import read_lock

BASE = "debian.local/clients:1"
"""Clients of Debian 12 that are tried against servers of the tests' own."""
_PACKAGES = (
    "ca-certificates", "createrepo-c", "curl", "dnf", "git", "libio-socket-ssl-perl",
    "libwww-perl", "nodejs", "php-cli", "php-curl", "python3", "python3-requests", "rpm", "ruby",
    "ruby-bundler", "wget", "wget2",
)  # fmt: skip
_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_TABLE = """# Clients whose fetches are recorded and replayed

Rows come from tests/e2e/clients, perhaps of different days. Each client was recorded once, then its
image was built twice more in a network namespace with nothing but loopback, the first time by an
engine that had never run."""
_VERSION = "[0-9]+([.][0-9]+)+[-+~.0-9A-Za-z]*"
_HEADER = ("Client", "Version", "Recorded requests", "Replays without a network", "Notes")


@dataclass(frozen=True)
class Client:
    """`step` is a RUN's command; `version` a command that prints it."""

    step: str
    version: str
    note: str = ""


def make_clients_base(samebit: Samebit) -> None:
    """Make the base from the real archive."""
    done = samebit.run(
        *("base", "debian", "--suite", "bookworm", "--variant", "minbase"),
        *("--include", ",".join(_PACKAGES), "--tag", BASE),
    )
    assert done.returncode == 0, done.stderr


def folder_of(client: str) -> str:
    """Give the path of what a client fetched, in the image."""
    return f"out/{_slug(client)}"


def recipe(base: str, clients: Mapping[str, Client]) -> str:
    """Word a Dockerfile in which each client has one step, in a folder of its own."""
    lines = [f"FROM {base}", "COPY . /context"]
    for name, client in clients.items():
        lines.append(f"WORKDIR /{folder_of(name)}")
        lines.append(f"RUN {client.step}")
    shown = "({}) 2>&1 | grep -Eo '{}' | head -n 1 > /versions/{}"
    versions = [shown.format(c.version, _VERSION, _slug(name)) for name, c in clients.items()]
    lines.append(f"RUN --network=none mkdir /versions; {'; '.join(versions)}")
    return "\n".join(lines) + "\n"


def prove_clients(samebit: Samebit, context: Path, clients: Mapping[str, Client]) -> Built:
    """Record the context, replay it twice for the same digest, and note each client in the table.

    Gives the recorded image.
    """
    layout = context.with_name(f"{context.name}.oci")
    digests = record_and_replay(samebit, context, f"--output=oci:{layout}")
    assert len(set(digests)) == 1, digests
    image = read_image(layout, digests[0])
    fetches = recorded(context)
    rows = []
    for number, (name, client) in enumerate(clients.items()):
        # As `recipe` words it: FROM, COPY, then two lines a client.
        asked = [f for f in fetches if f.instruction == f"0/{3 + 2 * number}"]
        assert asked, f"{name} asked for nothing"
        version = image.text(f"versions/{_slug(name)}").strip()
        assert version, f"{name} has no version"
        rows.append((name, version, str(len(asked)), _replays(digests), client.note))
    note_clients(rows)
    return image


def prove_example(
    samebit: Samebit, folder: Path, example: str, clients: Mapping[str, tuple[str, str]]
) -> None:
    """Record and replay a copy of an example, for one digest, and note its clients in the table.

    `clients` maps a name to the Debian package that it comes from and the step that runs it.
    """
    context = folder / example
    digests = record_and_replay(samebit, copy_example(example, context))
    assert len(set(digests)) == 1, digests
    fetches = recorded(context)
    rows = []
    for name, (package, step) in clients.items():
        asked = [f for f in fetches if f.instruction == step]
        assert asked, f"{name} asked for nothing"
        note = f"examples/{example}, the real registry"
        version = deb_version(context, package)
        rows.append((name, version, str(len(asked)), _replays(digests), note))
    note_clients(rows)


def deb_version(context: Path, package: str) -> str:
    """Give the upstream version of a Debian package that a base of the context's lock has."""
    lock = read_lock(context / "Dockerfile.lock")
    assert lock is not None
    name = re.compile(rf"/{package}_(?:[0-9]+%3a)?([^_+%-]+)[^/]*[.]deb$")
    return next(m[1] for f in lock.fetches if f.base and (m := name.search(f.key.url)))


def copy_example(example: str, target: Path) -> Path:
    """Copy an example without its lock."""
    shutil.copytree(_EXAMPLES / example, target, ignore=shutil.ignore_patterns("*.lock"))
    return target


def bring_base(samebit: Samebit, folder: Path, example: str, base: str) -> None:
    """Have the state folder hold the base that an example's samebit.toml describes."""
    context = folder / f"base-of-{example}"
    context.mkdir()
    shutil.copy(_EXAMPLES / example / "samebit.toml", context)
    (context / "Dockerfile").write_text(f"FROM {base}\n")
    samebit.build(context)


def recorded(context: Path) -> tuple[LockedFetch, ...]:
    """Give what the steps of a context's lock fetched."""
    lock = read_lock(context / "Dockerfile.lock")
    assert lock is not None
    return of_steps(lock.fetches)


def note_clients(rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    """Put rows into docs/results/clients.md."""
    merge_results("clients.md", _TABLE, _HEADER, rows)


def _replays(digests: Sequence[str]) -> str:
    return f"{len(digests) - 1} of {len(digests) - 1}, same digest"


def _slug(client: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", client.lower()).strip("-")
