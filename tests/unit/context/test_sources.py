import http.server
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from samebit.context import fetch
from samebit.context.fetch import Download, download, redact
from samebit.context.ignore import NO_RULES, parse_ignore
from samebit.context.sources import Fetched, check_sources, place_material
from samebit.context.stage import stage
from samebit.dockerfile.lowering_model import (
    ContextSource,
    FetchUrl,
    InlineFile,
    Layout,
    Selection,
    SourceFacts,
    TreeKind,
    TreeRef,
)
from samebit.errors import DockerfileError, InputError, Place
from samebit.model.digest import Digest

PLACE = Place("Dockerfile", 7)
BODY = b"payload" * 100_000


class _Handler(http.server.BaseHTTPRequestHandler):
    failures = 0

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/dir/file%20name?token=1")
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
    monkeypatch.setattr(fetch, "_PAUSE_SECONDS", 0)


@pytest.fixture
def server() -> Iterator[str]:
    _Handler.failures = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_download_follows_and_checks(server: str, tmp_path: Path) -> None:
    target = tmp_path / "f"
    result = download(f"{server}/moved", target, Digest.of(BODY), PLACE)
    assert result == Download(f"{server}/moved", Digest.of(BODY), len(BODY))
    assert target.read_bytes() == BODY


def test_wrong_checksum_is_an_input_error_and_leaves_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="checksum") as caught:
        download(f"{server}/dir/x", tmp_path / "f", Digest.of(b"other"), PLACE)
    assert caught.value.exit_code == 5
    assert caught.value.where == PLACE
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(("path", "what"), [("/none", "404"), ("/short", "cannot be fetched")])
def test_failed_downloads_leave_nothing(server: str, tmp_path: Path, path: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        download(server + path, tmp_path / "f", None, PLACE)
    assert not (tmp_path / "f").exists()


def test_a_server_that_recovers_is_asked_again(server: str, tmp_path: Path) -> None:
    assert download(f"{server}/flaky", tmp_path / "f", None, PLACE).size == len(BODY)


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        download("http://127.0.0.1:1/x", tmp_path / "f", None, PLACE)


def test_secrets_in_addresses_are_not_shown() -> None:
    shown = redact("https://user:pass@example.org/a?token=secret#x")
    assert shown == "https://example.org/a?..."


def no_tree(reference: TreeRef) -> Path:
    raise AssertionError(reference)


def test_url_material(server: str, tmp_path: Path) -> None:
    material = FetchUrl("3", "file name", f"{server}/dir/file%20name", None, 0o600, "0/2", PLACE)
    got = place_material(material, tmp_path, epoch=77, tree_root=no_tree)
    assert got == Fetched("0/2", Download(material.url, Digest.of(BODY), len(BODY)))
    status = (tmp_path / "3" / "file name").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o600, 77)


def test_inline_material(tmp_path: Path) -> None:
    material = InlineFile("0", "EOF", b"hello\n", 0o644, PLACE)
    assert place_material(material, tmp_path, epoch=77, tree_root=no_tree) is None
    status = (tmp_path / "0" / "EOF").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o644, 77)
    assert stat.S_IMODE((tmp_path / "0").stat().st_mode) == 0o755


def test_selection_material_asks_for_its_tree(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_text("1")
    reference = TreeRef(TreeKind.STAGE, "localhost/x")
    asked = []

    def root(tree: TreeRef) -> Path:
        asked.append(tree)
        return tmp_path / "t"

    material = Selection("1", reference, ("a",), Layout.NAMED, PLACE)
    place_material(material, tmp_path, epoch=1, tree_root=root)
    assert asked == [reference]
    assert (tmp_path / "1" / "a").read_text() == "1"


def source(written: str, path: str, *, pattern: bool = False, index: int = 0) -> ContextSource:
    return ContextSource("0/1", index, written, path, pattern, PLACE)


def test_sources_are_checked_before_anything_runs(tmp_path: Path) -> None:
    context = tmp_path / "c"
    (context / "src").mkdir(parents=True)
    (context / "src" / "a.c").write_text("")
    (context / "secret").write_text("")
    (context / "out").write_text("")
    rules = parse_ignore(b"# no\nsecret\n", ".dockerignore")
    staged = stage(context, rules, tmp_path / "s", epoch=0, exclude=[context / "out"]).root
    found = check_sources(
        staged,
        context,
        rules,
        [
            source("src", "src"),
            source(".", ""),
            source("src/*.c", "src/*.c", pattern=True, index=1),
            source("yarn.lock*", "yarn.lock*", pattern=True, index=2),
        ],
    )
    assert found == SourceFacts(empty=frozenset({("0/1", 2)}))
    for written, path, words in [
        ("secret", "secret", ".dockerignore:2"),
        ("out", "out", "not part of the build context"),
        ("none", "none", "not found in the build context"),
    ]:
        with pytest.raises(DockerfileError, match=words) as caught:
            check_sources(staged, context, rules, [source(written, path)])
        assert caught.value.where == PLACE
    with pytest.raises(DockerfileError) as caught:
        check_sources(staged, context, NO_RULES, [source("../up", "up")])
    assert "outside the build context" in (caught.value.fix or "")
    assert os.listdir(staged)
