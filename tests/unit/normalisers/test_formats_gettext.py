from __future__ import annotations

import gettext
import io
import subprocess
from pathlib import Path

import pytest
from normalising import matches, named, rewritten
from strip_oracle import agree

MESSAGES = named("formats/gettext")
CATALOGUE = """
msgid ""
msgstr ""
"Project-Id-Version: x\\n"
"POT-Creation-Date: {} 13:30+0100\\n"
"PO-Revision-Date: {} 13:31+0000\\n"
"Content-Type: text/plain; charset=UTF-8\\n"

msgid "hello"
msgstr "hallo"
"""


def compiled(folder: Path, day: str, *options: str) -> bytes:
    path = folder / "m.po"
    path.write_text(CATALOGUE.format(day, day))
    subprocess.run(["msgfmt", *options, "-o", "m.mo", "m.po"], cwd=folder, check=True)
    return (folder / "m.mo").read_bytes()


@pytest.mark.parametrize("order", ["little", "big"])
def test_dates_go(tmp_path: Path, order: str) -> None:
    first = compiled(tmp_path, "2026-11-25", f"--endianness={order}")
    second = compiled(tmp_path, "2027-01-01", f"--endianness={order}")
    result = rewritten(MESSAGES, first)
    assert matches(MESSAGES, b"usr/share/locale/de/LC_MESSAGES/m.mo", first)
    assert result == rewritten(MESSAGES, second)
    assert len(result) == len(first)
    translation = gettext.GNUTranslations(io.BytesIO(result))
    assert translation.gettext("hello") == "hallo"
    assert translation.info()["po-revision-date"] == "1980-01-02 00:00+0000"


def test_as_strip_nondeterminism(tmp_path: Path) -> None:
    # It rewrites the first date that it finds and no other.
    def one(day: str) -> bytes:
        text = CATALOGUE.format("2001-01-01", day)
        (tmp_path / "m.po").write_text("\n".join(x for x in text.splitlines() if "POT" not in x))
        subprocess.run(["msgfmt", "-o", "m.mo", "m.po"], cwd=tmp_path, check=True)
        return (tmp_path / "m.mo").read_bytes()

    agree(MESSAGES, (one("2026-11-25"), one("2027-01-01")), "m.mo", "gettext")


def test_sources_keep_what_translators_wrote() -> None:
    text = CATALOGUE.format("2026-11-25", "2026-11-25").encode()
    sources = named("formats/gettext-source")
    assert matches(sources, b"po/de.po", text)
    assert rewritten(sources, text, b"po/de.po") == text.replace(
        b"POT-Creation-Date: 2026-11-25 13:30+0100", b"POT-Creation-Date: 1980-01-02 00:00+0000"
    )


def test_what_must_not_change(tmp_path: Path) -> None:
    whole = compiled(tmp_path, "2026-11-25")
    dates_elsewhere = compiled(tmp_path, "sometime??")
    for data in (whole[:20], whole[:100], b"\xde\x12\x04\x95" + b"\xff" * 40, dates_elsewhere):
        assert rewritten(MESSAGES, data) == data
