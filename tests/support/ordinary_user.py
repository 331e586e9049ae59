"""An ordinary user of this machine, with subordinate IDs and a home of his own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from samebit_command import Samebit

USER = "samebit-test"


def home_of_user() -> Path:
    """Give the user's home, and add him to the machine where he is not there. Needs root."""
    try:
        return Path(pwd.getpwnam(USER).pw_dir)
    except KeyError:
        subprocess.run(["useradd", "--create-home", USER], check=True, timeout=60)
        return Path(pwd.getpwnam(USER).pw_dir)


def samebit_of_user(home: Path) -> Samebit:
    """Give the command as the user runs it; `home` is its state folder, and his."""
    environment = {"HOME": str(home_of_user()), "XDG_RUNTIME_DIR": ""}
    return Samebit(home, environment, ("runuser", "-u", USER, "--"))


def can_read_this_checkout() -> bool:
    """Whether the user can run what is tested here."""
    home_of_user()
    command = ["runuser", "-u", USER, "--", sys.executable, "-c", "import samebit.cli"]
    done = subprocess.run(command, cwd="/", capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def new_folder(name: str) -> Path:
    """Give an empty folder in the user's home; `give` makes what is put there his."""
    folder = home_of_user() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def give(folder: Path) -> None:
    """Make the user the owner of everything in a folder."""
    subprocess.run(["chown", "-R", f"{USER}:", os.fspath(folder)], check=True, timeout=120)
