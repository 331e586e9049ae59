"""ADD of local archives and of URLs."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from loopback_server import LoopbackServer, serving
from step_builds import Item, Steps, busybox_items, directory, pack

pytestmark = pytest.mark.e2e

CONTENT = {
    "top": directory(0o750, (5, 6)),
    "top/file": Item(mode=0o640, owner=(7, 8), content=b"packed"),
    "top/tool": Item(mode=0o4755, content=b"tool"),
    "top/link": Item("symlink", 0o777, link="file"),
    "top/hard": Item("hard link", 0o640, (7, 8), link="top/file"),
    "top/fifo": Item("fifo", 0o600),
    "./dot": Item(content=b"dot"),
}


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


PACKERS = {
    "tar": bytes, "tar.gz": gzipped, "tar.bz2": bz2.compress, "tar.xz": lzma.compress,
    "tar.zst": zstandard.ZstdCompressor().compress,
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    with serving(tmp_path) as running:
        yield running


def unpacked(below: str, owner: tuple[int, int] | None = None) -> dict[str, object]:
    """What ADD makes of CONTENT in the directory `below`."""
    return {
        f"{below}dot": ("file", "644", owner or (0, 0)),
        f"{below}top": ("directory", "750", owner or (5, 6)),
        f"{below}top/fifo": ("fifo", "600", owner or (0, 0)),
        f"{below}top/file": ("file", "640", owner or (7, 8)),
        f"{below}top/hard": ("hard link", "640", owner or (7, 8)),
        f"{below}top/link": ("symlink", "777", owner or (0, 0)),
        f"{below}top/tool": ("file", "4755", owner or (0, 0)),
    }


def test_archives_of_every_compression_are_unpacked(steps: Steps) -> None:
    raw = pack(CONTENT)
    steps.write({f"a.{name}": compress(raw) for name, compress in PACKERS.items()})
    # The content decides, not the name.
    steps.write({"noname": gzipped(raw), "fake.tar": "text", "text.gz": gzipped(b"x")})
    built = steps.build(
        "FROM base\n" + "".join(f"ADD a.{name} /{name}/\n" for name in PACKERS)
        + "ADD noname /noname\nADD fake.tar text.gz /kept/\nADD --unpack=false a.tar.gz /packed/\n"
        "ADD a.tar.gz fake.tar /mixed/\nCOPY a.tar /copied/\n",
        same_on_vfs=True,
    )  # fmt: skip
    for name in [*PACKERS, "noname"]:
        assert built.shape(f"{name}/") == unpacked(f"{name}/"), name
        assert built.text(f"{name}/top/file") == "packed"
        assert built.layer[f"{name}/top/hard"].link == f"{name}/top/file"
        assert built.layer[f"{name}"] == directory()
    assert built.text("kept/fake.tar") == "text"
    assert built.layer["kept/text.gz"].content == gzipped(b"x")
    assert built.layer["packed/a.tar.gz"].content == gzipped(raw)
    assert built.shape("mixed/") == {
        **unpacked("mixed/"), "mixed/fake.tar": ("file", "644", (0, 0)),
    }  # fmt: skip
    assert built.layer["copied/a.tar"].content == raw


def test_archives_over_what_is_there_and_with_flags(steps: Steps) -> None:
    steps.write({"a.tar": pack(CONTENT), "b.tar": pack({"top/new": Item(content=b"n")})})
    steps.write({"plain": "p"})
    steps.write({"d/a.tar": pack({"in/x": Item(content=b"x")}), "d/plain": "p"})
    built = steps.build(
        "FROM base\nRUN mkdir -p /over/top && echo old > /over/top/file && touch /over/top/kept\n"
        "ADD a.tar /over\nADD b.tar /over\n"
        "ADD --chown=3:4 a.tar /owned/\n"
        "ADD --chmod=600 a.tar /moded/\n"
        "ADD *.tar /both/\n"
        "ADD --chown=app --chmod=600 plain a.tar /named\n"
        "WORKDIR /w\nADD a.tar .\n"
        # Only a source itself is unpacked, not what a directory holds.
        "ADD d /dir/\n"
        "ADD --exclude=plain d /some/\n",
        same_on_vfs=True,
    )
    assert built.text("over/top/file") == "packed"
    assert built.paths("over/top/") == [
        "over/top/fifo", "over/top/file", "over/top/hard", "over/top/kept", "over/top/link",
        "over/top/new", "over/top/tool",
    ]  # fmt: skip
    assert built.shape("owned/") == unpacked("owned/", (3, 4))
    assert built.shape("moded/") == unpacked("moded/")
    assert built.shape("named/") == {
        **unpacked("named/", (1001, 1002)), "named/plain": ("file", "600", (1001, 1002)),
    }  # fmt: skip
    assert set(built.shape("both/")) == {*unpacked("both/"), "both/top/new"}
    assert built.shape("w/") == unpacked("w/")
    assert built.paths("dir/") == ["dir/a.tar", "dir/plain"]
    assert built.paths("some/") == ["some/a.tar"]


def test_archives_cannot_leave_the_root(steps: Steps) -> None:
    steps.write({
        "evil.tar": pack({"../../../escape": Item(content=b"x"), "ok": Item(content=b"ok")}),
        "link.tar": pack({
            "l": Item("symlink", 0o777, link="/etc"), "l/planted": Item(content=b"inside"),
        }),
    })  # fmt: skip
    done = steps.samebit.run(*steps.arguments("FROM base\nADD evil.tar /d/\n"))
    assert not (steps.context.parent / "escape").exists()
    assert done.returncode in (0, 3)
    steps.fails("FROM base\nADD link.tar /d/\n", code=3)
    assert not Path("/etc/planted").exists()
    broken = gzipped(pack(CONTENT))
    steps.write({"cut.tar.gz": broken[:-40]})
    said = steps.fails("FROM base\nADD cut.tar.gz /d/\n", code=3)
    assert "Dockerfile:2" in said


def test_urls(steps: Steps, server: LoopbackServer) -> None:
    archive = gzipped(pack(CONTENT))
    server.files = {"/p/file.bin": b"body", "/p/a.tar.gz": archive, "/": b"root", "/q": b"query"}
    server.files["/sp%20ace"] = b"space"
    server.redirects = {"/moved": "/p/file.bin"}
    server.failures = {"/q": 1}
    url = server.url
    digest = hashlib.sha256(b"body").hexdigest()
    recipe = (
        f"FROM base\nARG HOST={url}\n"
        f"ADD {url}/p/file.bin /one\n"
        "ADD $HOST/p/file.bin /two/\n"
        f"ADD {url}/p/a.tar.gz /packed/\n"
        f"ADD --unpack {url}/p/a.tar.gz /unpacked/\n"
        f"ADD --unpack --chown=3:4 {url}/p/a.tar.gz /owned/\n"
        f"ADD --checksum=sha256:{digest} --chmod=755 --chown=3:4 {url}/p/file.bin /tool\n"
        f"ADD {url}/moved /redirected/\n"
        f"ADD {url}/ /unnamed/\n"
        f"ADD {url}/q?a=b /query/\n"
        f"ADD {url}/sp%20ace {url}/p/file.bin /several/\n"
        "WORKDIR /w\n"
        f"ADD {url}/p/file.bin .\n"
    )
    built = steps.build(recipe, same_on_vfs=True)
    assert built.layer["one"] == Item(mode=0o600, content=b"body")
    assert built.layer["two/file.bin"] == Item(mode=0o600, content=b"body")
    assert built.layer["packed/a.tar.gz"] == Item(mode=0o600, content=archive)
    assert built.shape("unpacked/") == unpacked("unpacked/")
    assert built.shape("owned/") == unpacked("owned/", (3, 4))
    assert built.layer["tool"] == Item(mode=0o755, owner=(3, 4), content=b"body")
    assert built.layer["redirected/moved"].content == b"body"
    assert built.layer["unnamed/__unnamed__"].content == b"root"
    assert built.layer["query/q"].content == b"query"
    assert built.paths("several/") == ["several/file.bin", "several/sp ace"]
    assert built.layer["w/file.bin"].content == b"body"


def test_urls_that_fail(steps: Steps, server: LoopbackServer) -> None:
    server.files = {"/f": b"body"}
    wrong = hashlib.sha256(b"other").hexdigest()
    said = steps.fails(f"FROM base\nADD --checksum=sha256:{wrong} {server.url}/f /f\n", code=5)
    assert "Dockerfile:2" in said
    assert wrong in said
    assert hashlib.sha256(b"body").hexdigest() in said
    said = steps.fails(f"FROM base\nADD http://u:pass-word@127.0.0.1:{server.port}/no /f\n", code=5)
    assert "404" in said
    assert "pass-word" not in said
    said = steps.fails(f"FROM base\nADD --checksum=sha256:12 {server.url}/f /f\n", code=2)
    assert "Dockerfile:2" in said
    said = steps.fails("FROM base\nADD http://127.0.0.1:1/f /f\n", code=5)
    assert "127.0.0.1" in said


def test_archives_with_attributes(steps: Steps) -> None:
    """ADD of an archive as the root file system of an image, the way bases are made."""
    capability = bytes.fromhex("0000000200200000000000000000000000000000")
    tool = Item(mode=0o755, content=b"t", xattrs={"security.capability": capability})
    root = busybox_items(
        {"ping": tool, "dev": directory(), "dev/null": Item("character device", 0o666)}
    )
    steps.write({"root.tar": pack(root)})
    built = steps.build('FROM scratch\nADD root.tar /\nCMD ["/bin/sh"]\n', same_on_vfs=True)
    assert built.layer["ping"].xattrs == {"security.capability": capability}
    assert built.layer["home/app"] == directory(0o750, (1001, 1002))
    assert built.layer["tmp"] == directory(0o1777)
    assert built.layer["dev/null"].kind == "character device"
    assert set(built.layer) == set(root)
