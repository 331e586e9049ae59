"""What a verification found, for tools that collect findings: SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.model.escaped import escaped
from samebit.model.explanation import Cause
from samebit.model.verification import PathDifference, Verification
from samebit.report.diff_sarif import DOCUMENT, UNEXPLAINED, documents, of_cause, rule_of
from samebit.report.sarif import Result, Rule, sarif_log
from samebit.report.verify_text import blame, verdict

_DIGEST = Rule("difference/digest", "the image is not the expected one")


def verify_sarif(verification: Verification) -> str:
    """Give the log of one run, without a final newline.

    A result is one cause at one path, as in `samebit diff`; its location is the Dockerfile's line
    that made the path, where that is certain. A verification that is identical has no results.
    """
    causes: dict[str, Cause] = {}
    results: list[Result] = []
    for difference in verification.differences:
        causes |= {cause.name: cause for cause in difference.causes}
        results += _of_path(difference, searched=verification.bisected)
    if verification.report is not None:
        for image in verification.report.images:
            results += documents(image)
    expectation = verification.expectation
    if expectation is not None and not verification.expected and not results:
        what = f"{escaped(expectation.name)} was expected, the builds gave {verification.digest}"
        results.append(Result(_DIGEST.id, "error", what, ""))
    used = {result.rule for result in results}
    return sarif_log(
        "samebit verify",
        f"the image {verification.digest}",
        [
            *(rule_of(cause) for _, cause in sorted(causes.items())),
            *(rule for rule in (UNEXPLAINED, DOCUMENT, _DIGEST) if rule.id in used),
        ],
        results,
        {
            "identical": verification.identical,
            "verdict": verdict(verification),
            "digests": [build.digest for build in verification.builds],
            "varied": [axis.name for axis in verification.axes],
            "notVaried": {axis.name: axis.reason for axis in verification.not_varied},
        },
    )


def _of_path(difference: PathDifference, *, searched: bool) -> Iterator[Result]:
    path = difference.path
    found = [of_cause(cause, path) for cause in difference.causes]
    if not found:
        words = f"{path}: it differs, and no cause is known"
        found = [Result(UNEXPLAINED.id, "warning", words, path, fingerprint=f"?:{path}")]
    made = difference.origin or difference.instruction
    for result in found:
        message = f"{result.message}; {blame(difference)}" if searched else result.message
        properties: dict[str, object] = {"axes": list(difference.axes)} if searched else {}
        fingerprint = result.fingerprint
        if difference.platform:
            properties["platform"] = difference.platform
            fingerprint += f":{difference.platform}"
        yield replace(
            result,
            message=message,
            source=made.where if made is not None else None,
            fingerprint=fingerprint,
            properties={**result.properties, **properties},
        )
