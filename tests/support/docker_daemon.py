"""`docker_daemon.py FOLDER COMMAND…`: run a command beside a dockerd that is not samebit's.

The daemon keeps its state in FOLDER; DOCKER_HOST says where it listens.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from samebit.engines.buildkit_daemon import Daemon
from samebit.engines.buildkit_programs import own_programs


def main(folder: str, *command: str) -> int:
    daemon = Daemon(own_programs(None), Path(folder), "overlay")
    with closing(daemon):
        daemon.wait()
        environment = {**os.environ, "DOCKER_HOST": daemon.address}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
