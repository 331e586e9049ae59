"""Java artifacts in the Maven repository layout: `GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION….EXT`."""

from __future__ import annotations

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.maven import compare

_KINDS = (".jar", ".war", ".aar", ".pom", ".module", ".zip", ".tar.gz")
_AUXILIARY = (".asc", ".md5", ".sha1", ".sha256", ".sha512")
# How repositories are called above the groups: alone, or before a repository's own name.
_ROOTS = frozenset({"m2", "maven", "maven2", "releases", "snapshots"})
_PARENTS = frozenset({"artifactory", "content", "groups", "nexus", "repositories", "repository"})


def _identify(asked: Asked) -> Package | Index | None:
    if asked.file.startswith("maven-metadata.xml"):
        return Index("jar")
    file, auxiliary = asked.file, False
    for ending in _AUXILIARY:
        if file.endswith(ending):
            file, auxiliary = file.removesuffix(ending), True
    if len(asked.parts) < 4 or not file.endswith(_KINDS):
        return None
    *above, artifact, version, _ = asked.parts
    group = _group(above)
    # A snapshot's file has a time in the place of the version's last word.
    if not group or not file.startswith(f"{artifact}-{version.removesuffix('-SNAPSHOT')}"):
        return None
    auxiliary = auxiliary or file.endswith(".module")
    return Package("jar", f"{'.'.join(group)}:{artifact}", version, auxiliary=auxiliary)


def _group(above: list[str]) -> list[str]:
    left = list(above)
    named = False
    while left and (left[0] in _PARENTS or left[0] in _ROOTS or named):
        # The repository's own name follows the last of its parents.
        named = left[0] in _PARENTS and left[1:2] != [] and left[1] not in _PARENTS
        left = left[1:]
    return left


ECOSYSTEM = Ecosystem("jar", _identify, compare)
