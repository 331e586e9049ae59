"""`build --harden` and `--strip`: what RUN and the image get, and what the lock says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from compiled_files import facts_of, found_in, run
from step_builds import Steps

pytestmark = pytest.mark.e2e

ECHO = 'RUN echo "$GOFLAGS|$CGO_ENABLED|$CARGO_INCREMENTAL|$SOURCE_DATE_EPOCH" > '
GO = "-trimpath -buildvcs=false"


def lock_of(steps: Steps) -> Path:
    return steps.context / "Dockerfile.lock"


def test_harden(steps: Steps) -> None:
    text = f"FROM base\n{ECHO}/one\nENV GOFLAGS=-mod=vendor CARGO_INCREMENTAL=1\n{ECHO}/two\n"
    epoch = "--source-date-epoch=1700000000"
    plain = steps.build(text, epoch)
    assert plain.text("one") == "|||1700000000\n"
    built = steps.build(text, epoch, "--harden=rust", "--harden=go")
    assert built.text("one") == f"{GO}||0|1700000000\n"
    # Appended to what the Dockerfile says, or left as it says.
    assert built.text("two") == f"-mod=vendor {GO}||1|1700000000\n"
    lock = lock_of(steps).read_text()
    assert f'language = "go"\nmode = "append"\nname = "GOFLAGS"\nvalue = "{GO}"' in lock
    stale = steps.fails(text, epoch, "--harden=go", "--locked", code=4)
    assert "--harden rust is in the lock but not given any more" in stale
    again = steps.build(text, epoch, "--harden=go", "--harden=rust", "--locked")
    assert again.digest == built.digest


def test_a_profile_of_the_projects_own(steps: Steps) -> None:
    profile = (
        'language = "cobol"\n[environment.COBFLAGS]\n'
        'mode = "set-if-absent"\nvalue = "-q"\nreason = "quiet"\n'
    )
    steps.write({"samebit.toml": '[audit]\ntoolchains = ["own"]\n', "own/cobol.toml": profile})
    text = "FROM base\nRUN echo $COBFLAGS > /one\n"
    assert steps.build(text, "--harden=cobol").text("one") == "-q\n"
    assert 'language = "cobol"\n' in lock_of(steps).read_text()


@pytest.mark.parametrize(
    ("language", "what"),
    [
        ("golang", "there is no toolchain profile 'golang'"),
        ("java", "no variable that would be safe to set"),
    ],
)
def test_languages_that_cannot_be_hardened(steps: Steps, language: str, what: str) -> None:
    assert what in steps.fails("FROM base\nRUN true\n", f"--harden={language}", code=2)


def test_strip(steps: Steps, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main(void) { return 0; }")
    run("gcc", "-g", "-static", "-o", "program", "a.c", cwd=tmp_path)
    run("gcc", "-g", "-c", "a.c", cwd=tmp_path)
    run("ar", "rcU", "lib.a", "a.o", cwd=tmp_path)
    program = (tmp_path / "program").read_bytes()
    bundle = program + b"the payload of a bundle"
    steps.write({"program": program, "lib.a": (tmp_path / "lib.a").read_bytes(), "bundle": bundle})
    (steps.context / "program").chmod(0o755)
    text = "FROM base\nCOPY program lib.a bundle /opt/\nRUN /opt/program\n"
    built = steps.build(text, "--strip")
    assert found_in(facts_of(built.layer["opt/program"].content)) == set()
    assert found_in(facts_of(built.layer["opt/lib.a"].content)) == set()
    assert built.layer["opt/program"].mode == 0o755
    assert built.layer["opt/bundle"].content == bundle
    assert "/opt/bundle cannot be stripped: it carries data behind its last section" in built.stderr
    assert "\nstrip = true\n" in lock_of(steps).read_text()
    assert "--strip is not given, locked otherwise" in steps.fails(text, "--locked", code=4)
    plain = steps.build(text)
    assert plain.layer["opt/program"].content == program
    assert plain.digest != built.digest
