"""`samebit verify` with the real engine: what is identical is called so, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from engine_chroot import engine_of, other_suites
from glibc_base import glibc_base
from json_schema import faults
from loopback_registry import LoopbackRegistry
from running_build import running
from samebit_command import Samebit
from sarif_rules import faults as sarif_faults

from samebit.engines.own_storage import _is_used
from samebit.engines.user_namespace import why_not

pytestmark = pytest.mark.e2e
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "json" / "verify.schema.json").read_text("utf-8")
)
# Nothing in it asks the clock, so that tests need not wait.
SOON = "--apart=0"


@dataclass(frozen=True)
class Verified:
    """What a verification told; `axes` and `lines` by path."""

    code: int
    document: Mapping[str, Any]
    stderr: str
    axes: Mapping[str, list[str]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    unvaried: frozenset[str] = frozenset()

    def reason(self, axis: str) -> str:
        return next(one["reason"] for one in self.document["notVaried"] if one["axis"] == axis)

    @property
    def varied(self) -> set[str]:
        return {one["axis"] for one in self.document["varied"]}


@dataclass(frozen=True)
class Verifier:
    """Runs the command in a context that may stand on `base` and `glibc`."""

    samebit: Samebit
    context: Path
    bases: Mapping[str, Path]

    def write(self, dockerfile: str) -> None:
        (self.context / "Dockerfile").write_text(dockerfile)

    def arguments(self, *options: str | Path) -> list[str | Path]:
        bases = [f"--build-context={name}=oci-layout://{at}" for name, at in self.bases.items()]
        return ["verify", "--progress=plain", *bases, *options, self.context]

    def __call__(self, dockerfile: str, *options: str | Path) -> Verified:
        self.write(dockerfile)
        done = self.samebit.run(*self.arguments("--json", SOON, *options))
        assert done.returncode in {0, 1}, done.stderr
        document = json.loads(done.stdout)
        assert faults(document, SCHEMA) == []
        assert document["identical"] is (done.returncode == 0)
        differences = document["differences"]
        return Verified(
            done.returncode,
            document,
            done.stderr,
            {one["path"]: one["axes"] for one in differences},
            {one["path"]: one["instruction"]["line"] for one in differences if one["instruction"]},
            frozenset(one["path"] for one in differences if one["unvaried"]),
        )


@pytest.fixture(scope="session")
def glibc_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return glibc_base(tmp_path_factory.mktemp("glibc") / "layout")


@pytest.fixture
def verify(samebit: Samebit, base_layout: Path, glibc_layout: Path, tmp_path: Path) -> Verifier:
    context = tmp_path / "context"
    context.mkdir()
    return Verifier(samebit, context, {"base": base_layout, "glibc": glibc_layout})


HONEST = """\
FROM base AS tools
RUN mkdir /made && echo one > /made/one
FROM base
COPY data script /srv/
RUN echo two > /srv/two && ln /srv/two /srv/three && env | sort > /srv/env
COPY --from=tools /made/ /srv/
RUN rm /srv/data
"""


def test_an_honest_build_is_identical_under_every_axis(verify: Verifier, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    (verify.context / "data").write_bytes(b"data")
    (verify.context / "script").write_bytes(b"#!/bin/sh\n")
    (verify.context / "script").chmod(0o755)
    found = verify(HONEST, f"--html={page}")
    assert found.code == 0, found.document
    assert "Identical under " in page.read_text("utf-8")
    assert {"processors", "host-name", "kernel", "path", "mtimes", "umask", "storage"} <= (
        found.varied
    )
    # What is not varied says why: these programs are static.
    assert "linked statically" in found.reason("clock")
    assert all(one["reason"] for one in found.document["notVaried"])
    assert found.document["asBuilt"]["identical"] is True
    assert [bool(one["varied"]) for one in found.document["builds"]] == [False, True]
    assert "recording one" in found.stderr
    assert (verify.context / "Dockerfile.lock").exists()
    # The same as an ordinary build.
    bases = verify.arguments()[2:-1]
    digest = verify.samebit.build("--no-cache", *bases, verify.context)
    assert digest == found.document["digest"]


def test_an_expected_image_is_compared(verify: Verifier, tmp_path: Path) -> None:
    (verify.context / "data").write_bytes(b"one")
    dockerfile = "FROM base\nCOPY data /srv/data\n"
    verify.write(dockerfile)
    other = tmp_path / "other.oci"
    bases = verify.arguments()[2:-1]
    digest = verify.samebit.build(f"-ooci:{other}", *bases, verify.context)
    (verify.context / "data").write_bytes(b"two")
    changed = verify(dockerfile, "--vary=mtimes", f"--against=oci:{other}")
    assert changed.code == 1
    assert changed.document["expected"]["digest"] == digest
    assert changed.lines == {"/srv/data": 2}
    assert changed.document["diff"]["grade"] == "different"
    # A digest alone, of an image that is nowhere.
    missed = verify(dockerfile, "--vary=mtimes", f"--expect=sha256:{'0' * 64}")
    assert missed.code == 1
    assert missed.document["diff"] is None
    assert "the builds themselves are identical under mtimes" in missed.document["verdict"]


def test_a_published_image_is_compared(
    verify: Verifier, registry: LoopbackRegistry, tmp_path: Path
) -> None:
    (verify.context / "data").write_bytes(b"one")
    dockerfile = "FROM base\nRUN mkdir -p /srv; echo a > /srv/a\nCOPY data /srv/data\n"
    verify.write(dockerfile)
    bases = verify.arguments()[2:-1]
    name = f"{registry.address}/verified/app:1"
    digest = verify.samebit.build("-t", name, "--push", *bases, verify.context)
    other = verify.samebit.with_home(tmp_path / "other")
    elsewhere = replace(verify, samebit=other)
    same = elsewhere(dockerfile, "--vary=mtimes,network", f"--against=docker://{name}")
    assert same.code == 0, same.document
    assert same.document["digest"] == digest
    assert f"and the same as docker://{name}" in same.document["verdict"]
    (verify.context / "data").write_bytes(b"two")
    changed = elsewhere(dockerfile, "--vary=mtimes", f"--against=docker://{name}")
    assert changed.code == 1
    assert changed.document["expected"]["digest"] == digest
    assert changed.lines == {"/srv/data": 3}


@pytest.mark.prove
def test_one_platform_of_a_published_index_is_compared(
    verify: Verifier, registry: LoopbackRegistry
) -> None:
    (verify.context / "data").write_bytes(b"one")
    dockerfile = "FROM scratch\nCOPY data /data\n"
    verify.write(dockerfile)
    name = f"{registry.address}/verified/many:1"
    both = "--platform=linux/amd64,linux/arm64"
    verify.samebit.build("-t", name, "--push", both, verify.context)
    (verify.context / "Dockerfile.lock").unlink()
    found = verify(dockerfile, "--vary=mtimes", f"--against=docker://{name}")
    assert found.code == 0, found.document


PLANTED = """\
FROM base AS tools
RUN mkdir /made && hostname > /made/name && echo same > /made/same
FROM base
RUN mkdir /out && nproc > /out/processors && echo same > /out/same
RUN hostname > /out/name
COPY --from=tools /made /out/copied
RUN head -c 16 /dev/urandom > /out/random
"""


def test_planted_faults_are_found_with_their_axis_and_line(
    verify: Verifier, tmp_path: Path
) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("processors cannot be varied")
    page = tmp_path / "page.html"
    kept = tmp_path / "kept"
    found = verify(PLANTED, "--vary=processors,host-name", f"--html={page}", f"--keep={kept}")
    assert found.code == 1
    assert found.axes == {
        "/out/name": ["host-name"],
        "/out/copied/name": ["host-name"],
        "/out/processors": ["processors"],
        "/out/random": [],
    }
    assert found.unvaried == {"/out/random"}
    assert found.lines == {
        "/out/name": 5,
        "/out/copied/name": 6,
        "/out/processors": 4,
        "/out/random": 7,
    }
    copied = next(one for one in found.document["differences"] if one["path"] == "/out/copied/name")
    assert copied["origin"]["line"] == 2
    assert {"build-1", "build-2"} == {path.name for path in kept.iterdir()}
    html = page.read_text("utf-8")
    assert "4 paths not the same in 2 builds" in html
    assert "/out/processors" in html


def test_a_moved_clock_is_seen_through(verify: Verifier) -> None:
    dockerfile = "FROM glibc\nRUN mkdir /out; date +%Y > /out/year\nRUN echo same > /out/same\n"
    found = verify(dockerfile, "--vary=clock")
    assert found.code == 1
    assert found.axes == {"/out/year": ["clock"]}
    assert found.lines == {"/out/year": 2}


@pytest.mark.prove
def test_what_shows_how_it_is_varied_is_not_called_different(verify: Verifier) -> None:
    dockerfile = "FROM glibc\nRUN env > /env\n"
    found = verify(dockerfile, "--vary=clock,hash-seed,host-name")
    assert found.code == 0, found.document
    assert found.varied == {"host-name"}
    assert "/env" in found.reason("clock")


@pytest.mark.prove
def test_a_program_that_fails_under_an_axis_does_not_fail_the_verification(
    verify: Verifier,
) -> None:
    dockerfile = 'FROM base\nRUN case "$(uname -r)" in 2.*) exit 3;; esac; echo a > /a\n'
    found = verify(dockerfile, "--vary=kernel,host-name")
    assert found.code == 0, found.document
    assert found.varied == {"host-name"}
    assert "exit status 3" in found.reason("kernel")


@pytest.mark.prove
def test_process_ids_are_found(verify: Verifier) -> None:
    # Not $$, which is 1: another shell.
    dockerfile = "FROM base\nRUN mkdir /out; sh -c 'true; echo $$' > /out/id; echo a > /out/a\n"
    found = verify(dockerfile, "--vary=process-ids,host-name")
    assert found.code == 1
    assert found.axes == {"/out/id": ["process-ids"]}
    assert found.lines == {"/out/id": 2}


TOLD_BY_THE_MACHINE = """\
FROM base
COPY data /srv/data
RUN mkdir /out; chown 7:8 /srv/data; chmod 2750 /out; cat /proc/self/uid_map > /out/map
RUN cat /proc/net/fib_trie > /out/address; echo a > /out/a
"""


@pytest.mark.skipif(bool(why_not()), reason="needs root and user namespaces")
def test_what_an_ordinary_user_and_another_address_change_is_found(verify: Verifier) -> None:
    (verify.context / "data").write_bytes(b"data")
    found = verify(TOLD_BY_THE_MACHINE, "--vary=user,owner,umask,network")
    assert found.code == 1, found.stderr
    assert found.varied == {"user", "owner", "umask", "network"}
    assert found.axes == {"/out/map": ["user"], "/out/address": ["network"]}
    assert found.lines == {"/out/map": 3, "/out/address": 4}


@pytest.mark.prove
@pytest.mark.skipif(bool(why_not()), reason="needs root and user namespaces")
@pytest.mark.parametrize("driver", ["storage", "-storage"])
def test_an_ordinary_user_builds_the_same(verify: Verifier, driver: str) -> None:
    (verify.context / "data").write_bytes(b"data")
    (verify.context / "data").chmod(0o600)
    honest = TOLD_BY_THE_MACHINE.replace("/proc/self/uid_map", "/etc/passwd").replace(
        "/proc/net/fib_trie", "/etc/group"
    )
    found = verify(honest, f"--vary=all,{driver}")
    assert found.code == 0, found.document
    assert "user" in found.varied


@pytest.mark.prove
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a chroot")
def test_an_engine_that_is_named_builds(verify: Verifier, tmp_path: Path) -> None:
    engine = engine_of(other_suites()[0])
    assert engine.folder is not None
    inside = replace(verify, samebit=engine.samebit(tmp_path / "home", "overlay"))
    usual, other = shutil.which("buildah"), engine.folder / "buildah"
    (verify.context / "data").write_bytes(b"data")
    found = inside(
        "FROM base\nCOPY data /srv/data\nRUN mkdir -p /out; echo a > /out/a\n",
        *("--vary=engine,host-name", f"--engine=buildah:{usual}"),
        f"--other-engine=buildah:{other}",
    )
    assert found.code == 0, found.document
    assert found.varied == {"engine", "host-name"}
    how = next(one["how"] for one in found.document["varied"] if one["axis"] == "engine")
    assert str(other) in how
    assert engine.version() in how


def test_an_engine_that_is_not_there_is_told_at_once(verify: Verifier) -> None:
    verify.write("FROM base\nRUN echo a > /a\n")
    for engine, code, told in (
        ("buildah:/nowhere", 6, "there is no program /nowhere"),
        ("docker", 2, "docker"),
    ):
        done = verify.samebit.run(*verify.arguments(f"--other-engine={engine}"))
        assert done.returncode == code, done.stderr
        assert told in done.stderr
        assert "RUN" not in done.stderr


@pytest.mark.prove
def test_a_step_that_waits_for_ever_under_an_axis_is_stopped(verify: Verifier) -> None:
    dockerfile = "FROM base\nRUN case $(uname -r) in 2.6.*) sleep 3000 ;; esac; echo a > /a\n"
    found = verify(dockerfile, "--vary=kernel,host-name", "--step-timeout=5")
    assert found.code == 0
    assert "kernel" not in found.varied
    assert "has not ended after" in found.stderr
    assert "fails under it" in found.reason("kernel")


@pytest.mark.prove
def test_a_checkouts_modes_matter_where_they_are_kept(verify: Verifier) -> None:
    (verify.context / "data").write_bytes(b"data")
    (verify.context / "data").chmod(0o644)
    dockerfile = "FROM scratch\nCOPY data /data\n"
    found = verify(dockerfile, "--vary=mtimes,umask", "--context-modes=keep")
    assert found.code == 1
    assert found.axes == {"/data": ["umask"]}
    assert found.lines == {"/data": 2}
    assert verify(dockerfile, "--vary=mtimes,umask").code == 0


def test_sarif_stands_at_the_line_of_the_dockerfile(verify: Verifier) -> None:
    (verify.context / "data").write_bytes(b"data")
    (verify.context / "data").chmod(0o644)
    verify.write("FROM scratch\nCOPY data /data\n")
    options = ("--sarif", "--vary=umask", "--context-modes=keep", "--no-bisect", SOON)
    done = verify.samebit.run(*verify.arguments(*options))
    assert done.returncode == 1, done.stderr
    log = json.loads(done.stdout)
    assert sarif_faults(log) == []
    (result,) = log["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 2}
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (verify.context / "Dockerfile").as_uri()
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "/data"


def test_a_step_that_fails_is_told_as_by_build(verify: Verifier) -> None:
    verify.write("FROM base\nRUN exit 7\n")
    done = verify.samebit.run(*verify.arguments())
    assert done.returncode == 3
    assert "Dockerfile:2" in done.stderr
    assert done.stdout == ""


def test_a_stale_lock_is_never_rewritten(verify: Verifier) -> None:
    verify.write("FROM base\nLABEL a=b\n")
    assert verify.samebit.run("lock", *verify.arguments()[2:]).returncode == 0
    lock = verify.context / "Dockerfile.lock"
    before = lock.read_bytes()
    verify.write("FROM base\nLABEL a=c\n")
    done = verify.samebit.run(*verify.arguments())
    assert done.returncode == 4
    # Nobody said --locked.
    assert "the lock is stale, and samebit verify forbids to extend it" in done.stderr
    assert lock.read_bytes() == before


def leftovers() -> set[str]:
    """What ended verifications have left in memory: others may run at the same time."""
    return {str(at) for at in Path("/dev/shm").glob("samebit-verify-*") if not _is_used(at)}


@pytest.mark.parametrize(
    ("number", "axes"),
    [
        (signal.SIGINT, "path,directory-order"),
        pytest.param(signal.SIGKILL, "path,directory-order", marks=pytest.mark.prove),
        pytest.param(signal.SIGINT, "user,directory-order", marks=pytest.mark.prove),
        pytest.param(signal.SIGKILL, "user,directory-order", marks=pytest.mark.prove),
    ],
    ids=["INT", "KILL", "INT-user", "KILL-user"],
)
def test_an_interrupt_leaves_nothing(verify: Verifier, number: signal.Signals, axes: str) -> None:
    before = leftovers()
    # Longer than any test waits: the signal ends it.
    verify.write("FROM base\nRUN case $(hostname) in varied*) sleep 100;; esac\n")
    lock = verify.samebit.run("lock", *verify.arguments()[2:])
    assert lock.returncode == 0, lock.stderr
    arguments = verify.arguments(f"--vary=host-name,{axes}", SOON)[2:]
    with running(verify.samebit, *arguments, command="verify") as started:
        last = re.compile(r"build 2 of 2.*RUN case", re.DOTALL)
        assert started.wait_until(lambda one: last.search(one.text()) is not None), started.text()
        started.process.send_signal(number)
        code = started.wait()
    if number == signal.SIGINT:
        assert code == 130, started.text()
        assert "Traceback" not in started.text()
    else:
        # The next one finds what was left and clears it.
        verify.write("FROM base\nLABEL a=b\n")
        (verify.context / "Dockerfile.lock").unlink()
        done = verify.samebit.run(*verify.arguments(f"--vary={axes}", SOON))
        assert done.returncode == 0, done.stderr
    assert leftovers() <= before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--vary=-clok"], "did you mean 'clock'"),
        (["--expect=sha256:12"], "--expect"),
        (["--builds=1"], "builds"),
        (["--expect=sha256:" + "0" * 64, "--against=x"], "exclude each other"),
        (["--file=-"], "standard input"),
    ],
)
def test_what_makes_no_sense_is_refused(verify: Verifier, options: list[str], words: str) -> None:
    verify.write("FROM base\n")
    done = verify.samebit.run(*verify.arguments(*options))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert not (verify.context / "Dockerfile.lock").exists()


@pytest.mark.parametrize(
    ("option", "code", "words"),
    [
        ("--against=oci:/nowhere", 5, "no OCI layout at /nowhere"),
        ("--html=/nowhere/page.html", 6, "cannot write it"),
    ],
)
def test_what_cannot_be_had_is_told_before_anything_is_built(
    verify: Verifier, option: str, code: int, words: str
) -> None:
    verify.write("FROM base\nRUN echo a > /a\n")
    verify.samebit.build(*verify.arguments()[2:])
    done = verify.samebit.run(*verify.arguments(option))
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "RUN" not in done.stderr
