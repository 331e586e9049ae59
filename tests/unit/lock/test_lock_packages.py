from __future__ import annotations

import itertools
import pkgutil

import pytest

from samebit.lock import packages
from samebit.lock.fetch import LockedFetch, make_key
from samebit.lock.git_fetch import commit_header, git_key
from samebit.lock.packages.discovery import ecosystems, identify
from samebit.lock.packages.ecosystem import Index, Package
from samebit.lock.versions import deb, gem, maven, numbers, pep440, rpm, semver, unknown
from samebit.model.digest import Digest
from samebit.model.platform import Platform

HASH = "5d/8b/" + "0" * 60


def found(url: str, accept: str = "", method: str = "GET") -> Package | Index | None:
    body = Digest.of(b"x") if method == "POST" else None
    key = make_key(method, url, accept, body)
    return identify(LockedFetch(key, "0/1", (Platform("linux", "amd64"),), Digest.of(b""), 0))


@pytest.mark.parametrize(
    ("url", "ecosystem", "name", "version"),
    [
        ("http://h/debian/pool/main/o/openssl/libssl3_3.0.15-1~deb12u1_amd64.deb",
         "deb", "libssl3:amd64", "3.0.15-1~deb12u1"),
        ("http://h/p/g%2b%2b_4%3a12.2.0-3_all.deb", "deb", "g++:all", "4:12.2.0-3"),
        ("http://h/x/di_1_arm64.udeb", "deb", "di:arm64", "1"),
        ("http://h/os/Packages/b/bash-completion-2.11-9.fc40.noarch.rpm",
         "rpm", "bash-completion.noarch", "2.11-9.fc40"),
        ("http://h/alpine/v3.20/main/x86_64/ca-certificates-bundle-20240705-r0.apk",
         "apk", "ca-certificates-bundle:x86_64", "20240705-r0"),
        (f"https://h/packages/{HASH}/Flask_Cors-4.0.1-py2.py3-none-any.whl",
         "wheel", "flask-cors", "4.0.1"),
        (f"https://h/packages/{HASH}/a-1.0%2Bcpu-1-cp311-cp311-linux_x86_64.whl",
         "wheel", "a", "1.0+cpu"),
        (f"https://h/packages/{HASH}/zope.interface-6.4.tar.gz", "sdist", "zope-interface", "6.4"),
        ("https://h/packages/source/p/pip/pip-24.0.zip", "sdist", "pip", "24.0"),
        ("https://h/lodash/-/lodash-4.17.21.tgz", "npm", "lodash", "4.17.21"),
        ("https://h/@types%2fnode/-/node-20.1.0-rc.1.tgz", "npm", "@types/node", "20.1.0-rc.1"),
        ("https://h/npm/repo/@babel/core/-/core-7.0.0.tgz", "npm", "@babel/core", "7.0.0"),
        ("https://h/github.com/!burnt!sushi/toml/@v/v1.3.2.zip",
         "go", "github.com/BurntSushi/toml", "v1.3.2"),
        ("https://h/crates/serde_json/serde_json-1.0.1-rc.1.crate",
         "crate", "serde_json", "1.0.1-rc.1"),
        ("https://h/api/v1/crates/serde/1.0.2/download", "crate", "serde", "1.0.2"),
        ("https://h/maven2/org/apache/maven/maven-core/3.9.6/maven-core-3.9.6.jar",
         "jar", "org.apache.maven:maven-core", "3.9.6"),
        ("https://h/repository/public/com/x/y/1-SNAPSHOT/y-1-20240101.1-2.jar",
         "jar", "com.x:y", "1-SNAPSHOT"),
        ("https://h/nexus/content/groups/all/g/a/1/a-1.pom", "jar", "g:a", "1"),
        ("https://h/gems/rails-7.1.3.4.gem", "gem", "rails", "7.1.3.4"),
        ("https://h/gems/nokogiri-1.16.0.rc1-x86_64-linux.gem",
         "gem", "nokogiri (x86_64-linux)", "1.16.0.rc1"),
        ("https://forge.example/o/r/releases/download/v1.2.0/tool_1.2.0_amd64.tar.gz",
         "release", "forge.example/o/r tool_VERSION_amd64.tar.gz", "v1.2.0"),
        ("https://forge.example/o/r/archive/refs/tags/v2.tar.gz",
         "release", "forge.example/o/r", "v2"),
    ],
)  # fmt: skip
def test_packages(url: str, ecosystem: str, name: str, version: str) -> None:
    assert found(url) == Package(ecosystem, name, version)


@pytest.mark.parametrize(
    "url",
    [
        f"https://h/packages/{HASH}/a-1.0-py3-none-any.whl.metadata",
        "https://h/github.com/x/y/@v/v1.0.0.mod",
        "https://h/github.com/x/y/@v/v1.0.0.info",
        "https://h/maven2/g/a/1/a-1.jar.sha1",
        "https://h/quick/Marshal.4.8/rails-7.1.gemspec.rz",
    ],
)
def test_files_about_packages(url: str) -> None:
    package = found(url)
    assert isinstance(package, Package)
    assert package.auxiliary


@pytest.mark.parametrize(
    ("url", "accept", "ecosystem"),
    [
        ("http://h/debian/dists/bookworm/InRelease", "", "deb"),
        ("http://h/debian/dists/bookworm/main/binary-amd64/by-hash/SHA256/ab", "", "deb"),
        ("http://h/flat/Packages.xz", "", "deb"),
        ("http://h/os/repodata/repomd.xml", "", "rpm"),
        ("http://h/v3.20/main/x86_64/APKINDEX.tar.gz", "", "apk"),
        ("https://h/simple/flask/", "", "wheel"),
        ("https://h/root/flask", "application/vnd.pypi.simple.v1+json", "wheel"),
        ("https://h/pypi/flask/json", "", "wheel"),
        ("https://h/lodash", "application/vnd.npm.install-v1+json; q=1.0", "npm"),
        ("https://h/github.com/x/y/@v/list", "", "go"),
        ("https://h/github.com/x/y/@latest", "", "go"),
        ("https://sum.example.org/lookup/github.com/x/y@v1.0.0", "", "go"),
        ("https://h/x/y?go-get=1", "", "go"),
        ("https://index.h/se/rd/serde", "", "crate"),
        ("https://index.h/3/s/syn", "", "crate"),
        ("https://index.h/2/cc", "", "crate"),
        ("https://index.h/config.json", "", "crate"),
        ("https://h/maven2/g/a/maven-metadata.xml.sha1", "", "jar"),
        ("https://h/versions", "", "gem"),
        ("https://h/info/rails", "", "gem"),
        ("https://h/specs.4.8.gz", "", "gem"),
        ("https://h/r.git/info/refs?service=git-upload-pack", "", "git"),
    ],
)
def test_indexes(url: str, accept: str, ecosystem: str) -> None:
    assert found(url, accept) == Index(ecosystem)


@pytest.mark.parametrize(
    "url",
    ["https://h/", "https://h/install.sh", "https://h/curl-8.0.tar.gz", "https://h/a/b/c.jar"],
)
def test_other_urls(url: str) -> None:
    assert found(url) is None


def test_git() -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    key = git_key("git@h.example:o/r.git", ref="v1", subdir="a b", keep_git_dir=True,
                  submodules=False)  # fmt: skip
    assert key.url == (
        "ssh://h.example/o/r.git#ref=v1&subdir=a%20b&keep-git-dir=true&submodules=false"
    )
    fetch = LockedFetch(
        key, "0/1", (Platform("linux", "amd64"),), Digest.of(b""), 0, headers=commit_header(commit)
    )
    name = "h.example/o/r.git (ref=v1&subdir=a%20b&keep-git-dir=true&submodules=false)"
    assert identify(fetch) == Package("git", name, commit)
    plain = git_key("https://u:p@h/r", ref=None, subdir="", keep_git_dir=False, submodules=True)
    assert plain.url == "https://h/r"
    posted = found("https://h/r.git/git-upload-pack", method="POST")
    assert posted == Package("git", "h/r.git", str(Digest.of(b"x")))


def test_every_file_is_an_ecosystem() -> None:
    files = {module.name for module in pkgutil.iter_modules(packages.__path__)}
    assert set(ecosystems()) == files - {"discovery", "ecosystem"}


class TestOrder:
    @pytest.mark.parametrize(
        ("compare", "ascending"),
        [
            (deb.compare, "1.0~rc1 1.0 1.0-1~bpo1 1.0-1 1.0-1+b1 1.0a 1.0+dfsg 1.2 1.10 1:0.1"),
            (rpm.compare, "1.0~rc1-1 1.0-1 1.0^git1-1 1.0a-1 1.0.1-1 1.2-1 1.10-1 1.10-2 1:0-1"),
            (semver.compare, ("1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2"
             " 1.0.0-beta.11 1.0.0-rc.1 v1.0.0 v1.0.1 1.2.0 1.10.0")),
            (semver.compare, "v0.0.0-20230101000000-abc v0.0.0-20240101000000-abb v0.1"),
            (pep440.compare, ("1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev4"
             " 1.0b2 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post45"
             " 1.0.15 1.1.dev1 1!0.1")),
            (gem.compare, "1.0.a1 1.0.b2 1.0 1.0.1.rc1 1.0.1 1.2 1.10"),
            (maven.compare, ("1-alpha 1-beta 1-milestone 1-rc-1 1-SNAPSHOT 1 1-sp 1-foo 1-1 1.1"
             " 1.2 1.10")),
            (numbers.compare, "9 12 12.1 13"),
        ],
    )  # fmt: skip
    def test_newer_ones_come_later(self, compare: object, ascending: str) -> None:
        assert callable(compare)
        for one, other in itertools.combinations(ascending.split(), 2):
            assert compare(one, other) == -1, (one, other)
            assert compare(other, one) == 1, (one, other)

    @pytest.mark.parametrize(
        ("compare", "one", "other"),
        [
            (deb.compare, "1.0", "0:1.00-0"),
            (rpm.compare, "1.0-1", "1_00-01"),
            (semver.compare, "v1.0.0+a", "1.0"),
            (pep440.compare, "1.0.0-ALPHA.1", "1a1"),
            (pep440.compare, "1.0-1", "1.0.post1"),
            (gem.compare, "1.0.0", "1"),
            (maven.compare, "1.0.0", "1-ga"),
            (maven.compare, "1.0a1", "1-alpha-1"),
            (maven.compare, "1.0.RELEASE", "1"),
            (maven.compare, "1-cr2", "1-rc2"),
        ],
    )
    def test_several_spellings_are_one_version(self, compare: object, one: str, other: str) -> None:
        assert callable(compare)
        assert compare(one, other) == 0

    @pytest.mark.parametrize(
        ("compare", "one", "other"),
        [
            (deb.compare, "1 0", "1"),
            (semver.compare, "latest", "1.0.0"),
            (pep440.compare, "2004d", "1"),
            (gem.compare, "x", "1"),
            (numbers.compare, "12-slim", "13"),
            (unknown.compare, "1", "2"),
        ],
    )
    def test_without_an_order_nothing_is_said(self, compare: object, one: str, other: str) -> None:
        assert callable(compare)
        assert compare(one, other) is None
