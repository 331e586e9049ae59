"""How a lock names a checkout that ADD of a git address gave (docs/lock.md, "Git").

The method is GIT, the URL the repository's with what was asked for as its fragment, the body the
checkout as an archive, and the entity tag the commit.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from samebit.lock.fetch import GIT, FetchKey, LockedFetch, make_key

_SHORT_FORM = re.compile(r"(?:[^@/:]+@)?([^/:]+):(.*)\Z", re.DOTALL)
_COMMIT = re.compile(r'"([0-9a-f]{40}|[0-9a-f]{64})"\Z')


def git_key(
    remote: str, *, ref: str | None, subdir: str, keep_git_dir: bool, submodules: bool
) -> FetchKey:
    """Make the key of a checkout. Raises InputError for an address that is no URL."""
    wanted = [f"ref={quote(ref)}"] if ref else []
    wanted += [f"subdir={quote(subdir)}"] if subdir else []
    wanted += ["keep-git-dir=true"] if keep_git_dir else []
    wanted += [] if submodules else ["submodules=false"]
    fragment = f"#{'&'.join(wanted)}" if wanted else ""
    return make_key(GIT, _as_url(remote).partition("#")[0] + fragment)


def commit_header(commit: str) -> tuple[tuple[str, str], ...]:
    """Give the headers that hold a commit's full name."""
    return (("etag", f'"{commit}"'),)


def commit_of(fetch: LockedFetch) -> str:
    """Give the commit of a checkout, empty when its fetch names none."""
    tag = next((value for name, value in fetch.headers if name == "etag"), "")
    match = _COMMIT.match(tag)
    return match[1] if match else ""


def _as_url(remote: str) -> str:
    """Write `user@host:path` as the URL that it means."""
    if "://" in remote:
        return remote
    match = _SHORT_FORM.match(remote)
    return f"ssh://{match[1]}/{match[2].lstrip('/')}" if match else remote
