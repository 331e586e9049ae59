"""What `samebit build` does with its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from samebit.cli.standard_output import print_result
from samebit.cli.values import build_request, tags_of
from samebit.pipeline.build import BuildResult, build_prepared, prepare
from samebit.pipeline.build_document import build_document
from samebit.pipeline.outputs import Outputs, deliver, parse_locations
from samebit.pipeline.session import Session, StartEngine
from samebit.report.normalised_text import account_lines
from samebit.report.progress import BuildProgress, Style
from samebit.report.terminal import print_finding


def run_build(
    session: Session,
    start_engine: StartEngine,
    *,
    use_memo: bool,
    style: Style,
    tags: tuple[str, ...],
    outputs: tuple[str, ...],
    push: bool,
    load: bool,
    iidfile: Path | None,
    metadata_file: Path | None,
    locked: bool,
    normalised: bool,
    as_json: bool,
    **recipe: Any,  # noqa: ANN401 - the values of recipe_options, typed in BuildRequest
) -> None:
    """Build, deliver, and print the digest."""
    wanted = Outputs(
        tags=tags_of(recipe, tags),
        locations=parse_locations(outputs),
        push=push,
        load=load,
        iidfile=iidfile,
        metadata_file=metadata_file,
    )
    request = build_request(
        recipe, excluded=(session.home, *wanted.paths()), locked=locked, use_memo=use_memo
    )
    wanted.check(request.platforms)
    with BuildProgress(style) as told:
        prepared = prepare(request, session.store, told.say)
        # Without --platform it is the lock that says how many there are.
        wanted.check([part.platform for part in prepared.parts])
        result = build_prepared(prepared, request, session.store, start_engine, told)
    for finding in result.findings:
        print_finding(finding)
    deliver(wanted, result.image, session.store, told.say, result.sources())
    _tell(result, told, files=normalised)
    if as_json:
        print_result(json.dumps(build_document(result), sort_keys=True))
    else:
        print_result(str(result.image.digest))


def _tell(result: BuildResult, told: BuildProgress, *, files: bool) -> None:
    for line in account_lines(result.accounts, files=files):
        told.say(line)
    if result.reused:
        told.say("nothing changed since the last build of these inputs")
    if result.lock_written:
        told.say(f"wrote {result.lock_file}")
    if result.lock_file is None:
        told.say("a Dockerfile from standard input has no lock: its base images are not pinned")
    elif result.recorded:
        told.say("recorded, not replayed: build with --no-cache, or elsewhere, to prove the digest")
