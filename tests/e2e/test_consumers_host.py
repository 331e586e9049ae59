"""A layer of many gzip members, read to its end by what every machine has."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest
from consumer_image import ConsumerImage, consumer_image
from samebit_command import Samebit

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("busybox"), reason="needs a static busybox"),
]

GO = """\
package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	plain, err := gzip.NewReader(file)
	check(err)
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		check(err)
		if header.Typeflag != tar.TypeReg {
			continue
		}
		hash := sha256.New()
		_, err = io.Copy(hash, archive)
		check(err)
		fmt.Printf("%x  %s\\n", hash.Sum(nil), header.Name)
	}
	_, err = io.Copy(io.Discard, plain)
	check(err)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ConsumerImage:
    place = tmp_path_factory.mktemp("consumers")
    (place / "work").mkdir()
    return consumer_image(Samebit(place / "home"), place / "work")


def test_it_has_many_members_with_files_across_them(image: ConsumerImage) -> None:
    data = image.layer.read_bytes()
    sizes = []
    while data:
        member = zlib.decompressobj(31)
        sizes.append(len(member.decompress(data)))
        assert member.eof
        data = member.unused_data
    assert len(sizes) > 3
    assert set(sizes[:-1]) == {1 << 20}
    with tarfile.open(image.layer) as archive:
        spans = [
            (m.offset_data >> 20, (m.offset_data + m.size - 1) >> 20) for m in archive if m.size
        ]
    assert sum(first != last for first, last in spans) >= 7


def test_python(image: ConsumerImage) -> None:
    found = {}
    with gzip.open(image.layer) as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            if member.isreg():
                stream = archive.extractfile(member)
                assert stream
                found[member.name] = hashlib.sha256(stream.read()).hexdigest()
    assert found == image.files


@pytest.mark.parametrize("program", [["gzip", "-dc"], ["busybox", "gunzip", "-c"]])
def test_programs(image: ConsumerImage, program: list[str], tmp_path: Path) -> None:
    with subprocess.Popen([*program, image.layer], stdout=subprocess.PIPE) as plain:
        subprocess.run(["tar", "-x", "-C", tmp_path], stdin=plain.stdout, check=True)
    assert plain.returncode == 0
    assert {
        os.path.relpath(os.path.join(folder, name), tmp_path): hashlib.sha256(
            Path(folder, name).read_bytes()
        ).hexdigest()
        for folder, _, names in os.walk(tmp_path)
        for name in names
        if not os.path.islink(os.path.join(folder, name))
    } == image.files


@pytest.mark.prove
@pytest.mark.skipif(not shutil.which("go"), reason="needs go")
def test_go(image: ConsumerImage, tmp_path: Path) -> None:
    (tmp_path / "read.go").write_text(GO)
    done = subprocess.run(
        ["go", "run", tmp_path / "read.go", image.layer],
        env={**os.environ, "GOCACHE": f"{tmp_path}/cache", "GO111MODULE": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = (line.split("  ", 1) for line in done.stdout.splitlines())
    assert {name: digest for digest, name in lines} == image.files
