"""A static program with musl's resolver, and git over TLS: cheap enough for every run of the tests.

Both are this machine's own, in a base without anything else.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from client_builds import note_clients, recorded
from fake_internet import Page, fake_internet
from git_server import make_repository, serve_repository
from glibc_base import glibc_base
from offline_builds import offline
from samebit_command import Samebit
from step_builds import Steps

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("musl-gcc") is None, reason="musl-tools is not installed"),
]

# getaddrinfo and a request of HTTP/1.1; what comes is printed as it is.
PROGRAM = r"""
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *each;
    int opened = -1, size;
    char buffer[4096];
    if (count != 4 || getaddrinfo(words[1], words[2], &hints, &found) != 0) return 2;
    for (each = found; each != NULL; each = each->ai_next) {
        opened = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (opened >= 0 && connect(opened, each->ai_addr, each->ai_addrlen) == 0) break;
    }
    if (each == NULL) return 3;
    size = snprintf(buffer, sizeof buffer,
        "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", words[3], words[1]);
    if (write(opened, buffer, size) != size) return 4;
    while ((size = read(opened, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, size, stdout);
    return 0;
}
"""
CLONED = "https://git.example.org/team/tool.git"
RECIPE = f"""\
FROM base
COPY get /bin/
RUN get musl.example.org 80 /f > /musl
RUN git clone {CLONED} /tool
"""


def test_musl_and_git_need_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (tmp_path / "get.c").write_text(PROGRAM)
    subprocess.run(
        ["musl-gcc", "-static", "-O1", "-o", str(context / "get"), str(tmp_path / "get.c")],
        check=True,
        timeout=120,
    )
    core = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    helper = f"{core.stdout.strip()}/git-remote-https"
    base = glibc_base(tmp_path / "base", ("git", helper))
    with fake_internet(tmp_path / "internet") as internet:
        internet.pages["http://musl.example.org/f"] = Page(b"for musl\n")
        repository = make_repository(tmp_path / "repository", {"tool.sh": "echo tool\n"})
        serve_repository(internet, CLONED, repository)
        steps = Steps(Samebit(samebit.home, internet.environment), context, base)
        built = steps.build(RECIPE)
    assert built.lines("musl")[-1] == "for musl"
    assert built.text("tool/tool.sh") == "echo tool\n"
    done = offline(samebit, *steps.arguments(RECIPE, "--locked"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == built.digest
    asked = [fetch for fetch in recorded(context) if fetch.instruction == "0/2"]
    version = subprocess.run(
        ["dpkg-query", "-W", "-f=${Version}", "musl"], capture_output=True, text=True, check=True
    )
    note = "static C program, HTTP"
    note_clients([("musl", version.stdout, str(len(asked)), "1 of 1, same digest", note)])
