"""Where buildah 1.28's config of an image and the computed one differ, as docs/engines.md says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from samebit.dockerfile.config import DEFAULT_PATH
from samebit.model.platform import Platform

NATIVE = Platform.native()
# What a lock would say; the engine knows of none.
EPOCH = 315619200


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str

    def __repr__(self) -> str:
        return self.name


ABSENT = _Marker("absent")
ANYTHING = _Marker("anything")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Fields that differ: their values in the computed config and in the engine's.

    `row` is the first cell of the row that says why in docs/engines.md, "Known disagreements".
    `features` show the difference; with `everywhere` it may occur in others too.
    """

    row: str
    features: tuple[str, ...]
    fields: Mapping[str, tuple[object, object]]
    everywhere: bool = False

    def accepts(self, feature: str, name: str, pair: tuple[object, object]) -> bool:
        if name not in self.fields or not (self.everywhere or feature in self.features):
            return False
        wanted = self.fields[name]
        return all(w in (ANYTHING, g) for w, g in zip(wanted, pair, strict=True))


DISAGREEMENTS = (
    Disagreement(
        "label `io.buildah.version`",
        ("scratch-path",),
        {"Labels.io.buildah.version": (ABSENT, ANYTHING)},
        everywhere=True,
    ),
    Disagreement(
        "label `io.buildah.version`",
        ("label-of-engine-inherited",),
        {"Labels.io.buildah.version": ("1.0.0", ANYTHING)},
    ),
    Disagreement(
        "`WorkingDir` for `FROM scratch`",
        ("scratch-path",),
        {"WorkingDir": ("/", ABSENT)},
        everywhere=True,
    ),
    Disagreement(
        "`PATH` of a base without one",
        ("base-bare-unchanged",),
        {"Env.PATH": (DEFAULT_PATH.removeprefix("PATH="), ABSENT)},
    ),
    Disagreement(
        "order of `Env`",
        ("env-inherited",),
        {
            "Env (order)": (
                ("PATH", "LANG", "EMPTY", "INHERITED", "GREETING", "FROM_EMPTY"),
                ("EMPTY", "PATH", "GREETING", "FROM_EMPTY", "INHERITED", "LANG"),
            )
        },
    ),
    Disagreement("`ARG SOURCE_DATE_EPOCH`", ("arg-epoch",), {"Env.BUILT": (str(EPOCH), "")}),
    Disagreement("`ARG TARGETSTAGE`", ("arg-target-stage",), {"Env.A": ("[final]", "[]")}),
    Disagreement("ARG of a parent stage", ("arg-inherited-by-stage",), {"Env.B": ("[kept]", "[]")}),
    Disagreement("several names in one ARG", ("arg-several",), {"Env.Y": ("[1]", "[]")}),
    Disagreement(
        "proxy arguments in ENV and the like",
        ("arg-proxy",),
        {"Env.A": ("[]", "[http://proxy.example.org:3128]")},
    ),
    Disagreement(
        "`$$`, `$@`, `$#`, `$*`, `$?`, `$10`",
        ("env-special-parameters",),
        {
            "Env.A": ("", "$$"),
            "Env.B": ("xy", "x$@y"),
            "Env.C": ("", "$#"),
            "Env.D": ("", "$*"),
            "Env.E": ("", "$?"),
            "Env.F": ("", "0"),
        },
    ),
    Disagreement(
        "escape directive inside words",
        ("escape-directive-words",),
        {
            "Env.A": ("c:\\dir", "c:dir"),
            "Env.B": ("two words", "two` words"),
            "Env.C": ("$A", "`"),
            "WorkingDir": ("/a\\b", "/ab"),
        },
    ),
    Disagreement(
        "two escape characters at the end of a line",
        ("continuation-doubled-escape",),
        {"Cmd": (["/bin/sh", "-c", "run \\\\"], ["/bin/sh", "-c", "run \\"])},
    ),
    Disagreement(
        "JSON array with words after it",
        ("json-then-words",),
        {"Cmd": (["/bin/sh", "-c", '["a"] && b'], ["a"])},
    ),
    Disagreement(
        "`Cmd`, `Entrypoint` in shell form after SHELL",
        ("shell",),
        {
            "Entrypoint": (
                ["/bin/bash", "-o", "pipefail", "-c", "after one"],
                ["/bin/sh", "-c", "after one"],
            )
        },
    ),
    Disagreement(
        "`Cmd`, `Entrypoint` in shell form after SHELL",
        ("shell-inherited",),
        {
            "Cmd": (
                ["/bin/sh", "-xc", "in the inherited shell"],
                ["/bin/sh", "-c", "in the inherited shell"],
            )
        },
    ),
    Disagreement(
        "`Cmd`, `Entrypoint` in shell form after SHELL",
        ("shell-of-stage",),
        {
            "Cmd": (
                ["/bin/bash", "-c", "in the shell of the stage"],
                ["/bin/sh", "-c", "in the shell of the stage"],
            )
        },
    ),
    Disagreement(
        "`Cmd`, `Entrypoint` in shell form after SHELL",
        ("shell-twice",),
        {"Cmd": (["/bin/sh", "-ec", "x"], ["/bin/sh", "-c", "x"])},
    ),
    Disagreement(
        "`Cmd`, `Entrypoint` in shell form after SHELL",
        ("onbuild-used", "onbuild-used-twice"),
        {"Cmd": (["/bin/sh", "-ec", "triggered command"], ["/bin/sh", "-c", "triggered command"])},
    ),
    Disagreement(
        "`ExposedPorts`",
        ("expose-range",),
        {
            "ExposedPorts": (
                ["8000/tcp", "8001/tcp", "8002/tcp", "8003/tcp", "9000/udp", "9001/udp"],
                ["8000-8003/tcp", "9000-9001/udp"],
            )
        },
    ),
    Disagreement(
        "`ExposedPorts`",
        ("expose-publish-form",),
        {"ExposedPorts": (["80/tcp"], ["8080:80/tcp"])},
    ),
    Disagreement(
        "`ExposedPorts`",
        ("expose-case",),
        {"ExposedPorts": (["53/udp", "54/tcp"], ["53/UDP", "54/Tcp"])},
    ),
    Disagreement(
        "`ExposedPorts`",
        ("expose-same-number",),
        {"ExposedPorts": (["80/tcp", "80/udp"], ["80/tcp"])},
    ),
    Disagreement(
        "`WorkingDir` of a path that is not clean",
        ("workdir-unclean",),
        {"WorkingDir": ("/a/b", "//a///b/")},
    ),
    Disagreement(
        "`WorkingDir` of a path that is not clean",
        ("workdir-above-root",),
        {"WorkingDir": ("/x", "/../x")},
    ),
    Disagreement(
        "platform of `FROM --platform=… scratch`",
        ("from-platform-scratch",),
        {"architecture": (NATIVE.architecture, "riscv64")},
    ),
)
