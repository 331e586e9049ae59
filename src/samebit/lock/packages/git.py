"""Git repositories: checkouts that ADD asked for, and what git itself asks a server for."""

from __future__ import annotations

from samebit.lock.fetch import GIT
from samebit.lock.git_fetch import commit_of
from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.unknown import compare


def _identify(asked: Asked) -> Package | Index | None:
    if asked.key.method == GIT:
        remote, _, asked_for = asked.key.url.partition("://")[2].partition("#")
        name = f"{remote} ({asked_for})" if asked_for else remote
        return Package("git", name, commit_of(asked.fetch))
    if asked.parts[-2:] == ("info", "refs") or asked.file == "HEAD":
        return Index("git")
    if asked.file == "git-upload-pack":
        # What was wanted is in the request's body; each is one answer.
        wanted = str(asked.key.body or "")
        return Package("git", "/".join((asked.host, *asked.parts[:-1])), wanted)
    return None


ECOSYSTEM = Ecosystem("git", _identify, compare)
