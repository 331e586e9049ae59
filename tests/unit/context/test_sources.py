import os
import stat
from pathlib import Path

import pytest

from samebit.context.ignore import NO_RULES, parse_ignore
from samebit.context.redact import redact
from samebit.context.sources import check_sources, place_material
from samebit.context.stage import stage
from samebit.dockerfile.lowering_model import (
    ContextSource,
    FetchGit,
    FetchUrl,
    InlineFile,
    Layout,
    Selection,
    SourceFacts,
    TreeKind,
    TreeRef,
)
from samebit.errors import DockerfileError, Place

PLACE = Place("Dockerfile", 7)
BODY = b"payload"


class Gives:
    """Brings the same for every address."""

    def download(self, material: FetchUrl, target: Path) -> None:
        assert material.url
        target.write_bytes(BODY)

    def checkout(self, material: FetchGit, target: Path, epoch: int) -> None:
        raise AssertionError((material, target, epoch))


def test_secrets_in_addresses_are_not_shown() -> None:
    shown = redact("https://user:pass@example.org/a?token=secret#x")
    assert shown == "https://example.org/a?..."


def no_tree(reference: TreeRef) -> Path:
    raise AssertionError(reference)


def test_url_material(tmp_path: Path) -> None:
    url = "http://h.example/dir/file%20name"
    material = FetchUrl("3", "file name", url, None, 0o600, "0/2", PLACE)
    place_material(material, tmp_path, epoch=77, tree_root=no_tree, fetcher=Gives())
    assert (tmp_path / "3" / "file name").read_bytes() == BODY
    status = (tmp_path / "3" / "file name").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o600, 77)


def test_inline_material(tmp_path: Path) -> None:
    material = InlineFile("0", "EOF", b"hello\n", 0o644, PLACE)
    place_material(material, tmp_path, epoch=77, tree_root=no_tree)
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
