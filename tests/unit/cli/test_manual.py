from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from samebit.cli.group import samebit_command
from samebit.cli.manual import manual_pages

FOLDER = Path(__file__).parents[3] / "man"


def test_the_pages_are_those_of_the_commands() -> None:
    there = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.1")}
    assert there == manual_pages(samebit_command), "run tools/man-pages"
    assert "samebit-build.1" in there
    assert "samebit-inputs-push.1" in there


def test_every_option_of_every_command_is_in_its_page() -> None:
    for name, command in samebit_command.commands.items():
        assert command, name
    context = click.Context(samebit_command)
    for name in samebit_command.list_commands(context):
        command = samebit_command.get_command(context, name)
        assert command is not None
        page = (FOLDER / f"samebit-{name}.1").read_text("utf-8").replace("\\-", "-")
        for param in command.params:
            if isinstance(param, click.Option) and not param.hidden:
                for option in param.opts:
                    assert option in page, (name, option)


def test_no_text_is_taken_for_a_request_of_roff() -> None:
    @click.group(help="First.\n\n'quoted' \\fB --x ~ ^ .dot\n\n.SH EVIL\n\n\b\n.ft B\nas  is")
    @click.option("--a-b", help=".so /etc/passwd")
    def group(a_b: str) -> None:
        del a_b

    page = manual_pages(group, "tool")["tool.1"]
    requests = {line.split()[0] for line in page.splitlines() if line.startswith(".")}
    assert requests <= {'.\\"', ".TH", ".SH", ".PP", ".TP", ".B", ".nf", ".fi"}
    assert "\\&.SH EVIL" in page
    assert "\\&.so /etc/passwd" in page
    assert "\\(aqquoted\\(aq \\efB \\-\\-x \\(ti \\(ha .dot" in page
    assert "as  is" in page
    assert not re.search(r"^'", page, re.MULTILINE)


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.1")), ids=lambda path: path.stem)
def test_man_renders_without_a_warning(path: Path) -> None:
    done = subprocess.run(
        ["man", "-l", "--warnings", str(path)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "SYNOPSIS" in done.stdout
