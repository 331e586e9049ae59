"""apt over TLS, dnf, gem and bundler against small repositories of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from client_builds import BASE, Client, folder_of, prove_clients, recipe
from fake_internet import fake_internet
from package_repositories import make_repositories, serve_files
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

OWN = "a repository of the test's own"
# Its history and logs, which hold times, are not where a system has them.
TIDY = " && rm -r got/var"
DNF = "dnf --assumeyes --setopt=reposdir=/context/{} --releasever=1 --installroot=$PWD/got"
CLIENTS = {
    "apt (HTTPS)": Client(
        "printf 'deb [trusted=yes] https://deb.example.org ./\\n' > own.list"
        " && apt='apt-get -o Dir::Etc::sourcelist=$PWD/own.list -o Dir::Etc::sourceparts=-'"
        " && eval $apt update && eval $apt install hello && cp /usr/share/hello got",
        "apt-get --version",
        OWN,
    ),
    "dnf (HTTP)": Client(
        f"{DNF.format('plain.d')} install hello{TIDY}", "dnf --version | head -n 1", OWN
    ),
    "dnf (HTTPS)": Client(
        f"{DNF.format('tls.d')} install hello{TIDY}", "dnf --version | head -n 1", OWN
    ),
    "gem": Client(
        "gem install --clear-sources --source https://gem.example.org"
        " --install-dir got hello",
        "gem --version",
        OWN,
    ),
    "bundler": Client(
        "printf 'source \"https://bundler.example.org\"\\ngem \"hello\"\\n' > Gemfile"
        " && BUNDLE_PATH=got bundle install",
        "bundle --version",
        OWN,
    ),
}  # fmt: skip


def test_package_managers_need_no_network_a_second_time(
    clients_base: Samebit, tmp_path: Path
) -> None:
    files = make_repositories(clients_base, tmp_path)
    context = tmp_path / "context"
    context.mkdir()
    for name, scheme in (("plain", "http"), ("tls", "https")):
        (context / f"{name}.d").mkdir()
        (context / f"{name}.d/own.repo").write_text(
            f"[own]\nname=own\nbaseurl={scheme}://dnf-{name}.example.org\ngpgcheck=0\n"
        )
    (context / "Dockerfile").write_text(recipe(BASE, CLIENTS))
    with fake_internet(tmp_path / "internet") as internet:
        serve_files(internet, "https://deb.example.org/.", files, "deb")
        for url in ("http://dnf-plain.example.org", "https://dnf-tls.example.org"):
            serve_files(internet, url, files, "rpm")
        for host in ("gem", "bundler"):
            serve_files(internet, f"https://{host}.example.org", files, "gem")
        online = Samebit(clients_base.home, internet.environment)
        image = prove_clients(online, context, CLIENTS)
    text = {name: image.paths(folder_of(name) + "/got") for name in CLIENTS}
    assert image.text(f"{folder_of('apt (HTTPS)')}/got") == "from the deb\n"
    for name in ("dnf (HTTP)", "dnf (HTTPS)"):
        assert image.text(f"{folder_of(name)}/got/usr/share/hello") == "from the rpm\n"
    # Nothing of what makes dnf trust the recorder is left.
    assert not [path for path in image.layer if "samebit" in path or "dnf-plugins" in path]
    for name in ("gem", "bundler"):
        assert any(path.endswith("/hello-1.0/lib/hello.rb") for path in text[name])
