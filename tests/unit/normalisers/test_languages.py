from __future__ import annotations

import gzip
import struct

import pytest
from normalising import matches, named, rewritten

from samebit.normalisers.protocol import Action

REMOVED = {
    "node/cache": (
        b"root/.npm/_cacache/index-v5/a/b",
        b"home/me/.npm/_update-notifier-last-checked",
        b"srv/app/node_modules/.cache/babel/x.json",
        b"usr/local/share/.cache/yarn/v6/x",
    ),
    "node/logs": (b"root/.npm/_logs/2026-debug-0.log", b"app/npm-debug.log.123"),
    "python/cache": (b"root/.cache/pip/http/a", b"root/.cache/uv/x"),
    "python/check-caches": (b"app/.pytest_cache/v/cache/lastfailed", b".mypy_cache/3.11/a.json"),
    "go/build-cache": (b"root/.cache/go-build/00/00-a", b"root/.cache/go-build/trim.txt"),
    "rust/last-uses": (b"root/.cargo/.global-cache", b"usr/local/cargo/.package-cache"),
    "node/yarn-scripts": (b"tmp/yarn--1795618493832-0.630111237693129/node",),
    "rust/compiler-facts": (b"app/target/.rustc_info.json",),
    "rust/incremental": (b"app/target/debug/incremental/x-1/s-1",),
    "c/autoconf-cache": (b"src/autom4te.cache/requests", b"src/autom4te.cache"),
    "c/cmake-logs": (
        b"src/build/CMakeFiles/CMakeOutput.log",
        b"CMakeFiles/CMakeConfigureLog.yaml",
    ),
    "c/ctest-records": (b"src/build/Testing/Temporary/LastTest.log",),
    "python/sphinx-state": (
        b"srv/www/.doctrees/environment.pickle",
        b"doc/build/doctrees/environment.pickle",
    ),
    "c/compiler-cache": (b"root/.cache/ccache/0/stats", b"root/.ccache/ccache.conf"),
    "java/gradle-records": (b"root/.gradle/daemon/8.1/daemon-1.out.log",),
    "ruby/extension-logs": (
        b"var/lib/gems/3.1.0/extensions/x86_64-linux/3.1.0/json-2/gem_make.out",
        b"var/lib/gems/3.1.0/extensions/x86_64-linux/3.1.0/json-2/mkmf.log",
    ),
    "php/composer-cache": (b"root/.cache/composer/files/a.zip", b"root/.composer/cache/repo/x"),
    "perl/build-debris": (b"root/.cpanm/work/17/build.log", b"root/.cpan/Metadata"),
}
KEPT = (
    b"root/.npm/config",
    b"tmp/yarn--settings/a",
    b"root/.npmrc",
    b"root/.cache/ms-playwright/chromium/chrome",
    b"root/.cache/huggingface/model",
    b"root/.cache/pipeline/x",
    b"app/cache/pip/x",
    b"app/node_modules/cache/x",
    b"root/go/pkg/mod/cache/download/a/@v/list",
    b"root/.cargo/registry/index/x",
    b"root/.cargo/.crates.toml",
    b"app/target/release/app",
    b"src/build/CMakeFiles/rules.ninja",
    b"src/build/CMakeCache.txt",
    b"src/build/Testing/Temporary/LastTestsFailed.log",
    b"srv/www/.doctrees/index.doctree",
    b"srv/models/environment.pickle",
    b"var/lib/gems/3.1.0/extensions/x86_64-linux/3.1.0/json-2/gem.build_complete",
    b"root/.m2/repository/a/a.jar",
    b"root/.gradle/caches/modules-2/files-2.1/a/a.jar",
)


@pytest.mark.parametrize("name", REMOVED)
def test_what_is_removed(name: str) -> None:
    normaliser = named(name)
    assert normaliser.action is Action.REMOVE
    for path in REMOVED[name]:
        assert matches(normaliser, path), path
    for path in KEPT:
        assert not matches(normaliser, path), path


REWRITTEN = {
    "git/reflog": (
        b"app/.git/logs/HEAD",
        b"0" * 40 + b" " + b"1" * 40 + b" A <a@b> 1732541407 +0100\tclone: from /x\n",
        b"0" * 40 + b" " + b"1" * 40 + b" A <a@b> 315619200 +0000\tclone: from /x\n",
    ),
    "java/local-metadata": (
        b"root/.m2/repository/g/a/maven-metadata-local.xml",
        b"<versioning><lastUpdated>20261125133007</lastUpdated>",
        b"<versioning><lastUpdated>19800102000000</lastUpdated>",
    ),
    "java/resolver-status": (
        b"root/.m2/repository/g/a/resolver-status.properties",
        b"#NOTE\n#Wed Nov 25 13:30:07 UTC 2026\nm.xml.lastUpdated=1764077407123\nx=1764077407123\n",
        b"#NOTE\n#Wed Jan 02 00:00:00 UTC 1980\nm.xml.lastUpdated=315619200000\nx=1764077407123\n",
    ),
    "node/pnpm-state": (
        b"app/node_modules/.modules.yaml",
        b"layoutVersion: 5\nprunedAt: Wed, 25 Nov 2026 13:30:07 GMT\n",
        b"layoutVersion: 5\nprunedAt: Wed, 02 Jan 1980 00:00:00 GMT\n",
    ),
    "perl/perllocal": (
        b"usr/local/lib/x86_64-linux-gnu/perl/5.36.0/perllocal.pod",
        b"=head2 Wed Nov 25 13:30:07 2026: C<Module> L<X|X>\n",
        b"=head2 Wed Jan 02 00:00:00 1980: C<Module> L<X|X>\n",
    ),
    "ruby/extension-makefiles": (
        b"var/lib/gems/3.1.0/gems/x-0.1.0/ext/x/Makefile",
        b"sitearchdir = $(DESTDIR)./.gem.20261125-7-54ci0n\nsitelibdir = $(sitedir)/x\n",
        b"sitearchdir = $(DESTDIR)./.gem.00000000-0-0\nsitelibdir = $(sitedir)/x\n",
    ),
    "tex/log": (
        b"doc/letter.log",
        b"This is TeX (preloaded format=latex 2026.11.5)  25 NOV 2026 20:35\n",
        b"This is TeX (preloaded format=latex 1980.1.2)  2 JAN 1980 00:00\n",
    ),
    "r/description": (
        b"usr/local/lib/R/site-library/x/DESCRIPTION",
        b"Packaged: 2026-11-25 13:30:07 UTC; me\nBuilt: R 4.2.2; ; 2026-11-25 13:30:07 UTC; unix\n",
        b"Packaged: 1980-01-02 00:00:00 UTC; me\nBuilt: R 4.2.2; ; 1980-01-02 00:00:00 UTC; unix\n",
    ),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_is_rewritten(name: str) -> None:
    path, before, after = REWRITTEN[name]
    assert matches(named(name), path, before)
    assert rewritten(named(name), before, path) == after
    for other in (b"", b"nothing of a date\n", b"\xff\0" * 50):
        assert rewritten(named(name), other, path) == other


def test_when_pnpm_last_looked_for_a_newer_one() -> None:
    state = named("node/pnpm-state")
    path = b"root/.local/state/pnpm/pnpm-state.json"
    before = b'{\n  "lastUpdateCheck": "Wed, 25 Nov 2026 13:30:07 GMT"\n}\n'
    assert matches(state, path, before)
    after = b'{\n  "lastUpdateCheck": "Wed, 02 Jan 1980 00:00:00 GMT"\n}\n'
    assert rewritten(state, before, path) == after
    assert rewritten(state, after, path) == after
    other = b'{"released": "Wed, 25 Nov 2026 13:30:07 GMT"}'
    assert rewritten(state, other, path) == other
    assert not matches(state, b"app/data/pnpm-state.json", before)
    assert not matches(state, b"root/.local/state/app/pnpm-state.json", before)


def test_the_description_that_r_loads() -> None:
    path = b"usr/local/lib/R/site-library/x/Meta/package.rds"

    def content(day: str) -> bytes:
        texts = (
            f"{day} 13:30:07 UTC; me",
            f"R 4.2.2; ; {day} 13:30:09 UTC; unix",
            f"{day} 13:30:09 UTC",
            f"on {day}",
        )
        packed = (b"\0\4\0\t" + struct.pack(">I", len(text)) + text.encode() for text in texts)
        return b"X\n\0\0\0\3" + b"".join(packed)

    one, two = (gzip.compress(content(day), mtime=0) for day in ("2026-11-25", "2027-01-01"))
    rds = named("r/package-object")
    assert matches(rds, path, one)
    result = gzip.decompress(rewritten(rds, one, path))
    assert result[:-10] == gzip.decompress(rewritten(rds, two, path))[:-10]
    assert result.endswith(b"on 2026-11-25"), "other texts are not dates of packing"
    assert result.count(b"1980-01-02 00:00:00 UTC") == 3
    for damaged in (one[:-1], gzip.compress(b"X\nnothing"), one + b"x", b"\x1f\x8b\x08"):
        assert rewritten(rds, damaged, path) == damaged
