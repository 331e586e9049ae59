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
PACKAGE = {"name": "own", "version": "1.0.0", "dependencies": {"semver": "7.6.3"}}
# Yarn 1 asks a registry of its own otherwise, which is an alias of npm's.
REGISTRY = '"$(npm config get registry)"'
CLIENTS = {
    "npm install --global": Client(
        "npm install --global --prefix got yarn@1.22.22 pnpm@9.15.9 @yarnpkg/cli-dist@4.9.4"
        " && rm -rf ~/.npm",
        "npm --version",
    ),
    "yarn 1": Client(
        "cp /context/package.json . && node /out/npm-install-global/got/lib/node_modules/yarn/bin/"
        f"yarn.js install --no-progress --registry {REGISTRY} --cache-folder /tmp/yarn"
        " && rm -r /tmp/yarn",
        "node /out/npm-install-global/got/lib/node_modules/yarn/bin/yarn.js --version",
    ),
    "yarn 4": Client(
        "cp /context/package.json . && printf 'nodeLinker: node-modules\\n' > .yarnrc.yml"
        f" && YARN_NPM_REGISTRY_SERVER={REGISTRY} YARN_ENABLE_TELEMETRY=0"
        " YARN_GLOBAL_FOLDER=/tmp/yarn node"
        " /out/npm-install-global/got/lib/node_modules/@yarnpkg/cli-dist/bin/yarn.js install"
        " && rm -rf /tmp/yarn .yarn",
        "YARN_ENABLE_TELEMETRY=0 node"
        " /out/npm-install-global/got/lib/node_modules/@yarnpkg/cli-dist/bin/yarn.js --version",
    ),
    "pnpm": Client(
        "cp /context/package.json . && node /out/npm-install-global/got/lib/node_modules/pnpm/bin/"
        "pnpm.cjs install --store-dir /tmp/pnpm --package-import-method copy"
        " && rm -r /tmp/pnpm",
        "node /out/npm-install-global/got/lib/node_modules/pnpm/bin/pnpm.cjs --version",
    ),
}


def test_yarn_and_pnpm_need_no_network_a_second_time(samebit: Samebit, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(EXAMPLE / "samebit.toml", context)
    (context / "package.json").write_text(json.dumps(PACKAGE))
    (context / "Dockerfile").write_text(recipe("debian.local/node:1", CLIENTS))
    image = prove_clients(samebit, context, CLIENTS, same=False)
    for name in ("yarn-1", "yarn-4", "pnpm"):
        assert any(
            path.endswith("semver/package.json") for path in image.paths(f"out/{name}/node_modules")
        )
