"""Private indexes with credentials, behind a proxy that wants a password: pip and npm.

The credentials come from secret mounts, and are nowhere afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from client_builds import bring_base, deb_version, note_clients, recorded
from fake_internet import Page, Seen, fake_internet
from offline_builds import offline
from samebit_command import Samebit
from step_builds import read_image

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PLANTED = ("pl4nted-pip", "pl4nted-npm", "pl4nted-proxy")
PIP = """\
FROM debian.local/python:1
RUN --mount=type=secret,id=index \\
    pip install --quiet --no-compile --no-cache-dir --target /got \\
    --index-url "$(cat /run/secrets/index)" hello
"""
NPM = """\
FROM debian.local/node:1
WORKDIR /got
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm install @team/hello && rm -rf ~/.npm/_logs
"""


def wheel() -> bytes:
    out = io.BytesIO()
    meta = "hello-1.0.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.py", "TEXT = 'private'\n")
        archive.writestr(f"{meta}/METADATA", "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n")
        archive.writestr(
            f"{meta}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{meta}/RECORD", f"hello.py,,\n{meta}/METADATA,,\n{meta}/WHEEL,,\n")
    return out.getvalue()


def tarball() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        content = json.dumps({"name": "@team/hello", "version": "1.0.0"}).encode()
        member = tarfile.TarInfo("package/package.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def only_for(authorization: str, page: Page) -> Callable[[Seen], Page]:
    def answer(seen: Seen) -> Page:
        # Node writes names of headers in lower case.
        sent = {name.lower(): value for name, value in seen.headers.items()}
        if sent.get("authorization") != authorization:
            return Page(b"", 401, {"WWW-Authenticate": 'Basic realm="private"'})
        return page

    return answer


def prove(
    samebit: Samebit, context: Path, example: str, dockerfile: str, secret: tuple[str, str]
) -> tuple[str, list[str]]:
    """Record with the secret, replay twice without it and without a network; gives the lock's text
    and what the recording's image holds below /got.
    """
    context.mkdir()
    (context / "samebit.toml").write_bytes((EXAMPLES / example / "samebit.toml").read_bytes())
    (context / "Dockerfile").write_text(dockerfile)
    kept = context.with_name(f"{context.name}.secret")
    kept.write_text(secret[1])
    layout = context.with_name(f"{context.name}.oci")
    option = f"--secret=id={secret[0]},src={kept}"
    done = samebit.run(
        "build", "--progress", "plain", "--no-cache", option, f"--output=oci:{layout}", context
    )
    assert done.returncode == 0, done.stderr
    digest = done.stdout.strip()
    # Another token is the same fetch.
    kept.write_text(secret[1].replace("pl4nted", "other"))
    for _ in range(2):
        again = offline(
            samebit, "build", "--progress", "plain", "--no-cache", "--locked", option, context
        )
        assert again.returncode == 0, again.stderr
    lock = (context / "Dockerfile.lock").read_text()
    image = read_image(layout, digest)
    places = [done.stderr, again.stderr, lock]
    places += [item.content.decode("latin-1") for item in image.layer.values()]
    forms = [f for w in PLANTED for f in (w, base64.b64encode(f"me:{w}".encode()).decode())]
    assert not any(form in place for form in forms for place in places)
    for path in (samebit.home / "store").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(form.encode() in content for form in forms), path
    return lock, image.paths("got/")


def test_pip_with_a_password(samebit: Samebit, tmp_path: Path) -> None:
    bring_base(samebit, tmp_path, "python-service", "debian.local/python:1")
    own = samebit.with_cold_engine(tmp_path / "home")
    context = tmp_path / "context"
    basic = "Basic " + base64.b64encode(f"me:{PLANTED[0]}".encode()).decode()
    index = Page(
        b'<a href="../../files/hello-1.0-py3-none-any.whl">x</a>',
        headers={"Content-Type": "text/html"},
    )
    with fake_internet(tmp_path / "internet") as internet:
        internet.login = f"me:{PLANTED[2]}"
        for url, page in (
            ("https://pip.example.org/simple/hello/", index),
            ("https://pip.example.org/files/hello-1.0-py3-none-any.whl", Page(wheel())),
        ):
            internet.pages[url] = only_for(basic, page)
        online = Samebit(own.home, internet.environment)
        secret = ("index", f"https://me:{PLANTED[0]}@pip.example.org/simple")
        lock, got = prove(online, context, "python-service", PIP, secret)
    assert "got/hello.py" in got
    assert "https://pip.example.org/files/hello-1.0-py3-none-any.whl" in lock
    asked = str(len(recorded(context)))
    note = "a password in a secret mount, behind a proxy with a password"
    note_clients(
        [
            (
                "pip (private index)",
                deb_version(context, "python3-pip"),
                asked,
                "2 of 2, no miss",
                note,
            )
        ]
    )


def test_npm_with_a_token(samebit: Samebit, tmp_path: Path) -> None:
    bring_base(samebit, tmp_path, "node-service", "debian.local/node:1")
    own = samebit.with_cold_engine(tmp_path / "home")
    context = tmp_path / "context"
    body = tarball()
    sha = base64.b64encode(hashlib.sha512(body).digest()).decode()
    packument = {
        "name": "@team/hello",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {
            "1.0.0": {
                "name": "@team/hello",
                "version": "1.0.0",
                "dist": {
                    "tarball": "https://npm.example.org/@team/hello/-/hello-1.0.0.tgz",
                    "integrity": f"sha512-{sha}",
                },
            }
        },
    }
    described = Page(json.dumps(packument).encode(), headers={"Content-Type": "application/json"})
    with fake_internet(tmp_path / "internet") as internet:
        internet.login = f"me:{PLANTED[2]}"
        for url, page in (
            ("https://npm.example.org/@team%2fhello", described),
            ("https://npm.example.org/@team/hello/-/hello-1.0.0.tgz", Page(body)),
        ):
            internet.pages[url] = only_for(f"Bearer {PLANTED[1]}", page)
        online = Samebit(own.home, internet.environment)
        npmrc = (
            "@team:registry=https://npm.example.org/\n"
            f"//npm.example.org/:_authToken={PLANTED[1]}\naudit=false\nfund=false\n"
            "update-notifier=false\n"
        )
        lock, got = prove(online, context, "node-service", NPM, ("npmrc", npmrc))
    assert "got/node_modules/@team/hello/package.json" in got
    assert "https://npm.example.org/@team/hello/-/hello-1.0.0.tgz" in lock
    asked = str(len(recorded(context)))
    note = "a token in a secret mount, behind a proxy with a password"
    note_clients(
        [("npm (private registry)", deb_version(context, "npm"), asked, "2 of 2, no miss", note)]
    )
