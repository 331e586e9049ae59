"""npm, yarn and pnpm: caches and logs, and the dates that pnpm writes down."""

from __future__ import annotations

import re

from samebit.formats.lines import http_date, rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

_HTTP_DATE = rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"

CACHE = Normaliser(
    name="node/cache",
    action=Action.REMOVE,
    paths=(
        b"**/.npm/_cacache",
        b"**/.npm/_cacache/**",
        b"**/.npm/_update-notifier-last-checked",
        b"**/.cache/yarn",
        b"**/.cache/yarn/**",
        b"**/.yarn/berry/cache/**",
        b"**/node_modules/.cache",
        b"**/node_modules/.cache/**",
        b"**/.cache/pnpm",
        b"**/.cache/pnpm/**",
        b"**/.cache/node/corepack/lastKnownGood.json",
    ),
    why="Downloads and results that the package managers and build tools fetch or compute again"
    " when they are gone; their indexes say when they were stored.",
    reference="npm-cache(1); yarn cache; pnpm, store and cache",
)

LOGS = Normaliser(
    name="node/logs",
    action=Action.REMOVE,
    paths=(b"**/.npm/_logs", b"**/.npm/_logs/**", b"**/npm-debug.log*", b"**/yarn-error.log"),
    why="Logs named and dated by the moment of a command.",
    reference="npm-config(7), logs-dir",
)

YARN_SCRIPTS = Normaliser(
    name="node/yarn-scripts",
    action=Action.REMOVE,
    paths=(b"tmp/yarn--*", b"tmp/yarn--*/**"),
    only=re.compile(rb"tmp/yarn--\d{13}-0\.\d+(?:/.*)?", re.DOTALL),
    why="Wrappers of node for the scripts of one run of yarn, in a directory named by the time and"
    " a random number.",
    reference="yarn 1, util/portable-script",
)

# When orphans were last pruned and when a newer pnpm was last looked for, as HTTP writes dates.
PNPM_STATE = Normaliser(
    name="node/pnpm-state",
    action=Action.REWRITE,
    paths=(b"**/node_modules/.modules.yaml", b"**/.local/state/pnpm/pnpm-state.json"),
    rewrite=with_epoch(
        rewrite_dates(
            (rb'("?prunedAt"?: "?)' + _HTTP_DATE, http_date),
            (rb'("lastUpdateCheck": ")' + _HTTP_DATE, http_date),
        )
    ),
    why="When pnpm last pruned, which it does again a week after, and when it last looked for a"
    " newer pnpm, which it does again a day after; both are long ago in an older image.",
    reference="pnpm, modules-yaml; pnpm, tools, checkForUpdates",
)
