"""yarn 1, yarn 4 and pnpm against the real npm registry, replayed twice with the network cut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from client_builds import Client, prove_clients, recipe
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "node-service"
# Each asks for another package: the same URL would be answered by what the first was given.
WANTED = {
    "yarn-1": ("semver", "7.6.3"),
    "yarn-4": ("ms", "2.1.3"),
    "pnpm": ("yocto-queue", "1.1.1"),
}
# Yarn 1 asks a registry of its own otherwise, which is an alias of npm's.
REGISTRY = '"$(npm config get registry)"'
MODULES = "/out/npm-install-global/got/lib/node_modules"
YARN_1 = f"node {MODULES}/yarn/bin/yarn.js"
YARN_4 = f"YARN_ENABLE_TELEMETRY=0 node {MODULES}/@yarnpkg/cli-dist/bin/yarn.js"
PNPM = f"node {MODULES}/pnpm/bin/pnpm.cjs"
CLIENTS = {
    "npm install --global": Client(
        "npm install --global --prefix got yarn@1.22.22 pnpm@9.15.9 @yarnpkg/cli-dist@4.9.4"
        " && rm -rf ~/.npm",
        "npm --version",
    ),
    "yarn 1": Client(
        f"cp /context/yarn-1.json package.json && {YARN_1} install --no-progress"
        f" --registry {REGISTRY} --cache-folder /tmp/yarn && rm -r /tmp/yarn",
        f"{YARN_1} --version",
    ),
    "yarn 4": Client(
        "cp /context/yarn-4.json package.json && printf 'nodeLinker: node-modules\\n' > .yarnrc.yml"
        f" && YARN_NPM_REGISTRY_SERVER={REGISTRY} YARN_GLOBAL_FOLDER=/tmp/yarn {YARN_4} install"
        " && rm -rf /tmp/yarn .yarn",
        f"{YARN_4} --version",
    ),
    "pnpm": Client(
        f"cp /context/pnpm.json package.json && {PNPM} install --store-dir /tmp/pnpm"
        " --package-import-method copy && rm -r /tmp/pnpm",
        f"{PNPM} --version",
    ),
}


def test_yarn_and_pnpm_need_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(EXAMPLE / "samebit.toml", context)
    for client, (name, version) in WANTED.items():
        package = {"name": "own", "version": "1.0.0", "dependencies": {name: version}}
        (context / f"{client}.json").write_text(json.dumps(package))
    (context / "Dockerfile").write_text(recipe("debian.local/node:1", CLIENTS))
    image = prove_clients(samebit, context, CLIENTS)
    for client, (name, _) in WANTED.items():
        installed = image.paths(f"out/{client}/node_modules/")
        assert any(path.endswith(f"/{name}/package.json") for path in installed)
