"""Maven and Gradle: when something was last looked for."""

from __future__ import annotations

from samebit.formats.dates import java_date
from samebit.formats.lines import digits, milliseconds, rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

RESOLVER_STATUS = Normaliser(
    name="java/resolver-status",
    action=Action.REWRITE,
    paths=(b"**/resolver-status.properties", b"**/*.lastUpdated"),
    rank=40,
    rewrite=with_epoch(
        rewrite_dates(
            (rb"^([^#=\n]{1,400}\.last(?:Updated|Accessed)=)1\d{12}", milliseconds),
            (rb"^(#)\w{3} \w{3} \d\d \d\d:\d\d:\d\d [A-Z0-9:+-]{1,9} \d{4}", java_date),
        )
    ),
    why="When Maven last asked a repository; it asks again when that is long ago, as it is in any"
    " image that is a day old.",
    reference="Maven Resolver, update check manager",
)

LOCAL_METADATA = Normaliser(
    name="java/local-metadata",
    action=Action.REWRITE,
    paths=(b"**/maven-metadata-local.xml",),
    rewrite=with_epoch(rewrite_dates((rb"(<lastUpdated>)\d{14}", digits))),
    why="When the project was installed into the local repository; nothing compares it there.",
    reference="Maven, repository metadata",
)

GRADLE_RECORDS = Normaliser(
    name="java/gradle-records",
    action=Action.REMOVE,
    paths=(
        b"**/.gradle/daemon",
        b"**/.gradle/daemon/**",
        b"**/.gradle/caches/journal-1",
        b"**/.gradle/caches/journal-1/**",
        b"**/.gradle/.tmp/**",
        b"**/.gradle/notifications/**",
    ),
    why="Logs of daemons and the journal of last accesses, which Gradle's clean-up makes anew.",
    reference="Gradle, directories and caches",
)
