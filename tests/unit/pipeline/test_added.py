from __future__ import annotations

import http.server
import io
import os
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from additions import adding
from loopback_server import serving

from samebit.dockerfile.lowering_model import FetchGit, FetchUrl
from samebit.errors import InputError, LockError, Place
from samebit.lock.fetch import LockedFetch
from samebit.lock.git_fetch import commit_of
from samebit.model.digest import Digest
from samebit.network import recorder
from samebit.pipeline.git_archive import archive, unpack

PLACE = Place("Dockerfile", 7)
BODY = b"payload" * 100_000


class _Handler(http.server.BaseHTTPRequestHandler):
    failures = 0
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        type(self).asked.append((self.path, self.headers["Authorization"]))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/dir/file%20name?token=hunter2")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/flaky" and type(self).failures < 2:
            type(self).failures += 1
            self.send_error(503)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY) + 5))
            self.end_headers()
            self.wfile.write(BODY)
        elif self.path.startswith(("/dir", "/flaky")):
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_FIRST_PAUSE_SECONDS", 0)


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.failures = 0
    _Handler.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def url_of(url: str, checksum: Digest | None = None) -> FetchUrl:
    return FetchUrl("0", "f", url, checksum, 0o600, "0/2", PLACE)


def recorded(root: Path, url: str, target: Path) -> tuple[LockedFetch, ...]:
    with adding(root) as add:
        add.additions.download(url_of(url), target)
        return add.library.used()


def test_a_redirect_is_recorded_and_replayed_without_a_connection(
    server: str, tmp_path: Path
) -> None:
    # The step asks for an address with a password that no lock may hold.
    url = server.replace("http://", "http://me:hunter2@") + "/moved"
    fetches = recorded(tmp_path / "store", url, tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == BODY
    assert [fetch.key.url.removeprefix(server) for fetch in fetches] == [
        "/moved",
        "/dir/file%20name?token=REDACTED",
    ]
    assert [fetch.instruction for fetch in fetches] == ["0/2", "0/2"]
    assert "hunter2" not in repr(fetches)
    # Never handed on to where a redirect leads, and the token is.
    assert _Handler.asked[0][1] == "Basic bWU6aHVudGVyMg=="
    assert _Handler.asked[1][0] == "/dir/file%20name?token=hunter2"
    asked = len(_Handler.asked)
    with adding(tmp_path / "store", fetches) as add:
        add.additions.download(url_of(f"{server}/moved"), tmp_path / "two")
        assert [fetch.digest for fetch in add.library.used()] == [f.digest for f in fetches]
    assert (tmp_path / "two").read_bytes() == BODY
    assert len(_Handler.asked) == asked


def test_a_checksum_is_checked_of_what_was_recorded_too(server: str, tmp_path: Path) -> None:
    url = f"{server}/dir/x"
    fetches = recorded(tmp_path / "store", url, tmp_path / "one")
    for known in (None, fetches):
        with adding(tmp_path / "store", known) as add:
            add.additions.download(url_of(url, Digest.of(BODY)), tmp_path / "good")
            (tmp_path / "good").unlink()
            with pytest.raises(InputError, match="checksum") as caught:
                add.additions.download(url_of(url, Digest.of(b"other")), tmp_path / "bad")
        assert caught.value.where == PLACE
        assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("path", ["/none", "/short", "/round"])
def test_what_cannot_be_had_leaves_nothing(server: str, tmp_path: Path, path: str) -> None:
    with adding(tmp_path / "store") as add:
        with pytest.raises((InputError, LockError), match=r"404|breaks off|in circles"):
            add.additions.download(url_of(server + path), tmp_path / "f")
        assert not (tmp_path / "f").exists()


def test_a_server_that_recovers_is_asked_again(server: str, tmp_path: Path) -> None:
    recorded(tmp_path / "store", f"{server}/flaky", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_miss_and_a_damaged_body_are_told(server: str, tmp_path: Path) -> None:
    fetches = recorded(tmp_path / "store", f"{server}/dir/x", tmp_path / "one")
    asked = len(_Handler.asked)
    with (
        adding(tmp_path / "store", fetches) as add,
        pytest.raises(LockError, match="is not in the lock"),
    ):
        add.additions.download(url_of(f"{server}/dir/y"), tmp_path / "two")
    with adding(tmp_path / "store", fetches) as add:
        path = add.store.path(fetches[0].digest)
        path.chmod(0o644)
        path.write_bytes(b"x" * len(BODY))
        with pytest.raises((InputError, LockError)):
            add.additions.download(url_of(f"{server}/dir/x"), tmp_path / "two")
    assert not (tmp_path / "two").exists()
    assert len(_Handler.asked) == asked


class TestGit:
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Path:
        work = tmp_path / "served" / "remote"
        work.mkdir(parents=True)
        git(work, "init", "-q", "-b", "main")
        (work / "a").write_text("one")
        (work / "run").write_text("x")
        (work / "run").chmod(0o755)
        (work / "d").mkdir()
        (work / "d" / "link").symlink_to("../a")
        commit(work)
        return work

    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path) -> Iterator[None]:
        with serving(tmp_path / "served") as running:
            self.url = f"{running.url}/git/remote/.git"
            yield

    def wanted(self, _remote: Path, **other: object) -> FetchGit:
        plain = FetchGit(
            "0", self.url, "main", "", None, False, True, (), None, "1/3", PLACE  # noqa: FBT003 - a frozen value's own order
        )  # fmt: skip
        return replace(plain, **other)  # type: ignore[arg-type]

    def test_the_recorded_commit_is_replayed_whatever_the_branch_is_now(
        self, remote: Path, tmp_path: Path
    ) -> None:
        first = git(remote, "rev-parse", "HEAD")
        with adding(tmp_path / "store") as add:
            add.additions.checkout(self.wanted(remote), tmp_path / "one", 99)
            (fetch,) = add.library.used()
        assert fetch.key.url.endswith("/git/remote/.git#ref=main")
        assert (commit_of(fetch), fetch.instruction) == (first, "1/3")
        (remote / "a").write_text("two")
        commit(remote)
        with adding(tmp_path / "store", (fetch,)) as add:
            add.additions.checkout(self.wanted(remote), tmp_path / "two", 99)
            add.additions.checkout(self.wanted(remote, checksum=first[:9]), tmp_path / "ok", 99)
            with pytest.raises(InputError, match="--checksum"):
                add.additions.checkout(self.wanted(remote, checksum="0" * 8), tmp_path / "no", 99)
            with pytest.raises(LockError, match="is not in the lock"):
                add.additions.checkout(self.wanted(remote, subdir="d"), tmp_path / "no", 99)
        for name in ("one", "two", "ok"):
            assert shape(tmp_path / name) == {
                "a": (0o644, "one", 99),
                "d": (0o755, "", 99),
                "d/link": (0o777, "../a", 99),
                "run": (0o755, "x", 99),
            }
        # Lost bytes come back from the commit; another tree does not.
        with adding(tmp_path / "store", (fetch,)) as add:
            add.store.remove(fetch.digest)
            add.additions.checkout(self.wanted(remote), tmp_path / "three", 99)
        assert shape(tmp_path / "three") == shape(tmp_path / "one")
        wrong = replace(fetch, digest=Digest.of(b"other"))
        with (
            adding(tmp_path / "store", (wrong,)) as add,
            pytest.raises(InputError, match="gives another one here"),
        ):
            add.additions.checkout(self.wanted(remote), tmp_path / "four", 99)

    def test_a_kept_git_directory_survives(self, remote: Path, tmp_path: Path) -> None:
        material = self.wanted(remote, keep_git_dir=True)
        with adding(tmp_path / "store") as add:
            add.additions.checkout(material, tmp_path / "one", 5)
            fetches = add.library.used()
        with adding(tmp_path / "store", fetches) as add:
            add.additions.checkout(material, tmp_path / "two", 5)
        assert shape(tmp_path / "one") == shape(tmp_path / "two")
        assert git(tmp_path / "two", "status", "--porcelain") == ""


class TestArchive:
    def test_it_is_an_ordinary_tar_of_the_tree_alone(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        (root / "d").mkdir(parents=True)
        (root / "d-e").write_bytes(b"x" * 3_000_000)
        (root / "d" / "x").symlink_to("/outside")
        os.makedirs(os.fsencode(root) + b"/\xff/empty")
        data = b"".join(archive(root))
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = {member.name: member for member in tar.getmembers()}
        assert list(members) == ["d", "d/x", "d-e", "\udcff", "\udcff/empty"]
        assert {member.mtime for member in members.values()} == {0}
        unpack(io.BytesIO(data), tmp_path / "back")
        assert b"".join(archive(tmp_path / "back")) == data

    @pytest.mark.parametrize(
        ("name", "kind", "link"),
        [
            ("../x", tarfile.REGTYPE, ""),
            ("/x", tarfile.REGTYPE, ""),
            ("d/../../x", tarfile.REGTYPE, ""),
            ("out/x", tarfile.REGTYPE, ""),
            (".", tarfile.DIRTYPE, ""),
            ("h", tarfile.LNKTYPE, "out"),
            ("p", tarfile.FIFOTYPE, ""),
            ("c", tarfile.CHRTYPE, ""),
        ],
    )
    def test_nothing_is_written_elsewhere(
        self, tmp_path: Path, name: str, kind: bytes, link: str
    ) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            # A way out for what follows it.
            member = tarfile.TarInfo("out")
            member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path)
            tar.addfile(member)
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            tar.addfile(member)
        with pytest.raises(InputError, match="no checkout has"):
            unpack(io.BytesIO(buffer.getvalue()), tmp_path / "root")
        assert os.listdir(tmp_path / "root") == ["out"]
        assert not (tmp_path / "x").exists()


def git(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    }
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")


def shape(root: Path) -> dict[str, tuple[int, str, int]]:
    found = {}
    for path in sorted(root.rglob("*")):
        if ".git" in path.parts:
            continue
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = path.read_text()
        name = str(path.relative_to(root))
        found[name] = (stat.S_IMODE(status.st_mode), content, int(status.st_mtime))
    return found
