"""curl, wget, git, Node, Python, Perl and PHP over TLS against servers of the test's own.

None of them is told of the recorder's authority by the Dockerfile. Debian's wget and git are built
with GnuTLS, the others with OpenSSL; wget2 is Fedora's wget.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_internet import Page, fake_internet
from git_server import make_repository, serve_repository
from offline_builds import offline
from samebit_command import Samebit
from step_builds import read_image

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

BASE = "debian.local/clients:1"
PACKAGES = (
    "ca-certificates", "curl", "git", "libio-socket-ssl-perl", "libwww-perl", "nodejs",
    "php-cli", "php-curl", "python3", "wget", "wget2",
)  # fmt: skip
FILES = "https://files.example.org"
CLONED = "https://git.example.org/team/tool.git"
FETCH = """fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))"""
HTTPS = """require("https").get(process.argv[1], r => r.pipe(process.stdout))"""
URLLIB = """import sys, urllib.request as u; print(end=u.urlopen(sys.argv[1]).read().decode())"""
TINY = """use HTTP::Tiny; print HTTP::Tiny->new(verify_SSL => 1)->get($ARGV[0])->{content}"""
PHP = "echo file_get_contents($argv[1]);"
PHP_CURL = "curl_exec(curl_init($argv[1]));"
LWP = """use LWP::Simple; getprint($ARGV[0])"""
CLIENTS = {
    "curl": "curl --fail --silent --show-error --location",
    "wget": "wget --quiet --output-document=-",
    "wget2": "wget2 --quiet --output-document=-",
    "node-fetch": f"node --eval '{FETCH}'",
    "node-https": f"node --eval '{HTTPS}'",
    "python": f"python3 -c '{URLLIB}'",
    "php": f"php -r '{PHP}'",
    "php-curl": f"php -r '{PHP_CURL}'",
    "perl-tiny": f"perl -e '{TINY}'",
    "perl-lwp": f"perl -e '{LWP}'",
}
RECIPE = "\n".join(
    [
        f"FROM {BASE}",
        "WORKDIR /out",
        *(f"RUN {client} {FILES}/{name} > {name}" for name, client in CLIENTS.items()),
        f"RUN git clone {CLONED} clone",
        f"RUN git clone --depth 1 --branch main {CLONED} shallow",
        "",
    ]
)


def test_clients_trust_the_recorder_and_need_no_network_a_second_time(
    samebit: Samebit, tmp_path: Path
) -> None:
    made = samebit.run(
        *("base", "debian", "--suite", "bookworm", "--include", ",".join(PACKAGES), "--tag", BASE),
    )
    assert made.returncode == 0, made.stderr
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(RECIPE)
    layout = tmp_path / "image"
    with fake_internet(tmp_path / "internet") as internet:
        for name in CLIENTS:
            internet.pages[f"{FILES}/{name}"] = Page(f"for {name}\n".encode())
        repository = make_repository(tmp_path / "repository", {"tool.sh": "echo tool\n"})
        serve_repository(internet, CLONED, repository)
        online = Samebit(samebit.home, internet.environment)
        digest = online.build("--no-cache", "--output", f"oci:{layout}", context)
    image = read_image(layout, digest)
    assert {name: image.text(f"out/{name}") for name in CLIENTS} == {
        name: f"for {name}\n" for name in CLIENTS
    }
    for folder in ("clone", "shallow"):
        assert image.text(f"out/{folder}/tool.sh") == "echo tool\n"
    for _ in range(2):
        done = offline(samebit, "build", "--progress", "plain", "--no-cache", "--locked", context)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == digest
