"""Several stages, targets, images from elsewhere, and triggers of bases."""

from __future__ import annotations

import pytest
from step_builds import Item, Steps, busybox_items, directory, write_image

pytestmark = pytest.mark.e2e


def test_chains_of_stages(steps: Steps) -> None:
    built = steps.build(
        "ARG BASE=base\n"
        "FROM ${BASE} AS One\nENV A=1\nARG INNER=i\nWORKDIR /w\nRUN echo one > f\n"
        "FROM one AS two\nRUN echo $A $INNER > g; pwd >> g\nUSER app\n"
        "FROM two\nENV A=3\nRUN id -u > /tmp/h; echo $A > /tmp/a\n"
        "FROM base AS unused\nRUN exit 7\n"
        "FROM scratch AS final\n"
        "COPY --from=one /w/f /1\nCOPY --from=TWO /w/g /2\nCOPY --from=2 /tmp /3\n"
        "COPY --from=0 /w /4\n"
        'LABEL l="${A:-none}"\n',
        same_on_vfs=True,
    )
    assert {path: item.text for path, item in built.layer.items() if item.kind == "file"} == {
        "1": "one\n", "2": "1 i\n/w\n", "3/a": "3\n", "3/h": "1001\n", "4/f": "one\n",
    }  # fmt: skip
    assert built.layer["3"] == directory()
    assert built.layers == 1
    assert built.config["config"]["Labels"] == {"l": "none"}
    assert "User" not in built.config["config"]


def test_a_chain_keeps_what_its_stages_did(steps: Steps) -> None:
    built = steps.build(
        "FROM base AS a\nRUN echo a > /a && rm /bin/wc\nENV FROM_A=yes\nLABEL x=a\nEXPOSE 1\n"
        "FROM a AS b\nRUN echo b > /b && rm /a\nUSER app\nWORKDIR /home/app\n"
        'FROM b\nRUN echo c > c\nCMD ["c"]\n',
        same_on_vfs=True,
    )
    assert built.paths() == [
        "b", "bin", "bin/.wh.wc", "home", "home/app", "home/app/c",
    ]  # fmt: skip
    config = built.config["config"]
    assert config["User"] == "app"
    assert config["WorkingDir"] == "/home/app"
    assert "FROM_A=yes" in config["Env"]
    assert config["Labels"] == {"x": "a"}
    assert config["Cmd"] == ["c"]
    assert [entry["created_by"].split()[0] for entry in built.config["history"]] == [
        "by", "RUN", "ENV", "LABEL", "EXPOSE", "RUN", "USER", "WORKDIR", "RUN", "CMD",
    ]  # fmt: skip
    assert built.layers == 2


def test_targets(steps: Steps) -> None:
    recipe = (
        "FROM base AS dev\nARG TARGETSTAGE\nRUN echo dev $TARGETSTAGE > /who\n"
        "FROM dev AS test\nRUN exit 1\n"
        "FROM scratch AS release\nCOPY --from=dev /who /who\n"
    )
    dev = steps.build(recipe, "--target=dev")
    assert dev.text("who") == "dev dev\n"
    assert dev.layers == 2
    assert steps.build(recipe, "--target=DEV").text("who") == "dev DEV\n"
    assert steps.build(recipe, "--target=0").layers == 2
    release = steps.build(recipe)
    assert release.text("who") == "dev release\n"
    assert release.layers == 1
    said = steps.fails(recipe, "--target=test", code=3)
    assert "Dockerfile:5" in said
    said = steps.fails(recipe, "--target=relaese", code=2)
    assert "did you mean 'release'" in said


def test_images_from_elsewhere(steps: Steps) -> None:
    """--build-context with a layout and with a directory; a name from the store."""
    steps.samebit.run("build", "-t", "mine.example.org/tool:1", *steps.arguments(
        "FROM scratch\nCOPY --from=base /bin/busybox /tool\n"
    )[3:])  # fmt: skip
    folder = steps.context.parent / "other"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("from directory")
    (folder / "ignored").write_text("no")
    (folder / ".dockerignore").write_text("ignored\n")
    image = write_image(
        steps.base.parent / "image",
        {"data": directory(), "data/x": Item(mode=0o4750, owner=(3, 4), content=b"image")},
    )
    built = steps.build(
        "FROM base\n"
        "COPY --from=folder /sub/file /one\nCOPY --from=folder . /all/\n"
        "COPY --from=image /data /two\n"
        "COPY --from=mine.example.org/tool:1 /tool /three\n"
        "RUN --mount=from=folder,target=/m cat /m/sub/file > /four\n"
        "RUN --mount=from=image,target=/m cat /m/data/x > /five\n"
        "COPY --from=folder --parents sub/file /six/\n",
        f"--build-context=folder={folder}",
        f"--build-context=image=oci-layout://{image}",
        same_on_vfs=True,
    )
    assert built.text("one") == built.text("four") == built.text("six/sub/file") == "from directory"
    assert built.paths("all/") == ["all/.dockerignore", "all/sub", "all/sub/file"]
    assert built.layer["two/x"] == Item(mode=0o4750, owner=(3, 4), content=b"image")
    assert built.layer["three"].mode == 0o755
    assert built.text("five") == "image"
    # A named context may take the place of a stage's base, and of an image.
    replaced = steps.build(
        "FROM registry.example.org/never/there:1\nRUN echo x > /x\n",
        f"--build-context=registry.example.org/never/there:1=oci-layout://{steps.base}",
    )
    assert replaced.text("x") == "x\n"
    said = steps.fails("FROM base\nCOPY --from=nowhere.example.org/x /a /b\n", code=5)
    assert "Dockerfile:2" in said


def test_onbuild_of_a_base(steps: Steps) -> None:
    steps.write({"src/main": "m", "extra": "e"})
    triggers = [
        "ARG WHO=default", "ENV FROM_TRIGGER=$WHO", "WORKDIR /srv", "COPY src /srv/src",
        "RUN echo $FROM_TRIGGER > ran", "COPY --from=helper /bin/busybox /bb", "USER app",
        "RUN <<EOF\ncat /etc/passwd | wc -l > /tmp/lines\nEOF", "ADD extra /added/", "LABEL t=1",
    ]  # fmt: skip
    image = write_image(
        steps.base.parent / "onbuild", busybox_items(),
        {"Env": ["PATH=/bin"], "OnBuild": triggers, "Cmd": ["base"]},
    )  # fmt: skip
    options = (
        f"--build-context=trigger=oci-layout://{image}",
        f"--build-context=helper=oci-layout://{steps.base}",
        "--build-arg=WHO=given",
    )
    built = steps.build("FROM trigger\nRUN id -u > /tmp/after\n", *options, same_on_vfs=True)
    assert built.text("srv/src/main") == "m"
    assert built.text("srv/ran") == "given\n"
    assert built.layer["bb"].mode == 0o755
    assert built.text("tmp/lines").strip() == "2"
    assert built.text("tmp/after") == "1001\n"
    assert built.text("added/extra") == "e"
    config = built.config["config"]
    assert "OnBuild" not in config
    assert (config["User"], config["WorkingDir"]) == ("app", "/srv")
    assert config["Labels"] == {"t": "1"}
    # Triggers are for children, not for grandchildren.
    child = steps.build("FROM trigger AS a\nFROM a\nRUN ls /srv > /tmp/l\n", *options)
    assert child.text("tmp/l") == "ran\nsrc\n"
    assert len([e for e in child.config["history"] if "COPY src" in e["created_by"]]) == 1


def test_onbuild_of_a_stage_and_in_the_image(steps: Steps) -> None:
    built = steps.build(
        "FROM base AS parent\nONBUILD RUN echo triggered > /t\nONBUILD ENV X=1\n"
        "FROM parent\nRUN echo $X > /x\nONBUILD COPY a b\n"
    )
    assert (built.text("t"), built.text("x")) == ("triggered\n", "1\n")
    assert built.config["config"]["OnBuild"] == ["COPY a b"]


def test_health_checks_and_other_configuration(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        'SHELL ["/bin/sh", "-e", "-c"]\n'
        "HEALTHCHECK --interval=5m --timeout=3s --start-period=1s --start-interval=2s --retries=4"
        " CMD test -e /ok\n"
        "EXPOSE 80 53/udp\nSTOPSIGNAL SIGUSR1\nMAINTAINER me\n"
        'ENTRYPOINT ["/bin/sh"]\n'
    )
    config = built.config["config"]
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "test -e /ok"], "Interval": 300 * 10**9, "Timeout": 3 * 10**9,
        "StartPeriod": 10**9, "StartInterval": 2 * 10**9, "Retries": 4,
    }  # fmt: skip
    assert config["Shell"] == ["/bin/sh", "-e", "-c"]
    assert set(config["ExposedPorts"]) == {"53/udp", "80/tcp"}
    assert config["StopSignal"] == "SIGUSR1"
    assert built.config["author"] == "me"
    assert built.layer == {}


def test_every_modifier_of_a_variable(steps: Steps) -> None:
    steps.write({"a.tar.gz": "x", "dir/b": "y"})
    built = steps.build(
        "ARG VERSION=3.14.1\n"
        "FROM base\nARG VERSION\nARG FILE=a.tar.gz\nENV EMPTY= NAME=foobarbaz\n"
        "ENV E1=${UNSET:-d} E2=${UNSET:+p} E3=${EMPTY:-d} E4=${EMPTY-d} E5=${EMPTY+p}"
        " E6=${NAME:+p} E7=${NAME#*b} E8=${NAME##*b} E9=${NAME%b*} E10=${NAME%%b*}"
        " E11=${NAME/ba/X} E12=${NAME//ba/X} E13=${VERSION%.*} E14=${VERSION//./_}"
        " E15=${NAME:-${UNSET:-x}} E16=${UNSET:-${NAME#foo}}\n"
        "COPY ${FILE%.gz}.gz /${FILE%%.*}/\n"
        "COPY dir/${UNSET:-b} /${VERSION%%.*}\n"
        "WORKDIR /w/${NAME/foo/}\n"
        "RUN env | grep ^E | sort > /env\n"
    )
    found = dict(line.split("=", 1) for line in built.lines("env"))
    assert {name: found[name] for name in sorted(found) if name != "EMPTY"} == {
        "E1": "d", "E2": "", "E3": "d", "E4": "", "E5": "p", "E6": "p", "E7": "arbaz",
        "E8": "az", "E9": "foobar", "E10": "foo", "E11": "fooXrbaz", "E12": "fooXrXz",
        "E13": "3.14", "E14": "3_14_1", "E15": "foobarbaz", "E16": "barbaz",
    }  # fmt: skip
    assert built.text("a/a.tar.gz") == "x"
    assert built.text("3") == "y"
    assert "w/barbaz" in built.layer
    said = steps.fails('FROM base\nARG A\nRUN true\nENV B="${A:?is needed}"\n', code=2)
    assert "Dockerfile:4" in said
    assert "is needed" in said
