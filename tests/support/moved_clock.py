"""Build a context from its lock on another day: `moved_clock.py CONTEXT LAYOUT`.

Prints one JSON document: the digest, and in words how the clock of RUN was moved (by the axis of
`samebit verify`), or why it was not. Nothing but the lock and the store is reused.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from samebit.errors import SamebitError
from samebit.pipeline.build import prepare
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.request import BuildRequest
from samebit.pipeline.session import open_session
from samebit.pipeline.temporary import temporary_directory
from samebit.pipeline.verify_builds import VerifyBuilds
from samebit.report.progress import BuildProgress, Style
from samebit.variations.apply import vary

CLOCK = "clock"
# Steps may take long on a busy machine, and none of the corpus waits for a time.
PATIENCE = 3600


def main(context: Path, layout: Path) -> None:
    session = open_session()
    session.start_engine()
    request = BuildRequest(context=context, locked=True, use_memo=False)
    with BuildProgress(Style.PLAIN) as told, temporary_directory("moved") as work:
        prepared = prepare(request, session.store, told.say)
        with VerifyBuilds(request, prepared, session, work, told, patience=PATIENCE) as builds:
            variation = vary({CLOCK}, builds.machine(1))
            words = variation.varied.get(CLOCK) or variation.not_varied[CLOCK]
            try:
                build = builds.build(variation)
            except SamebitError as error:
                if not variation.varied:
                    raise
                told.say(f"without another clock, because of: {error}")
                words = "not moved: the build fails then"
                build = builds.build(replace(vary((), builds.machine(1)), varied={}))
            outputs = Outputs(locations=parse_locations((f"oci:{layout}",)))
            deliver(outputs, build.image, session.store, told.say, ())
            reached = builds.run_steps - len(build.witness.unreached)
    said = {
        "digest": str(build.image.digest),
        "clock": words if reached else "not moved: no step can see it",
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
