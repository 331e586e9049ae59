"""What buildx says, told apart: steps, their output, and why a build failed."""

from __future__ import annotations

import base64
import json

import pytest

from samebit.engines import shim
from samebit.engines.buildx_words import BuildxOutput, StepNumbers

LOWERED = """\
FROM localhost/samebit/base:0-2 AS s0
ENV SAMEBIT_STEP=0/1
RUN ["true",\\
"x"]
WORKDIR "/a"
WORKDIR "/"
WORKDIR /
COPY --from=samebit-0 ["/a","/b"]
FROM scratch AS s1
COPY --from=s0 ["/a","/b"]
USER 0:0
RUN ["samebit-capture"]
"""


def test_steps_are_found_by_what_buildkit_calls_them() -> None:
    numbers = StepNumbers.of(LOWERED)
    assert numbers.position('[s0 1/5] RUN ["true","x"]') == (1, 3)
    assert numbers.position('[s0 2/5] WORKDIR "/a"') == (1, 4)
    assert numbers.position("[s0 3/5] COPY --from=samebit-0") == (1, 7)
    assert numbers.position("[linux/arm64 s1 1/3] COPY --from=s0") == (2, 2)
    assert numbers.position('[s1 2/3] RUN ["samebit-capture"]') == (2, 4)
    # A version that counts FROM.
    assert numbers.position('[s0 2/5] RUN ["true","x"]') == (1, 3)
    assert numbers.position("[internal] load .dockerignore") is None


def test_a_single_stage_has_no_name() -> None:
    assert StepNumbers.of("FROM b AS s3\nRUN true\n").position("[1/2] RUN true") == (1, 2)


def fed(*statuses: object) -> BuildxOutput:
    output = BuildxOutput()
    for status in statuses:
        output.feed(status if isinstance(status, str) else json.dumps(status))
    return output


def log(data: bytes) -> dict[str, object]:
    return {"logs": [{"vertex": "v", "stream": 1, "data": base64.b64encode(data).decode()}]}


STARTED = {"vertexes": [{"digest": "v", "name": '[s0 2/3] RUN ["x"]', "started": "now"}]}


def failed(error: str) -> dict[str, object]:
    return {"vertexes": [{"digest": "v", "name": '[s0 2/3] RUN ["x"]', "error": error}]}


def test_lines_are_put_together_from_pieces() -> None:
    output = fed(STARTED)
    assert output.feed(json.dumps(log(b"on"))) == ([], [])
    assert output.feed(json.dumps(log(b"e\ntwo\nthr"))) == (
        [],
        [('[s0 2/3] RUN ["x"]', "one"), ('[s0 2/3] RUN ["x"]', "two")],
    )
    ending = fed(
        STARTED,
        log(b"one\nlast"),
        failed('process "x" did not complete successfully: exit code: 7'),
    ).ending()
    assert (ending.output, ending.status, ending.unstarted) == (("one", "last"), 7, False)


def test_a_program_that_did_not_start_is_no_status() -> None:
    ending = fed(
        STARTED,
        log(
            b"runc run failed: unable to start container process: error during container init:"
            b' exec: "x": executable file not found in $PATH\n'
        ),
        failed('process "x" did not complete successfully: exit code: 1'),
    ).ending()
    assert ending.unstarted
    assert ending.status is None
    assert ending.reason == 'exec: "x": executable file not found in $PATH'


def test_an_unknown_user_is_named() -> None:
    ending = fed(STARTED, failed("unable to find user eve: no matching entries in passwd file"))
    assert ending.ending().reason == 'the image has no user "eve"'


@pytest.mark.parametrize(
    ("user", "unknown"),
    [("eve", 'user "eve"'), ("1:eve", 'group "eve"'), ("eve:1", 'user "eve"')],
)
def test_without_a_list_of_users_the_dockerfile_tells_the_name(user: str, unknown: str) -> None:
    error = f"unable to find user {user.partition(':')[0]}: invalid argument"
    assert fed(STARTED, failed(error)).ending().unlisted
    numbers = StepNumbers.of(f'FROM b AS s0\nUSER 0\nRUN a\nUSER "{user}"\nRUN b\nFROM c AS s1\n')
    assert numbers.unknown((1, 5)) == unknown


@pytest.mark.parametrize(("name", "unstarted"), [("RUN x", True), ("COPY --from=a /b c /d", False)])
def test_a_source_is_missing_below_where_buildkit_mounts(name: str, unstarted: bool) -> None:
    error = "x: lstat /var/lib/x y/tmp/buildkit-mount99801/b c: no such file or directory"
    ending = fed(
        {"vertexes": [{"digest": "v", "name": f"[s0 2/2] {name}", "error": error}]}
    ).ending()
    assert ending.unstarted is unstarted
    assert '"/b c"' in ending.reason
    assert "buildkit-mount" not in ending.reason


def test_what_was_only_cancelled_is_not_the_cause() -> None:
    other = {"vertexes": [{"digest": "w", "name": "[s1 1/1] COPY", "error": "context canceled"}]}
    assert fed(STARTED, other, failed("no room")).ending().reason == "no room"


def test_words_that_are_no_status_are_the_reason_where_no_step_failed() -> None:
    assert fed("ERROR: failed to solve: it broke").ending().reason == "it broke"


SNIPPET = """\
Dockerfile:2
--------------------
   1 |     FROM b AS s0
   2 | >>> COPY --from=samebit-0 /x /y
--------------------
ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/x"\
: not found"""


def test_the_line_is_taken_where_no_step_is_named() -> None:
    ending = fed(*SNIPPET.splitlines()).ending()
    assert (ending.vertex, ending.line) == ("", 2)
    assert ending.reason == '"/x": no such file or directory'
    assert StepNumbers.of("FROM b AS s0\nCOPY --from=samebit-0 /x /y\n").lines[2] == (1, 2)


def test_where_no_step_is_named_the_line_tells_what_it_was() -> None:
    snippet = SNIPPET.replace("COPY --from=samebit-0 /x /y", "RUN --mount=type=bind,source=/x true")
    ending = fed(*snippet.splitlines()).ending()
    assert (ending.line, ending.unstarted) == (2, True)
    assert ending.reason == 'samebit: the source of the mount does not exist: "/x"'


def test_the_missing_source_of_a_mount_is_told_as_the_shim_does() -> None:
    ending = fed(STARTED, failed('failed to calculate checksum of ref a::b: "/x": not found'))
    assert ending.ending().unstarted
    assert ending.ending().reason == 'samebit: the source of the mount does not exist: "/x"'


def test_what_waited_for_the_step_that_failed_is_not_the_cause() -> None:
    error = 'process "x" did not complete successfully: exit code: {}'
    other = {"vertexes": [{"digest": "w", "name": "[s1 1/2] RUN", "error": error.format(3)}]}
    output = fed(STARTED, failed(error.format(1)))
    assert output.feed(json.dumps(log(f"{shim.IN_VAIN}\n".encode()))) == ([], [])
    output.feed(json.dumps(other))
    assert (output.ending().status, output.ending().vertex) == (3, "[s1 1/2] RUN")
