import os
import signal
import threading
import time
from pathlib import Path

import pytest

from samebit.debian import mmdebstrap
from samebit.debian.recipe import DebianBase
from samebit.errors import InputError, MachineError, SamebitError
from samebit.model.platform import Platform

RECIPE = DebianBase("bookworm", include=("make",), platform=Platform("linux", "amd64"))


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("E: Unable to locate package no-such", InputError, "no package no-such"),
        ("E: Version '9' for 'make' was not found", InputError, "no version 9 of the package make"),
        (
            "E: Failed to fetch http://archive.example.org/pool/make_9.deb  404  Not Found",
            InputError,
            "does not have http://archive.example.org/pool/make_9.deb",
        ),
        ("tar: write error: No space left on device", MachineError, "no space left"),
        ("  Temporary failure resolving 'archive.example.org'", InputError, "cannot be reached"),
        (
            (
                "E: The repository 'http://archive.example.org/debian none Release'"
                " does not have a Release file."
            ),
            InputError,
            "no suite of that name",
        ),
        ("W: GPG error: InRelease: NO_PUBKEY 0123456789ABCDEF", InputError, "signature"),
        ("E: newuidmap 4 failed", MachineError, "user namespace"),
        ("E: dpkg broke in a new way", InputError, "exit status 25"),
    ],
)
def test_failures_say_what_to_do(line: str, kind: type[SamebitError], words: str) -> None:
    error = mmdebstrap._failure(RECIPE, 25, ["I: installing", line])
    assert type(error) is kind
    assert words in error.what
    assert error.fix
    assert error.detail == f"I: installing\n{line}"


def test_the_command_leaves_nothing_to_the_host() -> None:
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    command = mmdebstrap._command("mmdebstrap", RECIPE, keyring, privileged=False)
    assert command[-2:] == ["bookworm", "-"]
    assert "--include=make" in command
    assert "--mode=unshare" in command
    assert f"--keyring={keyring}" in command
    assert not any("://" in word for word in command)


def test_the_environment_is_the_same_for_everyone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANG", "cs_CZ.UTF-8")
    monkeypatch.setenv("APT_CONFIG", "/etc/apt/mine.conf")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    environment = mmdebstrap._environment(315619200, tmp_path)
    assert environment["SOURCE_DATE_EPOCH"] == "315619200"
    assert environment["LC_ALL"] == environment["LANG"] == "C.UTF-8"
    assert environment["http_proxy"] == "http://proxy.example.org:3128"
    assert "APT_CONFIG" not in environment


def test_output_goes_to_the_file_and_lines_to_the_listener(tmp_path: Path) -> None:
    said: list[str] = []
    script = "printf tree; printf 'I: one\\n10%%\\r20%%\\rI: two\\n\\377\\n' >&2; exit 25"
    with (tmp_path / "out").open("wb") as output:
        status, lines = mmdebstrap._run(
            ["sh", "-c", script], {"PATH": os.environ["PATH"]}, output, said.append
        )
    assert (tmp_path / "out").read_bytes() == b"tree"
    assert (status, lines) == (25, ["I: one", "I: two", "\ufffd"])
    assert said == lines


def test_an_interrupt_lets_it_clean_up(tmp_path: Path) -> None:
    cleaned = tmp_path / "cleaned"
    ready = tmp_path / "ready"
    script = f"trap 'touch {cleaned}; exit 1' TERM; touch {ready}; while :; do sleep 0.05; done"

    def interrupt_when_ready() -> None:
        while not ready.exists():
            time.sleep(0.01)
        # Not while the process is still being started: then nobody could stop it any more.
        time.sleep(0.3)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt_when_ready, daemon=True).start()
    with (tmp_path / "out").open("wb") as output, pytest.raises(KeyboardInterrupt):
        mmdebstrap._run(["sh", "-c", script], {"PATH": os.environ["PATH"]}, output, None)
    assert cleaned.exists()


def test_a_machine_without_mmdebstrap_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError) as caught:
        mmdebstrap.bootstrap(RECIPE, 0, tmp_path)
    assert "apt-get install mmdebstrap" in (caught.value.fix or "")
