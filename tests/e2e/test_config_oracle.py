"""The computed config of every Dockerfile in `features/` against the one that buildah writes.

A feature is a folder: a Dockerfile, the files it copies, and where needed

- `case.toml`: `build-args`, `labels`, `target` and `platform` as on the command line, and
  `engine-refuses`: the pattern of the message with which an engine may refuse the Dockerfile
  because the syntax is too new for it;
- `expected.json`: for those, the `config` object that the Dockerfile reference asks for, written by
  hand. An engine that does know the syntax is compared as well.

Engine and computed config may differ as DISAGREEMENTS says and in nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from config_disagreements import ABSENT, DISAGREEMENTS, EPOCH, NATIVE, Disagreement

from samebit.dockerfile.config import ImageConfig, config_object, read_config
from samebit.dockerfile.evaluate import Evaluation, evaluate
from samebit.dockerfile.grammar import FLAGS
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.stages import External, plan
from samebit.model.platform import Platform

BUSYBOX = Path("/bin/busybox")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("buildah") and shutil.which("runc") and BUSYBOX.exists())
        or os.geteuid() != 0,
        reason="needs buildah, runc and busybox-static, as root",
    ),
]

FEATURES = Path(__file__).parent / "features"
ENGINES = Path(__file__).parents[2] / "docs" / "engines.md"
NAMES = sorted(path.parent.name for path in FEATURES.glob("*/Dockerfile"))
# The engine that DISAGREEMENTS describes; a later one may need fewer of them.
DESCRIBED = "1.28."

# The images that features stand on: what their configuration documents say, in Docker's words.
BASES: dict[str, dict[str, Any]] = json.loads((FEATURES / "bases.json").read_bytes())


@dataclass(frozen=True, slots=True)
class Feature:
    """A folder of `features/` and what its `case.toml` says."""

    folder: Path
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    platform: str | None = None
    engine_refuses: str | None = None

    @classmethod
    def read(cls, name: str) -> Feature:
        case = FEATURES / name / "case.toml"
        values = tomllib.loads(case.read_text("utf-8")) if case.exists() else {}
        feature = cls(
            FEATURES / name,
            **{key.replace("-", "_"): value for key, value in values.items()},
        )
        assert (feature.engine_refuses is not None) == feature.expectation.exists(), name
        return feature

    @property
    def expectation(self) -> Path:
        return self.folder / "expected.json"

    def arguments(self) -> list[str]:
        return [
            *(f"--build-arg={key}={value}" for key, value in self.build_args.items()),
            *(f"--label={key}={value}" for key, value in self.labels.items()),
            *([f"--target={self.target}"] if self.target else []),
            *([f"--platform={self.platform}"] if self.platform else []),
        ]

    def evaluated(self) -> Evaluation:
        text = decode((self.folder / "Dockerfile").read_bytes(), "Dockerfile")
        dockerfile = parse(text, "Dockerfile")
        asked = Platform.parse(self.platform) if self.platform else None
        known: dict[External, ImageConfig] = {}
        while True:
            planned = plan(
                dockerfile,
                platform=asked or NATIVE,
                build_platform=NATIVE,
                build_args=self.build_args,
                target=self.target,
                epoch=EPOCH,
                bases=known,
            )
            if not planned.unresolved:
                return evaluate(planned, known, labels=self.labels, platform=asked)
            for image in planned.unresolved:
                document = _document(image.reference, "")
                known[image] = read_config(document, image.reference)


@dataclass(frozen=True, slots=True)
class Built:
    """What the engine made: the image's config, or the message with which it refused."""

    image: str
    document: Mapping[str, Any]
    refusal: str = ""


class Buildah:
    """A buildah with a storage of its own that holds BASES."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._storage = [
            *("--root", str(directory / "root"), "--runroot", str(directory / "run")),
            *("--storage-driver", "overlay"),
        ]
        layer = _layer()
        for name in BASES:
            self._load(name, layer)

    @cached_property
    def version(self) -> str:
        return self._run("--version").split()[2]

    def build(self, feature: Feature) -> Built:
        iid = self._directory / "iid"
        done = self._try(
            *("build", "--isolation=oci", "--runtime=runc", "--network=host", "--format=docker"),
            *("--pull=never", "--quiet", f"--iidfile={iid}"),
            *(*feature.arguments(), str(feature.folder)),
        )
        if done.returncode:
            return Built("", {}, done.stderr.strip() or f"exit {done.returncode}")
        image = iid.read_text("ascii")
        shown = self._run("inspect", "--type=image", "--format={{.Config}}", image)
        return Built(image, json.loads(shown))

    def owners(self, image: str) -> dict[PurePosixPath, int]:
        """Give the user that owns each path of the image's last layer."""
        pushed = self._directory / "pushed"
        self._run("push", "--quiet", image, f"dir:{pushed}")
        manifest = json.loads((pushed / "manifest.json").read_bytes())
        blob = pushed / manifest["layers"][-1]["digest"].removeprefix("sha256:")
        with tarfile.open(blob) as archive:
            found = {PurePosixPath("/", member.name): member.uid for member in archive}
        shutil.rmtree(pushed)
        return found

    def close(self) -> None:
        # The storage's directory stays mounted on itself, refused builds leave their containers.
        for line in reversed(Path("/proc/self/mounts").read_text("utf-8").splitlines()):
            target = line.split(" ")[1]
            if target.startswith(f"{self._directory}/"):
                subprocess.run(["umount", target], check=False, stderr=subprocess.DEVNULL)

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["buildah", *self._storage, *arguments],
            capture_output=True,
            check=False,
            encoding="utf-8",
            env={**os.environ, "TMPDIR": str(self._directory)},
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    def _run(self, *arguments: str) -> str:
        done = self._try(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _load(self, name: str, layer: bytes) -> None:
        source = self._directory / "base"
        source.mkdir()
        diff_id = _blob(source, layer)
        config = json.dumps(_document(name, diff_id)).encode()
        docker = "application/vnd.docker"
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{docker}.distribution.manifest.v2+json",
            "config": {
                "mediaType": f"{docker}.container.image.v1+json",
                "size": len(config),
                "digest": _blob(source, config),
            },
            "layers": [
                {
                    "mediaType": f"{docker}.image.rootfs.diff.tar",
                    "size": len(layer),
                    "digest": diff_id,
                }
            ],
        }
        (source / "manifest.json").write_text(json.dumps(manifest), "ascii")
        (source / "version").write_text("Directory Transport Version: 1.1\n", "ascii")
        pulled = self._run("pull", "--quiet", f"dir:{source}")
        self._run("tag", pulled.strip(), name)
        shutil.rmtree(source)


def _blob(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    (folder / digest).write_bytes(data)
    return f"sha256:{digest}"


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in ("bin", "etc", "srv", "srv/app", "tmp"):
            member = tarfile.TarInfo(path)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        files = {
            "bin/busybox": BUSYBOX.read_bytes(),
            "etc/passwd": b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
            "etc/group": b"root:x:0:\napp:x:1000:\n",
        }
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
        for name in ("sh", "true"):
            member = tarfile.TarInfo(f"bin/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(member)
    return buffer.getvalue()


def _document(name: str, diff_id: str) -> dict[str, Any]:
    return {
        "architecture": NATIVE.architecture,
        "os": NATIVE.os,
        "variant": NATIVE.variant,
        **BASES[name],
        "created": "2020-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "base"}],
    }


def computed(evaluation: Evaluation) -> dict[str, Any]:
    config = evaluation.config
    return {
        "config": config_object(config),
        "author": config.author,
        "os": config.os,
        "architecture": config.architecture,
        "variant": config.variant,
    }


def facts(document: Mapping[str, Any]) -> dict[str, object]:
    """Flatten to one value a field; an empty field is the same as an absent one.

    What no Dockerfile decides is left out: identity, times, layers, history.
    """
    found = {name: document.get(name) for name in ("author", "os", "architecture", "variant")}
    config = dict(document["config"])
    for identity in ("Hostname", "Image"):
        config.pop(identity, None)
    for name in ("ExposedPorts", "Volumes"):
        found[name] = sorted(config.pop(name, None) or {})
    found |= {f"Healthcheck.{k}": v for k, v in (config.pop("Healthcheck", None) or {}).items()}
    env = [entry.partition("=") for entry in config.pop("Env", None) or []]
    assert len({name for name, _, _ in env}) == len(env), f"a variable twice: {env}"
    labels = config.pop("Labels", None) or {}
    found = {name: value for name, value in {**found, **config}.items() if value}
    # An empty label or variable is not an absent one.
    found |= {f"Labels.{name}": value for name, value in labels.items()}
    return found | {f"Env.{name}": value for name, _, value in env}


def differences(
    ours: Mapping[str, Any], engine: Mapping[str, Any]
) -> dict[str, tuple[object, object]]:
    """Give the fields that differ: the value in `ours` and in `engine`, ABSENT where it is not."""
    mine, theirs = facts(ours), facts(engine)
    found: dict[str, tuple[object, object]] = {
        name: (mine.get(name, ABSENT), theirs.get(name, ABSENT))
        for name in mine.keys() | theirs.keys()
        if mine.get(name, ABSENT) != theirs.get(name, ABSENT)
    }
    orders = (
        tuple(name.removeprefix("Env.") for name in one if name.startswith("Env.") and name in two)
        for one, two in ((mine, theirs), (theirs, mine))
    )
    order = (next(orders), next(orders))
    return found if order[0] == order[1] else found | {"Env (order)": order}


class Oracle:
    """Builds every feature once, when it is first asked for."""

    def __init__(self, engine: Buildah) -> None:
        self.engine = engine
        self._built: dict[str, Built] = {}

    def built(self, name: str) -> Built:
        if name not in self._built:
            self._built[name] = self.engine.build(Feature.read(name))
        return self._built[name]

    def differences(self, name: str) -> dict[str, tuple[object, object]]:
        built = self.built(name)
        assert not built.refusal, built.refusal
        return differences(computed(Feature.read(name).evaluated()), built.document)


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    engine = Buildah(tmp_path_factory.mktemp("config-oracle"))
    yield Oracle(engine)
    engine.close()


@pytest.mark.parametrize("name", NAMES)
def test_config(oracle: Oracle, name: str) -> None:
    feature = Feature.read(name)
    if feature.engine_refuses is not None:
        expected = json.loads(feature.expectation.read_bytes())
        assert computed(feature.evaluated())["config"] == expected
        refusal = oracle.built(name).refusal
        if refusal:
            assert re.search(feature.engine_refuses, refusal), refusal
            return
    unlisted = {
        field: pair
        for field, pair in oracle.differences(name).items()
        if not any(entry.accepts(name, field, pair) for entry in DISAGREEMENTS)
    }
    assert not unlisted, "field: (computed, the engine's)"


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        pytest.param(entry, name, id=f"{name}-{entry.row}")
        for entry in DISAGREEMENTS
        for name in entry.features
    ],
)
def test_disagreement_is_needed(oracle: Oracle, entry: Disagreement, name: str) -> None:
    if not oracle.engine.version.startswith(DESCRIBED):
        pytest.skip(f"the table describes buildah {DESCRIBED}x")
    found = oracle.differences(name)
    gone = [n for n in entry.fields if n not in found or not entry.accepts(name, n, found[n])]
    assert not gone, f"{found}: no longer as listed"


def test_disagreements_are_documented() -> None:
    document = ENGINES.read_text("utf-8").partition("## Known disagreements")[2]
    rows = {line.split(" | ")[0].removeprefix("| ") for line in document.splitlines()}
    missing = {entry.row for entry in DISAGREEMENTS} - rows
    assert not missing


@pytest.mark.parametrize("name", ["copy-variables", "onbuild-used", "stage-copy-number"])
def test_destinations(oracle: Oracle, name: str) -> None:
    evaluation = Feature.read(name).evaluated()
    owners = oracle.engine.owners(oracle.built(name).image)
    steps = [s for s in evaluation.stages[evaluation.target].steps if s.keyword in ("COPY", "ADD")]
    assert steps
    for step in steps:
        path = PurePosixPath(step.working_dir, step.destination)
        if step.destination.endswith("/"):
            path /= PurePosixPath(step.words[0]).name
        user = int((step.value("chown") or "0").partition(":")[0])
        assert owners.get(path) == user, path


def test_every_instruction_has_a_feature() -> None:
    used = {
        step.keyword
        for name in NAMES
        for result in Feature.read(name).evaluated().stages.values()
        for step in result.steps
    }
    assert used | {"FROM"} == set(FLAGS)
    assert len(NAMES) >= 30
