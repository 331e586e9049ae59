"""RUN --mount of type bind, cache and tmpfs."""

from __future__ import annotations

import pytest
from step_builds import Item, Steps, busybox_items, directory, write_image

pytestmark = pytest.mark.e2e


def test_bind_mounts_of_context_stage_and_image(steps: Steps) -> None:
    steps.write({"d/one": "1", "d/.hidden": "h", "file": "f", "ignored": "no"})
    steps.write({".dockerignore": "ignored\nDockerfile*\n"})
    other = write_image(
        steps.base.parent / "other", {"data": directory(), "data/x": Item(content=b"image")}
    )
    built = steps.build(
        "FROM base AS stage\nRUN mkdir -p /out/sub && echo built > /out/sub/x && ln -s sub /out/l\n"
        "FROM base\nWORKDIR /work\n"
        "RUN --mount=target=/all ls -A /all | sort > /all.txt\n"
        "RUN --mount=type=bind,source=d,target=d cat d/one d/.hidden > /context.txt\n"
        "RUN --mount=source=file,dst=/etc/passwd cat /etc/passwd > /over.txt\n"
        # What the image has there is hidden, not lost.
        "RUN --mount=source=d,target=/home ls /home > /home.txt\n"
        "RUN --mount=from=stage,source=/out/l,target=/mnt cat /mnt/x > /stage.txt\n"
        "RUN --mount=from=0,target=/mnt cat /mnt/out/sub/x > /number.txt\n"
        "RUN --mount=from=other,source=data,target=/mnt cat /mnt/x > /image.txt\n"
        "ARG WHERE=/from/arg\n"
        "RUN --mount=source=file,target=${WHERE} cat $WHERE > /arg.txt\n"
        "RUN --mount=source=d,target=/mnt sh -c 'touch /mnt/new || echo refused' > /ro.txt\n"
        "RUN --mount=source=d,target=/mnt,rw sh -c 'echo 2 > /mnt/one; cat /mnt/one' > /rw.txt\n"
        "RUN --mount=source=d,target=/mnt cat /mnt/one > /after.txt\n"
        "RUN --mount=from=stage,source=/out,target=/mnt,readonly=false rm -r /mnt/sub\n"
        "RUN --mount=from=stage,target=/mnt cat /mnt/out/sub/x > /kept.txt\n",
        f"--build-context=other=oci-layout://{other}",
        same_on_vfs=True,
    )
    said = {name: built.text(name) for name in built.layer if name.endswith(".txt")}
    assert said == {
        "all.txt": ".dockerignore\nd\nfile\n",
        "context.txt": "1h",
        "over.txt": "f",
        "home.txt": "one\n",
        "stage.txt": "built\n",
        "number.txt": "built\n",
        "image.txt": "image",
        "arg.txt": "f",
        "ro.txt": "refused\n",
        "rw.txt": "2\n",
        "after.txt": "1",
        "kept.txt": "built\n",
    }
    assert {path for path in built.layer if not path.endswith(".txt")} == {"work"}


def test_bind_mounts_that_do_not_exist_are_told_before_anything_runs(steps: Steps) -> None:
    said = steps.fails(
        "FROM base\nRUN echo started\nRUN --mount=source=missing,target=/x true\n", code=2
    )
    assert "Dockerfile:3" in said
    assert "missing: not found in the build context" in said
    assert "started" not in said


def test_caches_start_empty_are_shared_in_order_and_leave_nothing(steps: Steps) -> None:
    recipe = (
        "FROM base AS one\n"
        "RUN --mount=type=cache,target=/c ls -A /c > /start && echo 1 > /c/f\n"
        "RUN --mount=type=cache,target=/c,sharing=locked echo 2 >> /c/f\n"
        "FROM base AS two\n"
        "RUN --mount=type=cache,target=/elsewhere,id=/c,sharing=private cat /elsewhere/f > /seen\n"
        "RUN --mount=type=cache,target=/c,ro sh -c 'echo 3 >> /c/f || cat /c/f' > /read\n"
        "RUN --mount=type=cache,target=/c,id=other ls -A /c > /other\n"
        "RUN --mount=type=cache,target=/root/.cache/deep,mode=0770,uid=5,gid=6"
        " stat -c '%a %u %g' /root/.cache/deep > /attributes; touch /root/.cache/deep/x\n"
        "RUN --mount=type=cache,target=/root/.cache/deep,mode=0770,uid=5,gid=6"
        " ls /root/.cache/deep > /again\n"
        "COPY --from=one /start /start\n"
    )
    built = steps.build(recipe, same_on_vfs=True)
    assert {path: item.text for path, item in built.layer.items()} == {
        "again": "x\n",
        "attributes": "770 5 6\n",
        "other": "",
        "read": "1\n2\n",
        "seen": "1\n2\n",
        "start": "",
    }
    # A second build finds nothing of the first.
    assert steps.build(recipe).digest == built.digest


def test_caches_are_shared_by_stages_that_the_engine_builds_apart(steps: Steps) -> None:
    """COPY --parents from a stage needs an engine run for every stage."""
    built = steps.build(
        "FROM base AS one\n"
        "RUN --mount=type=cache,target=/c echo cached > /c/f && mkdir -p /o/p && touch /o/p/q\n"
        "FROM base\nCOPY --from=one --parents /o/p/q /\n"
        "RUN --mount=type=cache,target=/c cat /c/f > /seen\n",
        same_on_vfs=True,
    )
    assert built.text("seen") == "cached\n"
    assert built.paths() == ["o", "o/p", "o/p/q", "seen"]


def test_a_cache_may_begin_with_what_a_stage_or_an_image_holds(steps: Steps) -> None:
    own = write_image(
        steps.base.parent / "seed", busybox_items({"seed": Item("directory", 0o700, (3, 4))})
    )
    built = steps.build(
        "FROM base AS stage\nRUN mkdir /seed && echo seeded > /seed/f\n"
        "FROM base\n"
        "RUN --mount=type=cache,from=stage,source=/seed,target=/c cat /c/f > /a && echo x > /c/g\n"
        "RUN --mount=type=cache,from=stage,source=/seed,target=/c cat /c/f /c/g > /b\n"
        "RUN --mount=type=cache,from=seed,source=/seed,target=/d stat -c '%a %u %g' /d > /c.txt\n"
        "RUN --mount=from=stage,target=/m ls /m/seed > /d.txt\n",
        f"--build-context=seed=oci-layout://{own}",
        same_on_vfs=True,
    )
    assert {path: item.text for path, item in built.layer.items()} == {
        "a": "seeded\n",
        "b": "seeded\nx\n",
        "c.txt": "700 3 4\n",
        "d.txt": "f\n",
    }


def test_tmpfs_and_mounts_below_each_other(steps: Steps) -> None:
    steps.write({"src/code": "c", "src/modules/.keep": ""})
    built = steps.build(
        "FROM base\nRUN mkdir /full && touch /full/hidden\n"
        "RUN --mount=type=tmpfs,target=/full,size=64k stat -f -c %T /full > /kind;"
        " ls -A /full > /empty; stat -c %a /full > /mode; echo x > /full/gone;"
        " head -c 70000 /dev/zero > /full/big || echo limited > /limit\n"
        # The order in which they are written does not matter.
        "RUN --mount=type=cache,target=/src/modules --mount=source=src,target=/src"
        " --mount=type=tmpfs,target=/src/modules/tmp,ro=false"
        " cat /src/code > /code; touch /src/modules/m /src/modules/tmp/t\n"
        "RUN --mount=type=cache,target=/src/modules --mount=source=src,target=/src"
        " ls -A /src/modules > /modules\n",
        same_on_vfs=True,
    )
    assert built.text("kind") == "tmpfs\n"
    assert built.text("empty") == ""
    assert built.text("mode") == "755\n"
    assert built.text("limit") == "limited\n"
    assert built.text("code") == "c"
    assert built.lines("modules") == ["m", "tmp"]
    assert built.paths("full") == ["full", "full/hidden"]
    assert "src" not in built.layer


def test_odd_targets_and_names(steps: Steps) -> None:
    steps.write({"a b/ü": "x", "star*": "y"})
    built = steps.build(
        "FROM base\n"
        'RUN --mount=type=cache,\\"target=/c,é\\",id=../../e touch /c,é/f\n'
        "RUN --mount=type=cache,target=/z,id=../../e ls /z > /z.txt\n"
        "RUN --mount=type=tmpfs,target=/bin/../t ls -A /t > /t.txt\n"
        "RUN --mount=\"source=a b,target=/a b\" cat '/a b/ü' > /ab.txt\n"
        "RUN --mount=source=star*,target=/star cat /star > /star.txt\n",
    )
    assert built.text("z.txt") == "f\n"
    assert built.text("ab.txt") == "x"
    assert built.text("star.txt") == "y"
    assert [path for path in built.layer if not path.endswith(".txt")] == []
