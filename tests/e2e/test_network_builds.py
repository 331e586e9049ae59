"""Builds whose steps use the network: recorded once, replayed without one, four clear errors."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_output import read_failure
from fake_internet import FakeInternet, Page, Seen, fake_internet
from offline_builds import offline
from samebit_command import Samebit
from step_builds import Steps, read_image

pytestmark = pytest.mark.e2e

WGET = "busybox wget -q -O"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeInternet]:
    with fake_internet(tmp_path_factory.mktemp("internet")) as found:
        yield found


@pytest.fixture
def internet(running: FakeInternet) -> FakeInternet:
    running.pages.clear()
    running.seen.clear()
    return running


@pytest.fixture
def online(steps: Steps, internet: FakeInternet) -> Steps:
    """Builds by a user behind the test's proxy."""
    samebit = Samebit(steps.samebit.home, internet.environment)
    return Steps(samebit, steps.context, steps.base)


def replay(steps: Steps, dockerfile: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Build where there is no network at all."""
    return offline(steps.samebit, *steps.arguments(dockerfile, *options))


def lock_of(steps: Steps) -> Path:
    return steps.context / "Dockerfile.lock"


RECIPE = f"""\
FROM base
RUN {WGET} /one http://a.example.org/one && {WGET} /two https://b.example.org:8443/two
RUN {WGET} /three http://c.example.org:8123/three
"""


def serve_recipe(internet: FakeInternet) -> None:
    internet.pages["http://a.example.org/one"] = Page(b"1")
    internet.pages["https://b.example.org:8443/two"] = Page(b"2" * 300_000)
    internet.pages["http://c.example.org:8123/three"] = Page(b"3", chunked=True)


def test_recorded_once_and_replayed_with_the_network_cut(
    online: Steps, internet: FakeInternet
) -> None:
    serve_recipe(internet)
    recorded = online.build(RECIPE)
    assert "recorded, not replayed" in recorded.stderr
    assert {p: len(recorded.text(p)) for p in ("one", "two", "three")} == {
        "one": 1, "two": 300_000, "three": 1,
    }  # fmt: skip
    lock = lock_of(online).read_text()
    assert lock.count("[[fetch]]") == 3
    seen = len(internet.seen)
    for options in ((), ("--locked",)):
        done = replay(online, RECIPE, *options)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == recorded.digest
    assert "recorded, not replayed" not in done.stderr
    assert len(internet.seen) == seen
    assert lock_of(online).read_text() == lock
    again = online.samebit.run(
        "lock", online.context, "--build-context", f"base=oci-layout://{online.base}"
    )
    assert again.returncode == 0, again.stderr
    assert len(internet.seen) == seen


def test_the_lock_command_records(online: Steps, internet: FakeInternet) -> None:
    serve_recipe(internet)
    (online.context / "Dockerfile").write_text(RECIPE)
    option = ("--build-context", f"base=oci-layout://{online.base}")
    done = online.samebit.run("lock", online.context, *option)
    assert done.returncode == 0, done.stderr
    assert lock_of(online).read_text().count("[[fetch]]") == 3
    assert replay(online, RECIPE, "--locked").returncode == 0


def test_a_fetch_that_the_lock_lacks_is_named_with_its_line(
    online: Steps, internet: FakeInternet
) -> None:
    serve_recipe(internet)
    recorded = online.build(RECIPE)
    whole = lock_of(online).read_text()
    blocks = whole.split("\n[[fetch]]\n")
    lock_of(online).write_text("\n[[fetch]]\n".join(b for b in blocks if "/three" not in b) + "\n")
    done = online.samebit.run(*online.arguments(RECIPE))
    failure = read_failure(done.returncode, done.stderr, progress=True)
    assert (failure.status, failure.code) == (4, "lock"), done.stderr
    assert failure.where.endswith("Dockerfile:3:1")
    assert failure.what == "GET http://c.example.org:8123/three is not in the lock"
    assert "samebit lock" in failure.fix
    # Nothing was harmed.
    lock_of(online).write_text(whole)
    done = replay(online, RECIPE, "--locked")
    assert (done.returncode, done.stdout.strip()) == (0, recorded.digest), done.stderr


def test_a_damaged_blob_is_an_input_error_and_heals(online: Steps, internet: FakeInternet) -> None:
    serve_recipe(internet)
    recorded = online.build(RECIPE)
    store = online.samebit.home / "store" / "blobs" / "sha256"
    (blob,) = [
        p for p in store.iterdir() if p.stat().st_size == 300_000 and p.read_bytes()[:1] == b"2"
    ]
    blob.write_bytes(b"2" * 299_999 + b"x")
    done = online.samebit.run(*online.arguments(RECIPE))
    failure = read_failure(done.returncode, done.stderr, progress=True)
    assert (failure.status, failure.code) == (5, "input"), done.stderr
    assert failure.where.endswith("Dockerfile:2:1")
    assert "GET https://b.example.org:8443/two" in failure.what
    # Removed, and fetched again from where it came.
    assert not blob.exists()
    assert online.build(RECIPE).digest == recorded.digest
    assert internet.asked("https://b.example.org:8443/two") == 2


def test_lost_bytes_that_changed_are_not_taken(online: Steps, internet: FakeInternet) -> None:
    serve_recipe(internet)
    online.build(RECIPE)
    internet.pages["http://c.example.org:8123/three"] = Page(b"4")
    store = online.samebit.home / "store" / "blobs" / "sha256"
    (blob,) = [p for p in store.iterdir() if p.stat().st_size == 1 and p.read_bytes() == b"3"]
    blob.unlink()
    text = online.fails(RECIPE, code=5)
    assert "GET http://c.example.org:8123/three" in text


def test_a_new_address_that_a_script_swallows_is_an_error(
    online: Steps, internet: FakeInternet
) -> None:
    recipe = "FROM base\nCOPY run.sh /\nRUN sh /run.sh\n"
    internet.pages["http://a.example.org/file-1.0.txt"] = Page(b"1")
    online.write({"run.sh": f"{WGET} /got http://a.example.org/file-1.0.txt\n"})
    online.build(recipe)
    online.write({"run.sh": f"{WGET} /got http://a.example.org/file-1.1.txt || true\n"})
    done = online.samebit.run(*online.arguments(recipe))
    failure = read_failure(done.returncode, done.stderr, progress=True)
    assert failure.status == 4
    assert failure.where.endswith("Dockerfile:3:1")
    assert failure.what == "GET http://a.example.org/file-1.1.txt is not in the lock"
    assert any("http://a.example.org/file-1.0.txt" in line for line in failure.detail)


def test_raw_tcp_is_an_error_even_while_recording(online: Steps) -> None:
    recipe = "FROM base\nRUN true\nRUN echo hello | nc db.example.org 5432 || true\n"
    for _ in range(2):
        done = online.samebit.run(*online.arguments(recipe))
        failure = read_failure(done.returncode, done.stderr, progress=True)
        assert failure.status == 4
        assert failure.where.endswith("Dockerfile:3:1")
        assert failure.what.startswith("db.example.org:5432 ")
    assert not lock_of(online).exists()


def test_a_lock_without_fetches_is_watched_too(online: Steps) -> None:
    online.write({"run.sh": "true\n"})
    recipe = "FROM base\nCOPY run.sh /\nRUN sh /run.sh\n"
    online.build(recipe)
    online.write({"run.sh": f"{WGET} /x http://a.example.org/ || true\n"})
    assert "GET http://a.example.org/ is not in the lock" in online.fails(recipe, code=4)


def test_a_stale_lock_is_extended_and_what_is_not_asked_any_more_goes(
    online: Steps, internet: FakeInternet
) -> None:
    serve_recipe(internet)
    online.build(RECIPE)
    internet.pages["http://d.example.org/four"] = Page(b"4")
    recipe = RECIPE.replace("http://c.example.org:8123/three", "http://d.example.org/four")
    assert "the lock is stale" in online.fails(recipe, "--locked", code=4)
    seen = len(internet.seen)
    online.build(recipe)
    assert [one.url for one in internet.seen[seen:]] == ["http://d.example.org/four"]
    lock = lock_of(online).read_text()
    assert "/four" in lock
    assert "/three" not in lock


def test_update_records_an_origin_anew(online: Steps, internet: FakeInternet) -> None:
    serve_recipe(internet)
    online.build(RECIPE)
    internet.pages["http://a.example.org/one"] = Page(b"new")
    option = ("--build-context", f"base=oci-layout://{online.base}")
    done = online.samebit.run("lock", "--update=a.example.org", online.context, *option)
    assert done.returncode == 0, done.stderr
    built = online.build(RECIPE)
    assert built.text("one") == "new"
    assert internet.asked("http://c.example.org:8123/three") == 1


def test_a_network_that_fails_while_recording_leaves_the_old_lock(
    online: Steps, internet: FakeInternet
) -> None:
    serve_recipe(internet)
    online.build(RECIPE)
    before = lock_of(online).read_bytes()
    internet.pages["http://gone.example.org/"] = Page(b"", fails=99)
    text = online.fails(RECIPE + f"RUN {WGET} /x http://gone.example.org/ || true\n", code=5)
    assert "GET http://gone.example.org/ the server answered 503" in text
    assert lock_of(online).read_bytes() == before


def test_nothing_of_the_network_is_in_the_image(online: Steps, internet: FakeInternet) -> None:
    """Compared with a build that uses none of it."""
    internet.pages["http://a.example.org/one"] = Page(b"1")
    fetched = online.build(f"FROM base\nRUN {WGET} /one http://a.example.org/one\n")
    plain = online.build("FROM base\nRUN printf 1 > /one\n")
    assert fetched.layer == plain.layer
    assert fetched.config["config"] == plain.config["config"]


def test_host_network_is_the_recorded_one(online: Steps, internet: FakeInternet) -> None:
    internet.pages["http://a.example.org/one"] = Page(b"1")
    built = online.build(f"FROM base\nRUN --network=host {WGET} /one http://a.example.org/one\n")
    assert built.text("one") == "1"
    assert lock_of(online).read_text().count("[[fetch]]") == 1


def test_trust_variables_of_the_dockerfile_stay_and_are_told(
    online: Steps, internet: FakeInternet
) -> None:
    internet.pages["http://a.example.org/one"] = Page(b"1")
    built = online.build(
        f"FROM base\nENV PIP_CERT=/mine\nRUN {WGET} /one http://a.example.org/one; env > /env\n"
    )
    assert "PIP_CERT=/mine" in built.lines("env")
    assert "SSL_CERT_FILE=/dev/.samebit/ca.pem" in built.lines("env")
    assert "PIP_CERT is set by the Dockerfile or its base" in built.stderr


def test_secrets_reach_neither_lock_nor_store_nor_image_nor_text(
    online: Steps, internet: FakeInternet, tmp_path: Path
) -> None:
    planted = ["mount", "query", "header", "cookie", "user", "password", "signed", "missing"]
    planted = [f"pl4nted-{kind}" for kind in planted]

    def page(seen: Seen) -> Page:
        assert seen.headers["X-Api-Key"] == "pl4nted-header"
        assert seen.headers["Cookie"] == "id=pl4nted-cookie"
        assert seen.headers["Authorization"] == "Bearer pl4nted-mount"
        return Page(b"thing", headers={"Set-Cookie": "id=pl4nted-cookie"})

    internet.pages["http://a.example.org/f?access_token=pl4nted-query"] = page
    internet.pages["http://a.example.org/user"] = Page(b"x")
    signed = "http://b.example.org/g?X-Amz-Signature=pl4nted-signed"
    internet.pages["http://a.example.org/moved"] = Page(b"", 302, {"Location": signed})
    internet.pages[signed] = Page(b"y")
    secret = tmp_path / "secret"
    secret.write_text("pl4nted-mount")
    # What the context has is the user's own: no word of it stands there as a whole.
    online.write({"q.sh": "s=pl4nted; echo access_token=$s-query\n"})
    recipe = (
        "FROM base\n"
        "RUN --mount=type=secret,id=t --mount=type=bind,target=/c s=pl4nted; busybox wget -q -O /f"
        ' --header "Authorization: Bearer $(cat /run/secrets/t)"'
        ' --header "X-Api-Key: $s-header" --header "Cookie: id=$s-cookie"'
        ' "http://a.example.org/f?$(sh /c/q.sh)"'
        ' && busybox wget -q -O /g "http://$s-user:$s-password@a.example.org/user"'
        " && busybox wget -q -O /h http://a.example.org/moved\n"
    )
    option = f"--secret=id=t,src={secret}"
    built = online.build(recipe, option)
    assert [built.text(name) for name in "fgh"] == ["thing", "x", "y"]
    # A step that fails, and a miss.
    wget = "RUN --mount=type=secret,id=t busybox wget -q -O /x"
    failing = f'{recipe}{wget} "http://a.example.org/none?token=$(cat /run/secrets/t)"\n'
    texts = [built.stderr, online.fails(failing, option, code=3)]
    online.write({"q.sh": "s=pl4nted; echo 'other=1&password='$s-missing\n"})
    texts.append(online.fails(recipe, option, code=4))
    assert "GET http://a.example.org/f?other=1&password=REDACTED is not in the lock" in texts[-1]
    lock = lock_of(online).read_text()
    places = [lock, *texts, *(item.text for item in built.layer.values()), str(built.config)]
    assert not any(word in place for word in planted for place in places)
    for path in online.samebit.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not any(word.encode() in content for word in planted), path
    assert read_image(built.layout).digest == built.digest
