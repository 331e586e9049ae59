from __future__ import annotations

from pathlib import Path

import pytest
from compiled_files import run

from samebit.errors import UsageError
from samebit.executables.inspect import Context, inspect, recognise
from samebit.executables.source import MemorySource
from samebit.model.audit import FINDING_KINDS
from samebit.toolchains.load import load_toolchains
from samebit.toolchains.profile import Mode, parse_profile

LANGUAGES = "c dotnet go java node perl php python r ruby rust zig"


def test_languages() -> None:
    assert " ".join(load_toolchains().languages()) == LANGUAGES


def test_every_profile_is_consistent() -> None:
    toolchains = load_toolchains()
    for profile in toolchains.profiles.values():
        for check in profile.checks:
            assert check.finding in FINDING_KINDS or (check.rule and check.rule.constant)
            if check.rule is not None and check.rule.needle:
                assert check.rule.needle in check.rule.pattern.pattern
        assert all(variable.reason for variable in profile.environment)
        # A variable that is set for every build already is not a profile's matter.
        names = {variable.name for variable in profile.environment}
        assert not names & {"SOURCE_DATE_EPOCH", "PYTHONHASHSEED", "ZERO_AR_DATE"}


def test_a_language_of_ones_own_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "cobol.toml").write_text(
        'language = "cobol"\n'
        "[environment.COB_FLAGS]\nmode = 'append'\nvalue = '-q'\nreason = 'quiet'\n"
        "[[check]]\nfinding = 'cobol-stamp'\nin = 'strings'\nneedle = 'COBSTAMP'\n"
        "pattern = 'COBSTAMP-[0-9]+'\nfix = 'compile without it'\n"
    )
    toolchains = load_toolchains([tmp_path])
    assert "cobol" in toolchains.languages()
    assert toolchains.profile("cobol").environment[0].mode is Mode.APPEND
    assert toolchains.fix("cobol", "cobol-stamp") == "compile without it"
    (tmp_path / "a.c").write_text('char text[] = "COBSTAMP-77";')
    run("gcc", "-c", "a.c", cwd=tmp_path)
    data = (tmp_path / "a.o").read_bytes()
    known = recognise(data[:64], b"a.o")
    assert known is not None
    found = inspect(MemorySource(data), Context(b"a.o", toolchains.rules()), known).traces
    assert [(trace.finding, trace.value) for trace in found] == [("cobol-stamp", "COBSTAMP-77")]


def test_a_constant_path_names_a_toolchain_that_left_no_note(tmp_path: Path) -> None:
    (tmp_path / "cobol.toml").write_text(
        'language = "cobol"\n'
        "[[check]]\nin = 'paths'\nconstant = true\n"
        "pattern = '\\A/usr/share/cobol-([0-9.]+)/'\ntoolchain = 'COBOL {1}'\n"
    )
    (tmp_path / "a.c").write_text('char text[] = "/usr/share/cobol-3.2/run.c";')
    run("gcc", "-c", "a.c", cwd=tmp_path)
    data = (tmp_path / "a.o").read_bytes()
    rules = load_toolchains([tmp_path]).rules()
    known = recognise(data[:64], b"a.o")
    assert known is not None
    facts = inspect(MemorySource(data), Context(b"a.o", rules), known)
    assert facts.language == "cobol"
    assert "COBOL 3.2" in facts.toolchain
    assert not facts.traces


def test_ones_own_profile_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "go.toml").write_text('language = "go"\n')
    assert load_toolchains([tmp_path]).profile("go").environment == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", None, "language is missing"),
        ('language = "Go"', 1, "language is not a name"),
        ('language = "x"\nother = 1', 2, "other is not a known key"),
        ('language = "x"\n[environment.A]\nmode = "set"\nreason = "r"', 3, "mode is 'set'"),
        ('language = "x"\n[environment.A]\nmode = "append"\nreason = "r"', 2, "value is missing"),
        (
            'language = "x"\n[environment.A]\nmode = "never"\nvalue = ""\nreason = "r"', 4,
            "value has no meaning",
        ),
        ('language = "x"\n[environment.A]\nmode = "never"\nreason = " "', 4, "reason is empty"),
        ('language = "x"\n[environment."A B"]\n', 2, "is not a variable's name"),
        ('language = "x"\n[[check]]\nfinding = "f"', 2, "needs a pattern, a fix, or both"),
        ('language = "x"\n[[check]]\nfinding = "F"\nfix = "x"', 3, "is not a finding"),
        ('language = "x"\n[[check]]\nfinding = "f"\nin = "paths"\npattern = "("', 5, "regular"),
        ('language = "x"\n[[check]]\nfinding = "f"\nin = "x"\npattern = "a"', 4, "in is 'x'"),
        ('language = "x"\n[[check]]\nfinding = "f"\nin = "strings"\npattern = "a"', 2, "needle"),
        ('language = "x"\n[[hazard]]\nname = "h"\npattern = "a"\nwhat = "w"', 2, "fix is missing"),
        (
            'language = "x"\n[[check]]\nin = "paths"\npattern="a"\nconstant=true\ntoolchain="{1}"',
            6, "it has 0 groups",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text: str, line: int | None, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_profile("x.toml", text.encode())
    assert what in str(caught.value)
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_unknown_language_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_toolchains().profile("rusty")
    assert caught.value.fix == "did you mean 'rust'?"
    with pytest.raises(UsageError):
        load_toolchains().profile("any")
    with pytest.raises(UsageError, match="cannot read toolchain profiles"):
        load_toolchains([tmp_path / "none"])
    (tmp_path / "a.toml").write_text('language = "b"\n')
    with pytest.raises(UsageError, match="profile of 'b'"):
        load_toolchains([tmp_path])
