"""HTTP clients of languages and tools over TLS against servers of the test's own.

None of them is told of the recorder's authority by the Dockerfile. Debian's wget and git are built
with GnuTLS, the others with OpenSSL; wget2 is Fedora's wget.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import BASE, Client, folder_of, prove_clients, recipe
from fake_internet import Page, fake_internet
from git_server import make_repository, serve_repository
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

FETCH = """fetch(process.argv[1]).then(r => r.text()).then(t => process.stdout.write(t))"""
HTTPS = """require("https").get(process.argv[1], r => r.pipe(process.stdout))"""
URLLIB = """import sys, urllib.request as u; print(end=u.urlopen(sys.argv[1]).read().decode())"""
REQUESTS = """import sys, requests; print(end=requests.get(sys.argv[1]).text)"""
TINY = """use HTTP::Tiny; print HTTP::Tiny->new(verify_SSL => 1)->get($ARGV[0])->{content}"""
PHP = "echo file_get_contents($argv[1]);"
PHP_CURL = "curl_exec(curl_init($argv[1]));"
LWP = """use LWP::Simple; getprint($ARGV[0])"""
RUBY = """require "net/http"; print Net::HTTP.get(URI(ARGV[0]))"""
NODE = "node --version"
PYTHON = "python3 --version"
# Client, its command, how its version is asked for.
FETCHERS = {
    "curl": ("curl --fail --silent --show-error --location", "curl --version"),
    "wget (GnuTLS)": ("wget --quiet --output-document=-", "wget --version"),
    "wget2": ("wget2 --quiet --output-document=-", "wget2 --version"),
    "Node fetch": (f"node --eval '{FETCH}'", NODE),
    "Node https": (f"node --eval '{HTTPS}'", NODE),
    "Python urllib": (f"python3 -c '{URLLIB}'", PYTHON),
    "Python requests": (
        f"python3 -c '{REQUESTS}'",
        "python3 -c 'import requests; print(requests.__version__)'",
    ),
    "PHP streams": (f"php -r '{PHP}'", "php --version"),
    "PHP curl": (f"php -r '{PHP_CURL}'", "php --version"),
    "Perl HTTP::Tiny": (f"perl -e '{TINY}'", "perl -MHTTP::Tiny -e 'print HTTP::Tiny->VERSION'"),
    "Perl LWP": (f"perl -e '{LWP}'", "perl -MLWP -e 'print LWP->VERSION'"),
    "Ruby net/http": (f"ruby -e '{RUBY}'", "ruby --version"),
}
HOSTS = {name: f"https://files{number}.example.org/f" for number, name in enumerate(FETCHERS)}
CLONED, SHALLOW = "https://git.example.org/team/tool.git", "https://git.example.org/team/other.git"
# Wget 2 writes down when it saw a certificate.
TIDY = " && rm -rf ~/.wget* /tmp/.wget*"
CLIENTS = {
    **{
        name: Client(f"{command} {HOSTS[name]} > got{TIDY}", version, "HTTPS")
        for name, (command, version) in FETCHERS.items()
    },
    "git clone": Client(f"git clone {CLONED} got", "git --version", "HTTPS, smart protocol"),
    "git clone --depth": Client(
        f"git clone --depth 1 --branch main {SHALLOW} got",
        "git --version",
        "HTTPS, smart protocol",
    ),
}


def test_clients_trust_the_recorder_and_need_no_network_a_second_time(
    clients_base: Samebit, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(recipe(BASE, CLIENTS))
    with fake_internet(tmp_path / "internet") as internet:
        for name, url in HOSTS.items():
            internet.pages[url] = Page(f"for {name}\n".encode())
        repository = make_repository(tmp_path / "repository", {"tool.sh": "echo tool\n"})
        for url in (CLONED, SHALLOW):
            serve_repository(internet, url, repository)
        image = prove_clients(Samebit(clients_base.home, internet.environment), context, CLIENTS)
    assert {name: image.text(f"{folder_of(name)}/got") for name in FETCHERS} == {
        name: f"for {name}\n" for name in FETCHERS
    }
    for name in ("git clone", "git clone --depth"):
        assert image.text(f"{folder_of(name)}/got/tool.sh") == "echo tool\n"
