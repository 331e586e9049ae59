from __future__ import annotations

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.canonical.tar_reader import TarReader
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind

_component = st.binary(min_size=1, max_size=120).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
paths = st.lists(_component, min_size=1, max_size=4).map(b"/".join)
ids = st.integers(0, 2**32 - 2)
xattrs = st.dictionaries(
    st.text(st.characters(codec="ascii", exclude_characters="\0="), min_size=1).map(
        lambda name: b"user." + name.encode()
    ),
    st.binary(max_size=300),
    max_size=3,
).map(lambda found: tuple(sorted(found.items())))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(Kind))
    return Entry(
        path=draw(paths),
        kind=kind,
        mode=draw(st.integers(0, 0o7777)),
        uid=draw(ids),
        gid=draw(ids),
        size=draw(st.integers(0, 2000)) if kind is Kind.FILE else 0,
        link=draw(paths) if kind in (Kind.SYMLINK, Kind.HARDLINK) else b"",
        device=draw(st.tuples(st.integers(0, 4095), st.integers(0, 1048575)))
        if kind in (Kind.CHARACTER, Kind.BLOCK)
        else (0, 0),
        xattrs=draw(xattrs),
    )


def archive(found: list[Entry], mtime: int) -> bytes:
    parts = []
    for entry in found:
        content = bytes(index % 251 for index in range(entry.size))
        parts += [encode_header(entry, mtime), content, padding(entry.size)]
    return b"".join([*parts, END_OF_ARCHIVE])


@given(st.lists(entries(), max_size=4), st.integers(0, 8**11 - 1), st.integers(1, 3000))
def test_our_reader_gives_back_what_was_written(found: list[Entry], mtime: int, chunk: int) -> None:
    data = archive(found, mtime)
    reader = TarReader((data[at : at + chunk] for at in range(0, len(data), chunk)), "x")
    back = []
    for header in reader:
        assert header.mtime_ns == mtime * 10**9
        assert header.uname == header.gname == b""
        content = b"".join(iter(reader.read, b""))
        assert content == bytes(index % 251 for index in range(header.size))
        back.append(
            Entry(
                header.name.rstrip(b"/") if header.kind == b"5" else header.name,
                Kind(header.kind),
                header.mode,
                header.uid,
                header.gid,
                header.size,
                header.link,
                header.device,
                header.xattrs,
            )
        )
    assert back == found


@given(st.lists(entries(), max_size=4), st.integers(0, 8**11 - 1))
def test_tarfile_gives_back_what_was_written(found: list[Entry], mtime: int) -> None:
    data = archive(found, mtime)
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        members = tar.getmembers()
    assert len(members) == len(found)
    for entry, info in zip(found, members, strict=True):
        name = info.name.encode("utf-8", "surrogateescape")
        assert name.rstrip(b"/") == entry.path.rstrip(b"/")
        assert info.type == entry.kind.value
        assert (info.mode, info.uid, info.gid) == (entry.mode, entry.uid, entry.gid)
        assert (info.mtime, info.size) == (mtime, entry.size)
        assert info.linkname.encode("utf-8", "surrogateescape") == entry.link
        if entry.device != (0, 0):
            assert (info.devmajor, info.devminor) == entry.device


@given(
    st.lists(entries(), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    st.integers(0, 10**6),
)
def test_damaged_archives_give_an_input_error_or_members(
    found: list[Entry], changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(archive(found, 0))
    for position, value in changes:
        data[position % len(data)] = value
    damaged = bytes(data[: cut % (2 * len(data))])
    reader = TarReader(iter([damaged]), "x")
    try:
        for _ in reader:
            while reader.read():
                pass
    except InputError as error:
        assert str(error).startswith("x: ")  # noqa: PT017 - not raising is fine too
