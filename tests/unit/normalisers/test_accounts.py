from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from normalising import facts_of, matches, named, rewritten

SHADOW = named("system/shadow-days")
PATH = b"etc/shadow"
BASE = b"root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nold:$y$x:19000::::::\n"


def after(text: bytes, base: bytes | None = BASE) -> bytes:
    facts = facts_of(PATH, text, base={PATH: base} if base is not None else None)
    return rewritten(SHADOW, text, PATH, facts)


def test_new_lines_lose_their_day() -> None:
    added = BASE + b"web:!:20417::::::\nalice:!:20417:0:99999:7:::\n"
    assert after(added) == BASE + b"web:!:::::::\nalice:!::0:99999:7:::\n"


def test_lines_of_the_base_stay_but_for_a_new_day() -> None:
    assert after(BASE) == BASE
    changed = BASE.replace(b"old:$y$x:19000", b"old:$y$z:20417")
    assert after(changed) == BASE.replace(b"old:$y$x:19000", b"old:$y$z:")
    locked = BASE.replace(b"old:$y$x:19000", b"old:!$y$x:19000")
    assert after(locked) == locked


def test_without_a_base_every_day_is_the_builds() -> None:
    assert after(b"root:*:19000:0:99999:7:::\n", None) == b"root:*::0:99999:7:::\n"


def test_zero_stays_because_it_asks_for_a_new_password() -> None:
    assert after(b"a:x:0:0:99999:7:::\n") == b"a:x:0:0:99999:7:::\n"


def test_a_password_that_expires_keeps_its_day_and_is_told() -> None:
    line = b"a:$y$x:20417:0:90:7:::\n"
    facts = facts_of(PATH, line)
    assert rewritten(SHADOW, line, PATH, facts) == line
    assert "expires" in facts.remarks[0]


def test_what_is_no_shadow_line_stays() -> None:
    for text in (b"", b"a\n", b"a:b:20417\n", b"a:b:x:::::: \n", b"+::::::::\n", b"#a:b:1::::::\n"):
        assert after(text + b"web:!:20417::::::\n") == (text + b"web:!:20417::::::\n").replace(
            b"20417", b""
        ).replace(b"a:b:\n", b"a:b:20417\n").replace(b"#a:b:1:", b"#a:b::")


def test_a_last_line_without_an_end_stays_so() -> None:
    assert after(b"a:!:20417::::::") == b"a:!:::::::"


field = st.text(alphabet="ab$*!0179:", max_size=6).map(str.encode)


@settings(deadline=None)
@given(st.lists(st.lists(field, min_size=7, max_size=10).map(b":".join), max_size=6))
def test_only_third_fields_ever_change(lines: list[bytes]) -> None:
    text = b"\n".join(lines)
    for old, new in zip(text.split(b"\n"), after(text).split(b"\n"), strict=True):
        before, now = old.split(b":"), new.split(b":")
        assert len(before) == len(now)
        third = {2} if now[2:3] == [b""] else set()
        assert {i for i in range(len(now)) if now[i] != before[i]} <= third


def test_machine_ids() -> None:
    machine, dbus = named("system/machine-id"), named("system/dbus-machine-id")
    identity = b"0123456789abcdef0123456789abcdef\n"
    assert matches(machine, b"etc/machine-id", identity)
    assert matches(dbus, b"var/lib/dbus/machine-id", identity)
    assert rewritten(machine, identity, b"etc/machine-id") == b""
    for other in (b"", b"uninitialized\n", identity * 2, identity.upper()):
        assert not matches(machine, b"etc/machine-id", other)
        assert not matches(dbus, b"var/lib/dbus/machine-id", other)
    assert not matches(machine, b"srv/etc/machine-id", identity)


def test_service_logs_are_emptied_and_stay() -> None:
    logs = named("system/service-logs")
    assert matches(logs, b"var/log/nginx/access.log", b"x")
    assert not matches(logs, b"var/log/nginx/access.log", b"")
    assert not matches(logs, b"var/log/app/access.log", b"x")
    assert rewritten(logs, b"line\n", b"var/log/syslog") == b""


def test_numbers_of_processes_that_are_gone() -> None:
    numbers = named("system/pid-files")
    for path in (b"run/nginx.pid", b"run/apache2/apache2.pid", b"var/run/crond.pid"):
        assert matches(numbers, path, b"42\n")
        for other in (b"", b"a socket", b"42\n" * 9):
            assert not matches(numbers, path, other)
    assert not matches(numbers, b"srv/run/app.pid", b"42\n")
    assert not matches(numbers, b"run/number", b"42\n")
