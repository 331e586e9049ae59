"""Running git so that neither the user's settings nor the repository's can change what it does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from samebit.errors import MachineError

# Ways to the network and to agents belong to the machine; everything else stays out.
_KEPT = (
    "PATH", "HOME", "SSH_AUTH_SOCK", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
# Set on the command line, these win over a repository's own config, which may be hostile.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.autocrlf=false",
    "core.symlinks=true",
    "core.fileMode=true",
    "core.logAllRefUpdates=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "init.defaultBranch=main",
    "index.version=2",
    "pack.indexVersion=2",
    "pack.threads=1",
    "pack.writeReverseIndex=false",
)


def environment() -> dict[str, str]:
    """Give a clean environment for git: no prompts, no user or system settings, C locale, UTC."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }


def git(directory: Path, *arguments: str, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in `directory` with a fixed umask; the caller looks at the return code.

    `feed` is its standard input.

    Raises MachineError when there is no git.
    """
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    try:
        return subprocess.run(
            ["git", *settings, *arguments],
            cwd=directory,
            env=environment(),
            input=feed,
            capture_output=True,
            check=False,
            umask=0o022,
        )
    except FileNotFoundError as error:
        raise MachineError(
            "git is not installed", fix="install it, for example: apt-get install git"
        ) from error
