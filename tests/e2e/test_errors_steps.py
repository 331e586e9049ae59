"""Failing steps: exit 3, the Dockerfile's line, the step's own last lines, and nothing written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_output import Failure, read_failure
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

TOOLS = """\
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
"""


def fail(samebit: Samebit, context: Path, dockerfile: str, *options: str | Path) -> Failure:
    (context / "Dockerfile").write_text(dockerfile)
    before = sorted(os.listdir(context))
    done = samebit.run("build", *options, "context", cwd=context.parent)
    assert done.stdout == ""
    assert sorted(os.listdir(context)) == before
    return read_failure(done.returncode, done.stderr, progress=True)


def test_a_failing_run(samebit: Samebit, busybox_context: Path) -> None:
    text = TOOLS + "RUN echo out; \\\n    # a note\n    echo err >&2; \\\n    exit 7\n"
    failure = fail(samebit, busybox_context, text)
    assert (failure.status, failure.code) == (3, "build-failed")
    assert failure.where == "context/Dockerfile:4:1"
    assert failure.what == "RUN echo out; echo err >&2; exit 7 ended with exit status 7"
    # Two streams, which the engine reads side by side.
    assert sorted(failure.detail) == ["err", "out"]


def test_only_the_last_lines_are_repeated(samebit: Samebit, busybox_context: Path) -> None:
    failure = fail(samebit, busybox_context, TOOLS + "RUN seq 500; printf end; false\n")
    assert failure.detail == (*map(str, range(482, 501)), "end")


def test_output_without_line_ends_is_kept_bounded(samebit: Samebit, busybox_context: Path) -> None:
    run = "RUN yes no | tr -d '\\n' | head -c 60000000; echo; echo end; exit 2\n"
    failure = fail(samebit, busybox_context, TOOLS + run, "--progress", "quiet")
    assert failure.what.endswith("exit status 2")
    assert failure.detail[-1] == "end"
    assert sum(map(len, failure.detail)) < 50_000


def test_control_characters_of_a_step_are_shown_not_sent(
    samebit: Samebit, busybox_context: Path
) -> None:
    failure = fail(samebit, busybox_context, TOOLS + r"RUN printf '\033[2Jx\377\n'; false" + "\n")
    assert failure.detail == ("\\x1b[2Jx\ufffd",)


def test_a_heredoc(samebit: Samebit, busybox_context: Path) -> None:
    text = TOOLS + "RUN <<EOF\necho here\nabsent-command\nexit 9\nEOF\n"
    failure = fail(samebit, busybox_context, text)
    assert (failure.status, failure.where) == (3, "context/Dockerfile:4:1")
    assert failure.what == "RUN <<EOF ended with exit status 9"
    # Two streams, which the engine reads side by side.
    assert sorted(failure.detail) == ["/bin/sh: absent-command: not found", "here"]


def test_a_heredoc_without_its_interpreter(samebit: Samebit, busybox_context: Path) -> None:
    failure = fail(samebit, busybox_context, TOOLS + "RUN <<EOF\n#!/bin/absent\nx\nEOF\n")
    assert (failure.status, failure.where) == (3, "context/Dockerfile:4:1")
    assert "#!" in failure.fix


def test_a_trigger_of_a_stage_is_told_where_it_was_written(
    samebit: Samebit, busybox_context: Path
) -> None:
    text = TOOLS + "ONBUILD RUN echo trigger && false\nFROM tools\nRUN echo never\n"
    failure = fail(samebit, busybox_context, text)
    assert (failure.status, failure.where) == (3, "context/Dockerfile:4:9")
    assert failure.detail == ("trigger",)


def test_a_trigger_of_a_base_image_is_told_at_its_from(
    samebit: Samebit, busybox_context: Path, tmp_path: Path
) -> None:
    (busybox_context / "Dockerfile").write_text(TOOLS + "ONBUILD RUN echo trigger && false\n")
    samebit.build("-o", f"oci:{tmp_path}/base", busybox_context)
    (busybox_context / "Dockerfile.lock").unlink()
    text = "# note\nFROM base:1\nRUN echo never\n"
    given = f"--build-context=base:1=oci:{tmp_path}/base"
    failure = fail(samebit, busybox_context, text, given)
    assert (failure.status, failure.where) == (3, "context/Dockerfile:2:1")
    assert failure.what.startswith("RUN echo trigger && false (ONBUILD of base:1) ended with")


@pytest.mark.parametrize(
    ("run", "what", "fix"),
    [
        ('RUN ["/bin/absent", "x"]', "could not be started: exec: ", "no such program"),
        ("RUN exit 137", "exit status 137 (SIGKILL, often for lack of memory)", ""),
        ("RUN sh -c 'kill -SEGV $$'; exit $?", "exit status 139 (SIGSEGV)", ""),
        ("USER absent\nRUN true", 'the image has no user "absent"', "number"),
        ("USER 1:absent\nRUN true", 'the image has no group "absent"', "number"),
        ('RUN echo x > /x; chmod 644 /x\nRUN ["/x"]', "could not be started", "executable"),
        ('RUN echo x > /x; chmod 755 /x\nRUN ["/x"]', "for another processor, or a script", "is"),
        ("COPY --from=tools /absent /x", '"/absent": no such file or directory', ""),
        (
            "RUN --mount=type=bind,from=tools,source=/absent,target=/x true",
            "the source of the mount",
            "source=",
        ),
        ("WORKDIR /bin/sh\nRUN true", "", ""),
    ],
)
def test_steps_that_cannot_be_run(
    samebit: Samebit, busybox_context: Path, run: str, what: str, fix: str
) -> None:
    failure = fail(samebit, busybox_context, f"{TOOLS}FROM tools\n{run}\n")
    assert (failure.status, failure.code) == (3, "build-failed"), failure
    assert failure.where.startswith("context/Dockerfile:")
    assert what in failure.what, failure
    assert fix in failure.fix, failure
    for told in (failure.what, failure.fix, *failure.detail):
        assert str(samebit.home) not in told
        assert "samebit-" not in told
        assert "building at STEP" not in told


def test_a_run_without_a_shell(samebit: Samebit, busybox_context: Path) -> None:
    failure = fail(samebit, busybox_context, 'FROM scratch\nCOPY busybox /\nRUN echo "a": b\n')
    assert (failure.status, failure.where) == (3, "context/Dockerfile:3:1")
    assert "/bin/sh" in failure.what


def test_programs_of_another_processor(samebit: Samebit, busybox_context: Path) -> None:
    binary = bytearray((busybox_context / "busybox").read_bytes())
    # No processor's number, so that no emulator takes it.
    binary[18:20] = b"\xab\xcd"
    (busybox_context / "foreign").write_bytes(binary)
    text = 'FROM scratch\nCOPY --chmod=755 foreign /x\nRUN ["/x"]\n'
    failure = fail(samebit, busybox_context, text, "--platform", "linux/riscv64")
    assert (failure.status, failure.code) == (6, "machine")
    assert "linux/riscv64" in failure.what
    assert "qemu-user-static" in failure.fix


COPIES = [
    ("COPY absent /x", None, "absent: not found in the build context", "relative"),
    ("COPY ./sub/../absent /x", None, "absent", "relative"),
    ("COPY ../outside /x", None, "../outside", "higher directory"),
    ("ADD absent /x", None, "absent: not found in the build context", "relative"),
    ("RUN --mount=type=bind,source=absent,target=/x true", None, "absent", "relative"),
    ("COPY a.log /x", "*.log\n", "kept out of the build context by context/.dockerignore:1", "!"),
    ("COPY sub/b /x", "# no\n\nsub\n", "context/.dockerignore:3", "!sub/b"),
]


@pytest.mark.parametrize(("copy", "ignore", "what", "fix"), COPIES, ids=[c[0] for c in COPIES])
def test_a_missing_source(  # noqa: PLR0917 - the row of the table
    samebit: Samebit, busybox_context: Path, copy: str, ignore: str | None, what: str, fix: str
) -> None:
    (busybox_context / "a.log").write_text("")
    (busybox_context / "sub").mkdir()
    (busybox_context / "sub" / "b").write_text("")
    if ignore is not None:
        (busybox_context / ".dockerignore").write_text(ignore)
    failure = fail(samebit, busybox_context, f"{TOOLS}\n{copy}\n")
    assert (failure.status, failure.code) == (2, "dockerfile")
    assert failure.where.startswith("context/Dockerfile:5:")
    assert what in failure.what
    assert fix in failure.fix


def test_a_failed_build_leaves_the_engine_empty_and_the_next_one_works(
    samebit: Samebit, busybox_context: Path
) -> None:
    fail(samebit, busybox_context, TOOLS + "RUN false\n")
    (busybox_context / "Dockerfile").write_text(TOOLS + "RUN true\n")
    assert samebit.build(busybox_context) == samebit.build("--no-cache", busybox_context)
