"""The wheel: the same bytes from any checkout, whole, and enough to build with."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from samebit_command import Samebit

import samebit as package

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


def tracked(*below: str) -> list[str]:
    """Give what a checkout has, and what is new in this one."""
    listing = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--"]
    done = subprocess.run([*listing, *below], capture_output=True, check=True, text=True)
    return done.stdout.splitlines()


def make_wheel(tree: Path, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=tree,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel and what it says that it needs, nothing else."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=120)
    (site,) = place.glob("lib/python*/site-packages")
    for name in sorted(needed("samebit") - {"samebit"}):
        copy_distribution(name, site)
    install = ["--no-index", "--no-deps", "--no-compile", "--quiet", str(wheel)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", *install],
        check=True,
        timeout=120,
        cwd="/",
    )
    return place


def needed(name: str) -> set[str]:
    """Give what a distribution requires, and what that requires, by canonical names."""
    found = {name}
    waiting = [name]
    while waiting:
        for text in importlib.metadata.requires(waiting.pop()) or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                key = requirement.name.lower().replace("_", "-")
                if key not in found:
                    found.add(key)
                    waiting.append(key)
    return found


def copy_distribution(name: str, site: Path) -> None:
    for file in importlib.metadata.files(name) or []:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def command(installed: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [installed / "bin" / "samebit", *arguments],
        cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=900,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_the_wheel_is_the_same_from_another_checkout(wheel: Path, tmp_path: Path) -> None:
    other = tmp_path / "a checkout" / "elsewhere"
    for name in tracked("src", "man", "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        path = other / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o664)
    again = make_wheel(other, tmp_path / "dist")
    assert again.name == wheel.name
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again)}
    assert len(digests) == 1


def test_the_wheel_holds_every_file_of_the_package_and_the_manual(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {name.removeprefix("src/") for name in tracked("src/samebit")}
    assert sources <= names
    for name in ("engines/shim.py", "toolchains/profiles/go.toml", "report/templates/diff.html"):
        assert f"samebit/{name}" in names
    assert {f"samebit-0.1.0.data/data/share/man/man1/{Path(n).name}" for n in tracked("man")} == {
        name for name in names if "/share/man/" in name
    }
    rest = {name for name in names - sources if ".dist-info/" not in name}
    assert all("/share/man/" in name for name in rest), rest


def test_it_is_enough_to_build_audit_compare_and_diagnose(
    installed: Path, samebit: Samebit, busybox_context: Path, tmp_path: Path
) -> None:
    text = (
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]\nRUN id > /id\n'
    )
    (busybox_context / "Dockerfile").write_text(text)
    assert command(installed, "--version") == f"samebit {package.__version__}\n"
    home = {"SAMEBIT_HOME": str(tmp_path / "home")}
    digest = command(installed, "build", str(busybox_context), **home).strip()
    assert digest == samebit.build("--no-cache", busybox_context)
    page = tmp_path / "page.html"
    command(installed, "diff", digest, digest, f"--html={page}", **home)
    assert page.stat().st_size > 1000
    audited = json.loads(command(installed, "audit", "--json", digest, **home))
    assert audited["document"] == "samebit-audit"
    # Its tables come with it.
    assert "apt-get install" in command(installed, "doctor", "--engine=buildah:/absent", code=6)
    assert (installed / "share" / "man" / "man1" / "samebit-build.1").is_file()


@pytest.mark.prove
def test_it_builds_an_example(installed: Path, samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "c-tool"
    shutil.copytree(ROOT / "examples" / "c-tool", context)
    (context / "Dockerfile.lock").unlink(missing_ok=True)
    expected = samebit.build("--no-cache", context)
    home = {"SAMEBIT_HOME": str(samebit.home)}
    found = command(installed, "build", "--locked", "--no-cache", str(context), **home)
    assert found.strip() == expected
