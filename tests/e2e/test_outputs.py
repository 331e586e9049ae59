"""Where an image goes: every output agrees, twice the same bytes, and never in its own context."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from built_images import Built
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY data* /srv/
ENV GREETING="hello there" PATH=/bin
LABEL org.example.title="A title" org.example.empty=""
EXPOSE 8080 53/udp
VOLUME /var/data
WORKDIR /srv
USER 1000:1000
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=5s --retries=2 CMD ["/bin/true"]
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo $GREETING"]
"""


@pytest.fixture
def context(busybox_context: Path) -> Path:
    (busybox_context / "Dockerfile").write_text(DOCKERFILE)
    (busybox_context / "data").write_text("data\n")
    return busybox_context


def skopeo(*arguments: object) -> Any:
    command = ["skopeo", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash and mode."""
    return {
        str(path.relative_to(folder)): (
            f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def every_output(folder: Path) -> list[str]:
    folder.mkdir()
    outputs = [
        f"oci:{folder}/layout:v1",
        f"oci:{folder}/plain",
        f"oci-archive:{folder}/oci.tar:v1",
        f"docker-archive:{folder}/docker.tar",
        f"docker-archive:{folder}/named.tar:example.org/named:2",
        f"type=oci,dest={folder}/buildx.tar",
        f"type=oci,dest={folder}/buildx,tar=false,name=v3",
        f"type=docker,dest={folder}/buildx-docker.tar",
    ]
    arguments = [word for output in outputs for word in ("-o", output)]
    arguments += ["--iidfile", f"{folder}/iid", "--metadata-file", f"{folder}/metadata.json"]
    return [*arguments, "-t", "example.org/app:1", "-t", "second"]


def test_all_outputs_are_one_image_and_always_the_same_bytes(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    one = tmp_path / "one"
    digest = samebit.build(*every_output(one), context)
    built = Built(samebit.home, digest)
    for place in (
        f"oci:{one}/layout:v1",
        f"oci:{one}/plain",
        f"oci-archive:{one}/oci.tar:v1",
        f"oci-archive:{one}/buildx.tar",
        f"oci:{one}/buildx:v3",
    ):
        assert skopeo("inspect", place)["Digest"] == digest
    for place in (
        f"docker-archive:{one}/docker.tar:example.org/app:1",
        f"docker-archive:{one}/docker.tar:docker.io/library/second:latest",
        f"docker-archive:{one}/named.tar:example.org/named:2",
        f"docker-archive:{one}/buildx-docker.tar:example.org/app:1",
    ):
        stated = skopeo("inspect", "--config", "--raw", place)
        assert stated == built.document
    assert (one / "iid").read_text() == digest
    metadata = json.loads((one / "metadata.json").read_text())
    assert metadata["containerimage.digest"] == digest
    assert metadata["containerimage.config.digest"] == built.manifest["config"]["digest"]
    assert metadata["containerimage.descriptor"]["size"] == len(built.blob(digest))
    assert metadata["image.name"] == "example.org/app:1,docker.io/library/second:latest"

    # Another machine, which builds it itself, another umask, and outputs that exist already.
    two = tmp_path / "two"
    previous = os.umask(0o077)
    try:
        other = samebit.with_home(tmp_path / "home")
        assert other.build(*every_output(two), context) == digest
    finally:
        os.umask(previous)
    assert files(two) == files(one)
    arguments = [word.replace(str(one), str(two)) for word in every_output(tmp_path / "three")]
    arguments = [word.replace(str(tmp_path / "three"), str(two)) for word in arguments]
    assert other.build(*arguments, context) == digest
    assert files(two) == files(one)
    with tarfile.open(one / "oci.tar") as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}


def test_the_json_document(samebit: Samebit, context: Path) -> None:
    done = samebit.run("build", "--json", "--no-cache", context)
    document = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    digest = document["digest"]
    assert samebit.build(context) == digest
    assert document["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert document["size"] == len(Built(samebit.home, digest).blob(digest))
    assert document["platforms"] == {"linux/amd64": digest}
    assert document["epoch"] == 315619200
    assert document["recorded"] is True
    assert document["reused"] is False


def test_the_configuration_says_what_the_dockerfile_says(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    samebit.build("-o", f"oci:{tmp_path}/layout", context)
    stated = skopeo("inspect", "--config", "--raw", f"oci:{tmp_path}/layout")
    assert stated["config"] == {
        "Cmd": ["echo $GREETING"],
        "Entrypoint": ["/bin/sh", "-c"],
        "Env": ["PATH=/bin", "GREETING=hello there"],
        "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
        "Healthcheck": {"Interval": 5_000_000_000, "Retries": 2, "Test": ["CMD", "/bin/true"]},
        "Labels": {"org.example.empty": "", "org.example.title": "A title"},
        "Shell": ["/bin/sh", "-ec"],
        "StopSignal": "SIGUSR1",
        "User": "1000:1000",
        "Volumes": {"/var/data": {}},
        "WorkingDir": "/srv",
    }
    assert stated["created"] == "1980-01-02T00:00:00Z"
    assert len(stated["rootfs"]["diff_ids"]) == 1
    assert len([entry for entry in stated["history"] if not entry.get("empty_layer")]) == 1
    parsed = skopeo("inspect", f"oci:{tmp_path}/layout")
    assert parsed["Labels"] == {"org.example.empty": "", "org.example.title": "A title"}
    assert parsed["Architecture"] == "amd64"


def test_outputs_in_the_context_stay_outside(samebit: Samebit, busybox_context: Path) -> None:
    context = busybox_context
    (context / "Dockerfile").write_text("FROM scratch\nCOPY . /all/\n")
    (context / "out").mkdir()
    (context / "out" / "mine").write_text("mine")
    clean = samebit.build(context)
    (context / "link").symlink_to("out")
    clean = samebit.build(context)
    written = [
        *(
            "-o",
            "oci:layout:v1",
            "-o",
            "oci-archive:out/oci.tar",
            "-o",
            "docker-archive:docker.tar",
        ),
        *("-o", "type=oci,dest=./link/../buildx.tar", "--iidfile", "iid"),
        *("--metadata-file", str(context / "link" / "metadata.json")),
    ]
    assert samebit.build(*written, ".", cwd=context) == clean
    # What a killed build would have left behind.
    (context / "docker.tar.tmp-samebit-0123").write_text("half")
    (context / "layout.tmp-samebit-0123").mkdir()
    (context / "layout.tmp-samebit-0123" / "blob").write_text("half")
    (context / "Dockerfile.lock.tmp.0123").write_text("half")
    assert samebit.build("--no-cache", *written, ".", cwd=context) == clean
    for name in ("layout", "docker.tar", "buildx.tar", "iid", "out/oci.tar", "out/metadata.json"):
        assert (context / name).exists()
    # Abandoned ones are cleared by the next to write there.
    assert not list(context.glob("*.tmp-samebit-*"))
    paths = Built(samebit.home, clean).paths()
    assert paths == [
        *("all", "all/Dockerfile", "all/busybox", "all/link", "all/out", "all/out/mine")
    ]


def test_an_unnamed_layout_holds_the_last_image(
    samebit: Samebit, context: Path, tmp_path: Path
) -> None:
    first = samebit.build("-o", f"oci:{tmp_path}/layout", context)
    samebit.build("-o", f"oci:{tmp_path}/layout:kept", context)
    (context / "data").write_text("other\n")
    second = samebit.build("-o", f"oci:{tmp_path}/layout", context)
    assert first != second
    assert skopeo("inspect", f"oci:{tmp_path}/layout:kept")["Digest"] == first
    index = json.loads((tmp_path / "layout" / "index.json").read_bytes())
    assert sorted(entry["digest"] for entry in index["manifests"]) == sorted([first, second])


INDEX = "FROM scratch\nARG TARGETARCH\nCOPY data /data\nENV ARCH=$TARGETARCH\n"


def test_an_index_of_two_platforms(samebit: Samebit, context: Path, tmp_path: Path) -> None:
    (context / "Dockerfile").write_text(INDEX)
    digests = set()
    for number, platforms in enumerate(
        (
            ("--platform", "linux/amd64,linux/arm64"),
            ("--platform", "linux/arm64", "--platform", "linux/amd64"),
            ("--platform", "linux/arm64,linux/amd64,linux/arm64/v8"),
        )
    ):
        output = f"oci-archive:{tmp_path}/{number}.tar"
        other = samebit.with_home(tmp_path / f"home{number}")
        (other.home).mkdir()
        (samebit.home / "engines").mkdir(exist_ok=True)
        (other.home / "engines").symlink_to(samebit.home / "engines")
        digests.add(other.build(*platforms, "-o", output, context))
    assert len(digests) == 1
    assert len({(tmp_path / f"{n}.tar").read_bytes() for n in range(3)}) == 1
    raw = skopeo("inspect", "--raw", f"oci-archive:{tmp_path}/0.tar")
    assert raw["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert [entry["platform"] for entry in raw["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux"},
    ]
    for entry in raw["manifests"]:
        architecture = entry["platform"]["architecture"]
        where = f"oci-archive:{tmp_path}/0.tar"
        stated = skopeo(f"--override-arch={architecture}", "inspect", "--config", "--raw", where)
        assert stated["architecture"] == architecture
        assert f"ARCH={architecture}" in stated["config"]["Env"]
    alone = samebit.build("--platform", "linux/arm64", context)
    assert alone == raw["manifests"][1]["digest"]
    done = samebit.run("build", "--json", "--platform", "linux/amd64,linux/arm64", context)
    assert json.loads(done.stdout)["digest"] in digests
    assert json.loads(done.stdout)["platforms"] == {
        f"linux/{entry['platform']['architecture']}": entry["digest"] for entry in raw["manifests"]
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--push",), "--push needs a name"),
        (("--load",), "--load needs a name"),
        (("-o", "oci-archive:absent/out.tar"), "absent: error: -o: there is no such folder"),
        (("-o", "oci:context"), "exists and is not an OCI layout"),
        (("-o", "oci-archive:context"), "exists and is not a file"),
        (("-o", "docker-archive:x.tar:Bad Name"), "not an image reference"),
        (("-o", "docker://example.org/x"), "use -t NAME with --push"),
        (("-o", "type=local,dest=x"), "type=local is not supported"),
        (("-o", "x.tar"), "not an output"),
        (("-t", "Upper:1"), "must be lower case"),
        (("-t", f"x@sha256:{'0' * 64}"), "cannot hold a digest"),
        (
            ("-o", "docker-archive:x.tar", "--platform", "linux/amd64,linux/arm64"),
            "a docker-archive holds one platform",
        ),
        (("--iidfile", "context"), "it is a folder"),
    ],
)
def test_what_cannot_work_is_refused_before_the_build(
    samebit: Samebit, context: Path, arguments: tuple[str, ...], words: str
) -> None:
    engine = {"SAMEBIT_ENGINE": "buildah:/nonexistent"}
    done = samebit.run("build", *arguments, context, cwd=context.parent, **engine)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert words in done.stderr
    assert sorted(os.listdir(context)) == ["Dockerfile", "busybox", "data"]
