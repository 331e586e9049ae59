import os
import socket
import stat
import time
from pathlib import Path

import pytest

from samebit.context import stage as stage_module
from samebit.context.ignore import NO_RULES, IgnoreRules, parse_ignore
from samebit.context.stage import ContextKind, Modes, StagedContext, digest_context, stage
from samebit.context.stat_cache import StatCache
from samebit.errors import InputError, MachineError

EPOCH = 315619200


def rules(text: str) -> IgnoreRules:
    return parse_ignore(text.encode(), ".dockerignore")


def make(root: Path, *, umask: int = 0o022) -> Path:
    before = os.umask(umask)
    try:
        (root / "src" / "deep").mkdir(parents=True)
        (root / "src" / "main.c").write_text("int main;")
        (root / "src" / "deep" / "x").write_bytes(b"x" * 3_000_000)
        (root / "run.sh").write_text("#!/bin/sh\n")
        (root / "run.sh").chmod(0o777 & ~umask)
        (root / "empty").mkdir()
        (root / "link").symlink_to("/etc/passwd")
        (root / "dangling").symlink_to("nowhere")
    finally:
        os.umask(before)
    return root


def staged(context: Path, tmp_path: Path, name: str = "staged", **options: object) -> StagedContext:
    arguments: dict[str, object] = {"epoch": EPOCH, **options}
    ignore = arguments.pop("rules", NO_RULES)
    return stage(context, ignore, tmp_path / name, **arguments)  # type: ignore[arg-type]


def paths(result: StagedContext) -> list[str]:
    return [os.fsdecode(e.path) for e in result.entries]


def test_the_copy_is_normalised(tmp_path: Path) -> None:
    context = make(tmp_path / "c", umask=0o002)
    os.setxattr(context / "run.sh", "user.note", b"x")
    result = staged(context, tmp_path)
    root = result.root
    assert paths(result) == [
        "dangling", "empty", "link", "run.sh", "src", "src/deep", "src/deep/x", "src/main.c",
    ]  # fmt: skip
    for path in [root, *root.rglob("*")]:
        status = path.lstat()
        assert status.st_mtime == EPOCH
        assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
        assert not [x for x in os.listxattr(path, follow_symlinks=False) if "user." in x]
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "src" / "main.c").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "src").stat().st_mode) == 0o755
    assert os.readlink(root / "link") == "/etc/passwd"
    assert (root / "src" / "deep" / "x").read_bytes() == b"x" * 3_000_000


def test_digest_depends_on_content_not_on_checkout(tmp_path: Path) -> None:
    one = make(tmp_path / "one", umask=0o022)
    two = make(tmp_path / "two", umask=0o077)
    os.utime(two / "run.sh", (1, 1))
    digest = digest_context(one, NO_RULES)
    assert digest == digest_context(two, NO_RULES)
    assert digest == staged(one, tmp_path).digest
    (two / "src" / "main.c").write_text("int mein;")
    assert digest != digest_context(two, NO_RULES)


@pytest.mark.parametrize("change", ["rename", "mode", "link", "kind", "directory"])
def test_digest_sees_every_kind_of_change(tmp_path: Path, change: str) -> None:
    context = make(tmp_path / "c")
    before = digest_context(context, NO_RULES)
    if change == "rename":
        (context / "run.sh").rename(context / "walk.sh")
    elif change == "mode":
        (context / "run.sh").chmod(0o644)
    elif change == "link":
        (context / "link").unlink()
        (context / "link").symlink_to("/etc/passwe")
    elif change == "kind":
        (context / "link").unlink()
        (context / "link").write_text("/etc/passwd")
    else:
        (context / "empty2").mkdir()
    assert before != digest_context(context, NO_RULES)


def test_keep_modes(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    (context / "src").chmod(0o2750)
    (context / "run.sh").chmod(0o4711)
    result = staged(context, tmp_path, modes=Modes.KEEP)
    assert stat.S_IMODE((result.root / "src").stat().st_mode) == 0o2750
    assert stat.S_IMODE((result.root / "run.sh").stat().st_mode) == 0o4711
    assert result.digest == digest_context(context, NO_RULES, modes=Modes.KEEP)
    assert result.digest != digest_context(context, NO_RULES)


def test_ignored_entries_stay_out_and_only_needed_directories_come(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    (context / "src" / "keep").write_text("k")
    (context / "other").mkdir()
    (context / "other" / "y").write_text("y")
    result = staged(context, tmp_path, rules=rules("*\n!src/keep\n!src/none"))
    assert paths(result) == ["src", "src/keep"]
    assert result.digest == digest_context(context, rules("*\n!src/keep"))


def test_lock_outputs_and_their_temporaries_stay_out(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    for name in ("Dockerfile.lock", "Dockerfile.lock.tmp12", "Dockerfile.lock2", "a.tmp.x.tmp1"):
        (context / name).write_text("")
    (context / "out").mkdir()
    (context / "out" / "index.json").write_text("{}")
    exclude = [context / "Dockerfile.lock", context / "out", context / "a.tmp.x", tmp_path / "z"]
    result = staged(context, tmp_path, exclude=exclude)
    names = paths(result)
    assert "Dockerfile.lock2" in names
    assert not {"Dockerfile.lock", "Dockerfile.lock.tmp12", "a.tmp.x.tmp1"} & set(names)
    assert not [n for n in names if n.startswith("out")]


def test_exclusion_holds_through_a_symlinked_parent(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    (context / "l.lock").write_text("")
    (tmp_path / "alias").symlink_to(context)
    assert "l.lock" not in paths(staged(context, tmp_path, exclude=[tmp_path / "alias" / "l.lock"]))
    assert "l.lock" not in paths(
        staged(tmp_path / "alias", tmp_path, "two", exclude=[context / "l.lock"])
    )


def test_destination_inside_the_context_is_not_staged_into_itself(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    result = stage(context, NO_RULES, context / "copy", epoch=EPOCH)
    assert "copy" not in paths(result)


def test_sockets_are_skipped_and_fifos_refused(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(context)
        try:
            server.bind("s")
        finally:
            os.chdir(here)
        assert "s" not in paths(staged(context, tmp_path))
    os.mkfifo(context / "pipe")
    with pytest.raises(InputError, match="special file") as caught:
        digest_context(context, NO_RULES)
    assert caught.value.where is not None
    assert caught.value.where.path == str(context / "pipe")
    digest_context(context, rules("pipe"))


def test_non_utf8_names(tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    name = b"caf\xe9\n"
    with open(os.path.join(os.fsencode(context), name), "wb") as stream:
        stream.write(b"1")
    result = staged(context, tmp_path)
    assert [e.path for e in result.entries] == [name]
    assert os.listdir(os.fsencode(result.root)) == [name]


def test_only_what_is_reachable(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    result = staged(context, tmp_path, only=[b"src/deep", b"run.sh", b"missing/x"])
    assert paths(result) == ["run.sh", "src", "src/deep", "src/deep/x"]
    assert paths(staged(context, tmp_path, "none", only=[])) == []
    digest = digest_context(context, NO_RULES, only=[b"src/deep", b"run.sh"])
    assert digest == result.digest
    (context / "src" / "main.c").write_text("changed")
    assert digest == digest_context(context, NO_RULES, only=[b"src/deep", b"run.sh"])


def test_a_symlink_on_the_way_makes_everything_reachable(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    (context / "alias").symlink_to("src")
    assert "src/main.c" in paths(staged(context, tmp_path, only=[b"alias/main.c"]))


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make(tmp_path / "c")
    real = stage_module._hash_and_copy

    def slow(source: int, output: int | None) -> bytes:
        content = real(source, output)
        with (context / "run.sh").open("a") as stream:
            stream.write("more")
        return content

    monkeypatch.setattr(stage_module, "_hash_and_copy", slow)
    for attempt in (
        lambda: digest_context(context, NO_RULES),
        lambda: stage(context, NO_RULES, tmp_path / "s", epoch=EPOCH),
    ):
        with pytest.raises(InputError, match="changed while samebit was reading it"):
            attempt()


def test_missing_context(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a directory"):
        digest_context(tmp_path / "none", NO_RULES)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a directory"):
        digest_context(tmp_path / "file", NO_RULES)


def test_destination_must_be_new(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    staged(context, tmp_path)
    with pytest.raises(MachineError):
        staged(context, tmp_path)


def test_hard_links_do_not_show(tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "a").write_text("1")
    (context / "b").write_text("1")
    digest = digest_context(context, NO_RULES)
    (context / "b").unlink()
    os.link(context / "a", context / "b")
    result = staged(context, tmp_path)
    assert result.digest == digest
    assert (result.root / "a").stat().st_nlink == 1


def test_cache_spares_reading_but_never_lies(tmp_path: Path) -> None:
    context = make(tmp_path / "c")
    fresh = StatCache()
    digest = digest_context(context, NO_RULES, cache=fresh)
    assert StatCache.load(fresh.dump()).find((context / "run.sh").stat()) is None, "racy"

    old = time.time_ns() - 10**10
    warm = StatCache()
    for path in context.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, ns=(old, old))
    # ctime cannot be set back, so the clock of the reading is moved forward instead.
    for entry in staged(context, tmp_path).entries:
        if entry.kind is ContextKind.FILE:
            status = os.lstat(os.path.join(os.fsencode(context), entry.path))
            warm.add(status, entry.content, read_at_ns=time.time_ns() + 10**10)
    loaded = StatCache.load(warm.dump())
    assert loaded.find((context / "run.sh").stat()) is not None
    (context / "src" / "deep" / "x").chmod(0)  # ctime moves: it must be read again
    (context / "src" / "deep" / "x").chmod(0o644)
    assert loaded.find((context / "src" / "deep" / "x").stat()) is None
    assert digest_context(context, NO_RULES, cache=loaded) == digest
    copy = staged(context, tmp_path, "kernel", cache=loaded)
    assert copy.digest == digest
    assert (copy.root / "run.sh").read_text() == "#!/bin/sh\n"


@pytest.mark.parametrize("damage", [b"", b"samebit stat cache 1\n", b"x" * 200, None])
def test_damaged_cache_is_empty(damage: bytes | None) -> None:
    assert StatCache.load(damage).dump() == StatCache().dump()


def test_flipped_bit_in_the_cache_is_seen(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("1")
    cache = StatCache()
    cache.add((tmp_path / "f").stat(), b"\1" * 32, read_at_ns=time.time_ns() + 10**10)
    data = bytearray(cache.dump())
    assert StatCache.load(bytes(data)).find((tmp_path / "f").stat()) == b"\1" * 32
    data[-40] ^= 1
    assert StatCache.load(bytes(data)).find((tmp_path / "f").stat()) is None
