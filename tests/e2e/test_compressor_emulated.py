"""The compressor's bytes on other processors, emulated by qemu-user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import deflate
import pytest
from results import write_results

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.prove,
    pytest.mark.skipif(
        not shutil.which("mmdebstrap") or os.uname().machine != "x86_64",
        reason="needs mmdebstrap and an x86-64 processor",
    ),
]

ROOT = Path(__file__).parents[2]
CODE = """
import hashlib, random
from samebit.canonical import vectors
from samebit.canonical.member import BLOCK_SIZE, compress_member

vectors.verify_compressor()
lines = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() * 3 for n in range(18_000))
words = random.Random(1).choices([b"the", b"same", b"bytes", b"on", b"every", b"one"], k=400_000)
hasher = hashlib.sha256()
for data in (lines, b" ".join(words), bytes(range(256)) * 4000, vectors._mixed()[::-1]):
    for at in range(0, len(data), BLOCK_SIZE):
        hasher.update(compress_member(data[at : at + BLOCK_SIZE]))
print(hasher.hexdigest())
"""
TEXT = """\
# The compressor on other processors

Made by `make prove` (tests/e2e/test_compressor_emulated.py); do not edit. On each processor,
emulated by qemu-user, the compressor gave all known answers and the same bytes for six more
megabytes."""
MODELS = ("qemu64", "Nehalem", "Haswell", "EPYC-Rome", "max")
ARM_MODELS = ("cortex-a53", "cortex-a72", "max")


def extracted(folder: Path, package: str, *options: str) -> Path:
    """Unpack a package with all that it needs, without running anything of it."""
    subprocess.run(
        ["mmdebstrap", "--variant=extract", f"--include={package}", *options, "bookworm", folder],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emulated")


@pytest.fixture(scope="module")
def qemu(place: Path) -> list[str]:
    """The start of a command line; the processor to emulate follows."""
    root = extracted(place / "qemu", "qemu-user")
    library = root / "usr" / "lib" / "x86_64-linux-gnu"
    return [str(root / "lib64" / "ld-linux-x86-64.so.2"), "--library-path", str(library)]


@pytest.fixture(scope="module")
def native() -> str:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def seen() -> Iterator[list[str]]:
    processors: list[str] = []
    yield processors
    if len(processors) == len(MODELS) + len(ARM_MODELS):
        rows = [[processor] for processor in processors]
        write_results("compressor.md", TEXT, ("Processor",), rows)


def emulate(qemu: list[str], processor: str, *command: str | Path, **environment: str) -> str:
    program = Path(qemu[0]).parents[1] / "usr" / "bin" / f"qemu-{processor}"
    done = subprocess.run(
        [*qemu, program, *command],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_x86(qemu: list[str], native: str, seen: list[str]) -> None:
    packages = Path(deflate.__file__).parent
    paths = f"{ROOT / 'src'}:{packages.parent if packages.name == 'deflate' else packages}"
    python = os.path.realpath(sys.executable)
    for model in MODELS:
        options = ("-cpu", model, python, "-S", "-c", CODE)
        assert emulate(qemu, "x86_64", *options, PYTHONPATH=paths) == native, model
    seen += [f"x86-64, {model}" for model in MODELS]


def test_the_models_differ(qemu: list[str], place: Path) -> None:
    """The oldest model has none of the instructions that the newest takes the fast paths by."""
    source = place / "cpu.c"
    source.write_text(
        "#include <stdio.h>\n#include <cpuid.h>\nint main(void) { unsigned a, b, c, d;"
        ' __get_cpuid_count(7, 0, &a, &b, &c, &d); printf("%u", b >> 5 & 1); }\n'
    )
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    subprocess.run(["cc", "-o", place / "cpu", source], check=True)
    avx2 = {model: emulate(qemu, "x86_64", "-cpu", model, place / "cpu") for model in MODELS}
    assert avx2 == {"qemu64": "0", "Nehalem": "0", "Haswell": "1", "EPYC-Rome": "1", "max": "1"}


def test_arm(qemu: list[str], native: str, place: Path, seen: list[str]) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.search(r"^deflate==.*?(?=^\S)", lock, re.DOTALL | re.MULTILINE)
    assert pinned
    (place / "pinned.txt").write_text(pinned[0])
    platforms = [f"--platform=manylinux{tag}_aarch64" for tag in ("2014", "_2_17", "_2_28")]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary=:all:", "--python-version=3.11"),
            *(*platforms, f"--target={place}/packages", f"--requirement={place}/pinned.txt"),
        ],
        check=True,
    )
    root = extracted(place / "arm64", "python3.11", "--architectures=arm64")
    environment = {
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": f"{ROOT / 'src'}:{place / 'packages'}",
    }
    python = root / "usr" / "bin" / "python3.11"
    for model in ARM_MODELS:
        options = ("-L", root, "-cpu", model, python, "-S", "-c", CODE)
        assert emulate(qemu, "aarch64", *options, **environment) == native, model
    seen += [f"aarch64, {model}" for model in ARM_MODELS]
