"""Normalising in whole builds: what ships, what is told, and what a project can choose."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from built_images import Built
from json_schema import faults
from step_builds import Steps

pytestmark = pytest.mark.e2e

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "json" / "build.schema.json").read_text("utf-8")
)
NOISE = """\
FROM base
RUN mkdir -p /var/log /var/cache/ldconfig /etc && echo "$RANDOM$$" >/var/log/dpkg.log \
 && cat /proc/sys/kernel/random/uuid >/var/cache/ldconfig/aux-cache \
 && tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
RUN echo "app:!:$(( $(date +%s) / 86400 )):0:99999:7:::" >/etc/shadow && cp /etc/shadow /etc/shadow-
"""
CHOICES = """\
[normalise]
off = ["debian/dpkg-log"]
keep = ["/var/log/apt/*"]
[[normalise.rule]]
path = "/srv/log"
action = "remove"
reason = "this test's own noise"
"""


def run(steps: Steps, dockerfile: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Build as a user would, with the memo unless --no-cache is among the options."""
    arguments = [word for word in steps.arguments(dockerfile) if word != "--no-cache"]
    return steps.samebit.run(*arguments, *options)


def test_noise_is_gone_and_accounted_for(steps: Steps) -> None:
    result = run(steps, NOISE, "--json", "--no-cache")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert faults(document, SCHEMA) == []
    assert [(one["path"], one["normaliser"], one["action"]) for one in document["normalised"]] == [
        ("/etc/machine-id", "system/machine-id", "rewrite"),
        ("/etc/shadow", "system/shadow-days", "rewrite"),
        ("/etc/shadow-", "system/account-backups", "revert"),
        ("/var/cache/ldconfig/aux-cache", "system/ldconfig-aux-cache", "revert"),
        ("/var/log/dpkg.log", "debian/dpkg-log", "revert"),
    ]
    assert "normalised 5 files: debian/dpkg-log 1, system/account-backups 1," in result.stderr
    built = Built(steps.samebit.home, document["digest"])
    assert "var/cache/ldconfig" in built.paths()
    assert not {"var/log/dpkg.log", "etc/shadow-"} & set(built.paths())
    assert built.read("etc/machine-id") == b""
    assert built.read("etc/shadow") == b"app:!::0:99999:7:::\n"
    # The memo's answer tells the same, and a build from the lock gives the same.
    again = run(steps, NOISE, "--json", "--normalised")
    assert json.loads(again.stdout)["normalised"] == document["normalised"]
    assert "rewrite /etc/machine-id (system/machine-id, 33 -> 0 bytes)" in again.stderr
    once_more = run(steps, NOISE, "--locked", "--no-cache")
    assert once_more.stdout.strip() == document["digest"], once_more.stderr


def test_a_build_of_noise_alone_has_no_layer(steps: Steps) -> None:
    name = "$(tr -dc A-Z </dev/urandom | head -c 10)"
    text = f"FROM base\nRUN mkdir -p /tmp && echo x >/tmp/tmp.{name}\n"
    result = run(steps, text + "RUN rmdir /tmp 2>/dev/null; true\n", "--json")
    document = json.loads(result.stdout)
    assert [one["normaliser"] for one in document["normalised"]] == ["system/temporary"]
    base = run(steps, "FROM base\n", "--json")
    layers = Built(steps.samebit.home, document["digest"]).layers
    assert layers == Built(steps.samebit.home, json.loads(base.stdout)["digest"]).layers


def test_choices_change_what_ships_and_make_the_lock_stale(steps: Steps) -> None:
    text = (
        "FROM base\nRUN mkdir -p /var/log/apt /srv && echo a >/var/log/dpkg.log && echo b >/srv/log"
        " && echo c >/var/log/apt/history.log\n"
    )
    first = run(steps, text, "--json")
    assert len(json.loads(first.stdout)["normalised"]) == 2
    steps.write({"samebit.toml": CHOICES})
    locked = run(steps, text, "--locked")
    assert locked.returncode == 4
    assert "samebit.toml chooses other normalisers" in locked.stderr
    second = run(steps, text, "--json")
    document = json.loads(second.stdout)
    assert document["digest"] != json.loads(first.stdout)["digest"]
    assert [one["normaliser"] for one in document["normalised"]] == ["custom/rule-1"]
    paths = Built(steps.samebit.home, document["digest"]).paths()
    assert {"var/log/dpkg.log", "var/log/apt/history.log"} <= set(paths)
    assert "srv/log" not in paths
    assert run(steps, text, "--locked").returncode == 0
    steps.write({"samebit.toml": '[normalise]\noff = ["debian/dkpg-log"]\n'})
    wrong = run(steps, text)
    assert wrong.returncode == 2
    assert "did you mean 'debian/dpkg-log'?" in wrong.stderr


def test_a_secret_is_told_with_its_line_and_shipped(steps: Steps) -> None:
    steps.write({"app.txt": "x"})
    text = (
        "FROM base\nCOPY app.txt /srv/app.txt\n"
        "RUN mkdir -p /etc/ssh && head -c 9 /dev/urandom >/etc/ssh/ssh_host_rsa_key\n"
    )
    result = run(steps, text)
    assert result.returncode == 0, result.stderr
    assert "Dockerfile:3:1: warning: /etc/ssh/ssh_host_rsa_key is a host key" in result.stderr
    assert "ssh-keygen -A at the first start" in result.stderr
    assert "etc/ssh/ssh_host_rsa_key" in Built(steps.samebit.home, result.stdout.strip()).paths()
    # Told again when nothing is built, and with the step that made it when others came after.
    assert "is a host key" in run(steps, text).stderr
    both = run(steps, text + "RUN true\n")
    assert "Dockerfile:3:1: warning: /etc/ssh/ssh_host_rsa_key is a host key" in both.stderr


def test_an_old_lock_keeps_set_0(steps: Steps) -> None:
    text = "FROM base\nRUN mkdir -p /var/log && echo a >/var/log/dpkg.log\n"
    run(steps, text)
    lock = steps.context / "Dockerfile.lock"
    lock.write_text(lock.read_text("utf-8").replace("normalisers = 1", "normalisers = 0"), "utf-8")
    result = run(steps, text, "--locked")
    assert result.returncode == 0, result.stderr
    assert "var/log/dpkg.log" in Built(steps.samebit.home, result.stdout.strip()).paths()
    run(steps, text + "RUN true\n")
    assert "normalisers = 0" in lock.read_text("utf-8")
