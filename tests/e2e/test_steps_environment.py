"""What a RUN step finds around it: environment, host name, network; and that it leaves nothing."""

from __future__ import annotations

import os

import pytest
from step_builds import Built, Item, Steps, directory, pack

from samebit.network.trust import trust_variables

pytestmark = pytest.mark.e2e

TRUST = set(trust_variables())
# The host of the tests may have a proxy; what it passes on is shown by a test of its own.
NO_PROXIES = dict.fromkeys(
    f"{name}_proxy" for name in ("http", "https", "no", "all", "ftp")
) | dict.fromkeys(f"{name}_PROXY" for name in ("HTTP", "HTTPS", "NO", "ALL", "FTP"))
# busybox's shell would add variables of its own.
DUMP = 'RUN ["cp", "/proc/self/environ", "{}"]\n'


def environment(built: Built, path: str) -> dict[str, str]:
    text = built.text(path).rstrip("\0")
    return dict(line.split("=", 1) for line in text.split("\0"))


@pytest.fixture(autouse=True)
def _without_the_hosts_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_PROXIES:
        monkeypatch.delenv(name, raising=False)


def test_run_sees_exactly_the_dockerfiles_variables_and_the_environment_set(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        "ARG WITHOUT\nARG DEFAULT=d\nARG GIVEN=no\nARG HIDDEN=arg\nENV HIDDEN=env\n"
        'ENV EMPTY= QUOTED="a b" BOTH=$DEFAULT$GIVEN LINES="1\\n2" DOLLAR=\\$HOME\n'
        + DUMP.format("/one")
        + "ENV HOME=/elsewhere SOURCE_DATE_EPOCH=5 PYTHONHASHSEED=random SSL_CERT_FILE=/own\n"
        + DUMP.format("/two")
        + "USER app\nENV HOME=\n"
        + "FROM base\nUSER app\n"
        + DUMP.format("/tmp/app")
        + "USER 4242\n"
        + DUMP.format("/tmp/number")
        + "FROM base\nCOPY --from=0 /one /two /\nCOPY --from=1 /tmp/* /\n",
        "--build-arg=GIVEN=yes",
        "--source-date-epoch=1700000000",
        # None of these is the Dockerfile's business.
        LANG="tlh.UTF-8",
        UNDECLARED="leak",
        SOURCE_DATE_EPOCH="",
    )
    one = environment(built, "one")
    trusted = {name: one.pop(name) for name in TRUST if name in one}
    assert trusted == trust_variables()
    assert one == {
        "PATH": "/bin",
        "BASE": "yes",
        "DEFAULT": "d",
        "GIVEN": "yes",
        "HIDDEN": "env",
        "EMPTY": "",
        "QUOTED": "a b",
        "BOTH": "dyes",
        "LINES": "1\\n2",
        "DOLLAR": "$HOME",
        "HOME": "/root",
        "SOURCE_DATE_EPOCH": "1700000000",
        "PYTHONHASHSEED": "0",
        "ZERO_AR_DATE": "1",
    }
    two = environment(built, "two")
    assert two["HOME"] == "/elsewhere"
    assert two["SOURCE_DATE_EPOCH"] == "5"
    assert two["PYTHONHASHSEED"] == "random"
    assert two["SSL_CERT_FILE"] == "/own"
    assert environment(built, "app")["HOME"] == "/home/app"
    assert environment(built, "number")["HOME"] == "/"


def test_host_name_and_hosts_are_fixed_and_read_only(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        "RUN hostname > /name; cat /etc/hosts > /seen; cat /proc/sys/kernel/hostname > /kernel\n"
        "RUN echo 1.2.3.4 evil > /etc/hosts || echo refused > /refused\n"
        "RUN cat /etc/hosts > /again\n"
        # Nothing is mounted there under docker build: the file is the image's own.
        "RUN echo mine > /etc/hostname\n",
    )
    assert built.text("name") == built.text("kernel") == "samebit\n"
    assert built.text("seen") == built.text("again")
    assert built.lines("seen")[0].split() == ["127.0.0.1", "localhost", "samebit"]
    assert built.text("refused") == "refused\n"
    assert built.text("etc/hostname") == "mine\n"
    assert "etc/hosts" not in built.layer


@pytest.mark.parametrize("base", ["scratch", "base"])
def test_run_leaves_nothing_behind(steps: Steps, base: str) -> None:
    steps.write({"file": "x", "secret": "s"})
    first = "COPY --from=base /bin /bin\nCOPY --from=base /etc/passwd /etc/passwd\n"
    built = steps.build(
        f"FROM {base}\n" + (first if base == "scratch" else "") + "ENV PATH=/bin\n"
        "RUN --mount=type=cache,target=/deep/in/cache --mount=type=tmpfs,target=/memory"
        " --mount=type=secret,id=s --mount=type=secret,id=s,target=/root/.token"
        " --mount=type=bind,source=file,target=/opt/one/file"
        " --mount=type=bind,target=/opt/two cat /root/.token /opt/one/file /opt/two/file > /kept\n"
        "RUN --mount=type=secret,id=s,env=S test -n $S\n"
        "RUN <<EOF\n#!/bin/sh\ntrue\nEOF\n"
        "RUN --network=none true\n",
        f"--secret=id=s,src={steps.context / 'secret'}",
        same_on_vfs=True,
    )
    kept = {path for path in built.layer if not path.startswith("bin")}
    assert kept == ({"etc", "etc/passwd", "kept"} if base == "scratch" else {"kept"})
    assert built.text("kept") == "sxx"


def test_a_mount_point_behind_a_symlink_is_removed_too(steps: Steps) -> None:
    steps.write({"tool": "x"})
    built = steps.build(
        "FROM base\nRUN mkdir -p /usr/real && ln -s real /usr/link && ln -s /usr/link/.. /round\n"
        "RUN --mount=type=bind,source=tool,target=/usr/link/tool"
        " --mount=type=cache,target=/round/c/d test -e /usr/real/tool\n",
    )
    assert built.paths() == ["round", "usr", "usr/link", "usr/real"]


def test_directories_that_the_dockerfile_made_are_kept(steps: Steps) -> None:
    """A root file system from elsewhere brings the empty /dev, /proc, /run and /sys it needs."""
    given = {name: directory() for name in ("dev", "etc", "proc", "run", "run/lock", "sys")}
    given |= {"etc/hosts": Item(), "etc/resolv.conf": Item()}
    steps.write({"rootfs.tar": pack(given)})
    built = steps.build("FROM scratch\nADD rootfs.tar /\n", same_on_vfs=True)
    assert built.paths() == sorted(given)
    ran = steps.build(
        "FROM scratch\nADD rootfs.tar /\nCOPY --from=base /bin/busybox /busybox\n"
        'RUN ["/busybox", "rmdir", "/run/lock"]\n',
        same_on_vfs=True,
    )
    assert ran.paths() == sorted({*given, "busybox"} - {"run/lock"})


def test_the_umask_of_the_caller_does_not_show(steps: Steps) -> None:
    steps.write({"f": "x"})
    recipe = (
        "FROM base\nWORKDIR /a/b\nCOPY f new/dir/\nCOPY --parents f /p/\n"
        "COPY <<E /h/f\nE\nRUN umask > /mask; mkdir made; touch made/file\n"
        "RUN --mount=type=cache,target=/c/d --mount=type=tmpfs,target=/t stat -c %a /c/d /t > /s\n"
    )
    built = steps.build(recipe)
    before = os.umask(0o077)
    try:
        other = steps.build(recipe)
    finally:
        os.umask(before)
    assert other.digest == built.digest
    assert built.text("mask") == "0022\n"
    assert built.text("s") == "755\n1777\n"
    assert built.layer["a/b/made"].mode == 0o755


def test_steps_trust_the_recorder_alone(steps: Steps) -> None:
    built = steps.build(
        "FROM base\nRUN head -n1 $SSL_CERT_FILE > /seen; ls -A /dev/.samebit > /there\n"
        "RUN echo x > $SSL_CERT_FILE || echo refused > /refused\n",
    )
    assert built.text("seen") == "-----BEGIN CERTIFICATE-----\n"
    assert built.lines("there") == ["apt.conf", "ca.pem", "java.jks", "php.ini", "wgetrc"]
    assert built.paths() == ["refused", "seen", "there"]


def test_network(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        "RUN --network=none ip -o link > /none\n"
        "RUN --network=host ip -o link > /host\n"
        "RUN --network=default ip -o link > /default\n"
    )
    assert [line.split()[1] for line in built.lines("none")] == ["lo:"]
    assert "UP" in built.text("none")
    for path in ("host", "default"):
        names = [line.split()[1].partition("@")[0].rstrip(":") for line in built.lines(path)]
        assert names == ["lo", "eth0"]


def test_proxies_are_the_recorders_matter_and_are_never_recorded(steps: Steps) -> None:
    recipe = "FROM base\nRUN env | grep -i proxy > /seen || true\n"
    password = "hunter2-proxy"
    built = steps.build(
        recipe,
        f"--build-arg=http_proxy=http://me:{password}@proxy.example.org:3128",
        "--build-arg=HTTPS_PROXY=https://two.example.org",
        ALL_PROXY="http://three.example.org:1",
    )
    assert built.text("seen") == ""
    for text in ((steps.context / "Dockerfile.lock").read_text(), str(built.config), built.stderr):
        assert "proxy.example.org" not in text
        assert password not in text
        assert "three" not in text
    assert "not used" not in built.stderr
