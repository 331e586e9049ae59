"""`--image NAME`: builds that samebit.toml describes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from built_images import Built
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

TOML = """\
[images.web]
context = "services/web"
target = "run"
tags = ["example.org/web:1", "web"]
[images.web.build-args]
VERSION = "2"
OTHER = "file"

[images.debug]
context = "services/web"
target = "debug"

[images.both]
context = "services"
file = "docker/Both.Dockerfile"
platform = ["linux/arm64", "linux/amd64"]
"""
WEB = """\
FROM scratch AS run
ARG VERSION=1
ARG OTHER=none
LABEL version=$VERSION other=$OTHER
COPY . /web/
FROM run AS debug
LABEL debug=yes
FROM scratch AS last
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "services" / "web").mkdir(parents=True)
    (project / "docker").mkdir()
    (project / "samebit.toml").write_text(TOML)
    (project / "services" / "web" / "Dockerfile").write_text(WEB)
    (project / "services" / "web" / "page").write_text("page")
    (project / "docker" / "Both.Dockerfile").write_text(
        "FROM scratch\nARG TARGETARCH\nCOPY web/page /$TARGETARCH\n"
    )
    return project


def test_a_named_image_is_its_options_written_down(samebit: Samebit, project: Path) -> None:
    digest = samebit.build("--image", "web", cwd=project)
    built = Built(samebit.home, digest)
    assert built.config["Labels"] == {"version": "2", "other": "file"}
    assert built.paths() == ["web", "web/Dockerfile", "web/page"]
    for tag in ("example.org/web:1", "docker.io/library/web:latest"):
        index = json.loads((samebit.home / "store" / "index.json").read_bytes())
        found = [
            entry["digest"]
            for entry in index["manifests"]
            if entry["annotations"]["org.opencontainers.image.ref.name"] == tag
        ]
        assert found == [digest]
    # The same, written out, from anywhere; neither lock is part of the other's context.
    options = ("--target", "run", "--build-arg", "VERSION=2", "--build-arg", "OTHER=file")
    assert samebit.build(*options, project / "services" / "web") == digest
    assert samebit.build("--image", "web", "--no-cache", project) == digest
    assert samebit.build("--image", "web", "--locked", "--no-cache", project) == digest
    assert sorted(os.listdir(project / "services" / "web")) == [
        "Dockerfile",
        "Dockerfile.lock",
        "Dockerfile@web.lock",
        "page",
    ]


def test_images_of_one_dockerfile_keep_their_locks(samebit: Samebit, project: Path) -> None:
    web = samebit.build("--image=web", project)
    debug = samebit.build("--image=debug", project)
    assert Built(samebit.home, debug).config["Labels"]["debug"] == "yes"
    for image, digest in (("web", web), ("debug", debug)):
        assert samebit.build("--image", image, "--locked", "--no-cache", project) == digest
        assert samebit.run("lock", "--check", "--image", image, project).returncode == 0
    done = samebit.run("build", "--image", "web", "--target", "debug", "--locked", project)
    assert done.returncode == 4
    assert "Dockerfile@web.lock" in done.stderr


def test_the_command_line_comes_on_top(samebit: Samebit, project: Path) -> None:
    options = ("--build-arg", "VERSION=3", "--target", "debug", "-t", "example.org/other:1")
    built = Built(samebit.home, samebit.build("--image", "web", *options, project))
    assert built.config["Labels"] == {"version": "3", "other": "file", "debug": "yes"}
    index = json.loads((samebit.home / "store" / "index.json").read_bytes())
    names = {
        entry["annotations"]["org.opencontainers.image.ref.name"]
        for entry in index["manifests"]
        if entry["digest"] == built.digest
    }
    assert names == {"example.org/other:1"}


def test_a_file_elsewhere_and_several_platforms(samebit: Samebit, project: Path) -> None:
    built = Built(samebit.home, samebit.build("--image", "both", ".", cwd=project))
    images = [Built(samebit.home, entry["digest"]) for entry in built.manifest["manifests"]]
    assert [image.paths() for image in images] == [["amd64"], ["arm64"]]
    assert (project / "docker" / "Both.Dockerfile@both.lock").exists()
    alone = samebit.build("--image", "both", "--platform", "linux/arm64", project)
    assert alone == images[1].digest


def test_mistakes(samebit: Samebit, project: Path) -> None:
    done = samebit.run("build", "--image", "wev", project)
    assert done.returncode == 2
    assert f"{project}/samebit.toml: error: there is no image named 'wev'" in done.stderr
    assert "did you mean 'web'?" in done.stderr
    done = samebit.run("build", "--image", "web", project / "docker")
    assert done.returncode == 2
    assert "there is no samebit.toml" in done.stderr
    (project / "samebit.toml").write_text(TOML.replace("VERSION = ", "VER SION = "))
    done = samebit.run("build", "--image", "web", project)
    assert done.returncode == 2
    assert f"{project}/samebit.toml:6:" in done.stderr
    (project / "samebit.toml").write_text('[images.web]\ncontext = "absent"\n')
    done = samebit.run("build", "--image", "web", project)
    assert done.returncode == 2
    assert "does not exist" in done.stderr
