"""Values that are known by what they are called: of nothing else is known what they are."""

from __future__ import annotations

import io
import lzma
import random
import struct
import zipfile

import pytest
from explained import explained, make_tar, only_cause

from samebit.explain.content import Held
from samebit.explain.explain import explain
from samebit.explain.protocol import Pair
from samebit.model.explanation import Cause, Confidence


def first(
    a: bytes | str, b: bytes | str, path: bytes = b"srv/file", instruction: str = ""
) -> Cause:
    """Explain contents of builds about which nothing is known."""
    sides = [side.encode() if isinstance(side, str) else side for side in (a, b)]
    pair = Pair(path, Held(sides[0]), Held(sides[1]), instruction=instruction)
    return explain(pair).causes[0]


_FREE = "Filesystem 1K-blocks Used Available Use% Mounted on\noverlay 1000 {} {} 5% /\n"
_PS = "PID   USER     TIME  COMMAND\n    1 root      0:00 sh -c a\n   {} root      0:00 ps\n"
_MOUNT = "29 24 0:{} / / rw,relatime - overlay overlay rw,lowerdir=/var/l/{}\n"


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("host/name", "build_host: alpha\n", "build_host: beta-7.example.org\n"),
        ("host/name", "built on the host alpha\n", "built on the host beta\n"),
        ("host/user", "user name alice\n", "user name bob\n"),
        ("host/user", '{"built-by": "alice"}', '{"built-by": "bob"}'),
        ("host/kernel", "kernel: 6.1.0-18-amd64\n", "kernel: 6.12.9\n"),
        ("host/locale", "LANG=C\n", "LANG=de_DE.UTF-8\n"),
        ("host/time-zone", "timezone: UTC\n", "timezone: NZST\n"),
        ("host/processors", "worker_processes 2;\n", "worker_processes 16;\n"),
        ("host/memory", "MemAvailable:   12345678 kB\n", "MemAvailable:   12345999 kB\n"),
        ("host/memory", "buffer_pool_size = 512M\n", "buffer_pool_size = 768M\n"),
        ("host/disk", _FREE.format(400, 600), _FREE.format(401, 599)),
        ("host/uptime", "1234.56 2345.67\n", "1240.01 2350.99\n"),
        ("host/load", "0.00 0.01 0.05 1/123 4567\n", "0.10 0.02 0.05 2/124 4599\n"),
        ("host/inode", "inode 123456 /srv/a\n", "inode 123987 /srv/a\n"),
        ("host/mounts", _MOUNT.format(41, "ab"), _MOUNT.format(52, "cd")),
        ("host/network", "mac address: 02:42:ac:11:00:02\n", "mac address: 6e:01:9f:33:7a:10\n"),
        ("network/port", "listen_port = 34567\n", "listen_port = 45123\n"),
        ("host/processor-model", "cpu MHz\t\t: 2400.000\n", "cpu MHz\t\t: 2399.998\n"),
        ("process/list", _PS.format(" 17"), _PS.format("123")),
        ("process/address", "<object at 0x7f12a4c3d2e0>\n", "<object at 0x7fe2b8801190>\n"),
        ("value/number", "threshold = 0.8444218515250481\n", "threshold = 0.7579544029403025\n"),
        ("random/token", "password = aB3xQ9zLmP4k\n", "password = Zk29sLq0QwT7\n"),
    ],
)
def test_values_by_their_names(name: str, a: str, b: str) -> None:
    cause = first(a, b)
    assert cause.name == name
    assert cause.evidence
    assert cause.fix


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # An ordinary change is no fact about the machine.
        ("color = red\n", "color = blue\n"),
        ("the host was kind\n", "the host was rude\n"),
        ("enabled\n", "disabled\n"),
    ],
)
def test_other_words_have_no_cause(a: str, b: str) -> None:
    assert explained(a, b).causes == ()


@pytest.mark.parametrize(
    "line", ["user=app color={}\n", "{} # see user.html\n", "host: example.org, mode: {}\n"]
)
def test_a_label_speaks_of_the_value_behind_it(line: str) -> None:
    sides = (Held(line.format(word).encode()) for word in ("red", "blue"))
    assert not explain(Pair(b"srv/file", *sides)).causes


def test_what_is_known_of_the_builds_decides() -> None:
    """Where the builds' host names are known, another word is not one, whatever it is called."""
    cause = only_cause("hostname: alpha-host\n", "hostname: beta\n")
    assert (cause.name, cause.confidence) == ("host/name", Confidence.CERTAIN)
    names = {cause.name for cause in explained("hostname: gamma\n", "hostname: delta\n").causes}
    assert "host/name" not in names


def test_a_checksum_is_that_of_another_file() -> None:
    a, b = (random.Random(seed).randbytes(32).hex() for seed in (1, 2))
    assert first(f"{a}  /srv/stamp\n", f"{b}  /srv/stamp\n", b"srv/SHA256SUMS").name == (
        "derived/checksum"
    )


def test_random_bytes_are_the_last_resort() -> None:
    a, b = (random.Random(seed).randbytes(512) for seed in (1, 2))
    cause = first(a, b)
    assert (cause.name, cause.confidence) == ("random/bytes", Confidence.POSSIBLE)
    assert explained(b"text " * 20, bytes(100)).causes == ()


def test_a_time_as_a_number_of_unknown_builds_is_only_possible() -> None:
    a, b = (b"IDX1" + struct.pack(">I", 1777888800 + later) for later in (0, 37))
    cause = first(a, b)
    assert (cause.name, cause.confidence) == ("clock/number", Confidence.POSSIBLE)
    far = b"IDX1" + struct.pack(">I", 1777888800 - 400 * 86400)
    assert explain(Pair(b"f", Held(a), Held(far))).causes == ()
    # Digits of a text encode times, too.
    assert first("jitter = 0.305608\n", "jitter = 0.514664\n").name == "value/number"


def test_an_environment_written_out() -> None:
    text = "PATH=/bin\nHOME=/root\nRUNNER={}\n"
    cause = first(text.format("seven"), text.format("eleven"))
    assert cause.name == "host/environment"
    assert cause.evidence[0].meaning_a == "variable RUNNER"


def test_races() -> None:
    merged = [f"compile unit {n}" for n in range(9)], [f"link part {n}" for n in range(9)]
    a = "\n".join(merged[0] + merged[1]) + "\n"
    b = "\n".join(line for both in zip(*merged, strict=True) for line in both) + "\n"
    assert only_cause(a, b).name == "race/interleaved"
    assert first(a, b, instruction="RUN (a & b) > log; wait").name == "race/interleaved"
    assert first(a, b, instruction="RUN sh ./all > log").name == "order/lines"
    # What one find told is no race, even where the lines of two directories kept their order.
    listed = [text.replace("compile ", "/bin/").replace("link ", "/lib/") for text in (a, b)]
    assert only_cause(*listed).name == "order/lines"
    shuffled = random.Random(1).sample(a.splitlines(), 18)
    assert only_cause(a, "\n".join(shuffled) + "\n").name == "order/lines"
    outcome = first("fast\n", "slow\n", instruction="RUN a & b & wait")
    assert (outcome.name, len(outcome.evidence)) == ("race/outcome", 1)
    assert explained("fast\n", "slow\n").causes == ()


def test_xz_with_other_threads_and_cpio_with_other_inodes() -> None:
    data = b"words and more words " * 5000
    a, b = (lzma.compress(data, preset=preset) for preset in (0, 6))
    assert only_cause(a, b).name == "archive/packing"

    def cpio(inode: int) -> bytes:
        fields = [inode, 0o100644, 0, 0, 1, 1000, 2, 0, 0, 0, 0]
        body = b""
        for name, content in ((b"a\0", b"x\n"), (b"TRAILER!!!\0", b"")):
            sizes = [*fields[:6], len(content), *fields[7:], len(name), 0]
            header = b"070701" + b"".join(b"%08x" % number for number in sizes)
            member = header + name
            member += bytes(-len(member) % 4)
            body += member + content + bytes(-len(content) % 4)
        return body

    cause = only_cause(cpio(12), cpio(345))
    assert cause.name == "archive/attributes"
    assert "inode 12" in cause.evidence[0].a
    assert "inode 345" in cause.evidence[0].b
    assert only_cause(make_tar(5), make_tar(6)).name == "archive/times"


def test_what_only_looks_like_a_fact_of_the_machine_is_never_certain() -> None:
    for a, b in (
        ("Size: 12 kB\n", "Size: 13 kB\n"),
        ("1.00 2.00\n", "1.50 2.00\n"),
        ("retries 3\n", "retries 4\n"),
        ("release 6.1.0\n", "release 6.2.0\n"),
        ("user: alice\n", "user: bob\n"),
    ):
        found = explain(Pair(b"srv/file", Held(a.encode()), Held(b.encode())))
        assert all(cause.confidence is not Confidence.CERTAIN for cause in found.causes), found


def test_no_secret_is_shown() -> None:
    a, b = (random.Random(seed).randbytes(20).hex() for seed in (1, 2))
    for one, other, name in (
        (f"API_TOKEN={a}\n", f"API_TOKEN={b}\n", "random/text"),
        ("password = aB3xQ9zLmP4k\n", "password = Zk29sLq0QwT7\n", "random/token"),
        ("app:$6$abcdefgh$XyZ12345\n", "app:$6$hgfedcba$ZzZ54321\n", "random/salt"),
    ):
        found = explain(Pair(b"srv/file", Held(one.encode()), Held(other.encode())))
        assert found.causes[0].name == name
        assert found.confidential
        told = repr(found)
        assert not any(word in told for word in (a, b, "aB3x", "abcdefgh", "XyZ1"))
    assert not explain(Pair(b"f", Held(f"id {a}".encode()), Held(f"id {b}".encode()))).confidential


def test_times_in_extra_fields_of_zip_are_times() -> None:
    def made(seconds: int) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            member = zipfile.ZipInfo("a", (1980, 1, 1, 0, 0, 0))
            member.extra = struct.pack("<HHBI", 0x5455, 5, 3, seconds) + b"ux\x01\x00\x01"
            archive.writestr(member, b"x")
        return target.getvalue()

    cause = only_cause(made(1777888800), made(1777978800))
    assert cause.name == "archive/times"
    assert "1777888800" in cause.evidence[0].a
