"""A build's result as JSON: docs/json/build.md."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.model.escaped import escaped
from samebit.model.normalising import Account
from samebit.model.platform import Platform
from samebit.pipeline.build import BuildResult


def build_document(result: BuildResult) -> dict[str, object]:
    """Describe the result of `samebit build` for `--json`."""
    return {
        "digest": str(result.image.digest),
        "mediaType": result.image.media_type,
        "size": result.image.size,
        "platforms": {
            str(platform): str(descriptor.digest) for platform, descriptor in result.platforms
        },
        "epoch": result.lock.epoch,
        "recorded": result.recorded,
        "reused": result.reused,
        "normalisers": {
            "set": result.lock.normalisers,
            "off": list(result.lock.recipe.normalising.off),
            "keep": [f"/{path}" for path in result.lock.recipe.normalising.keep],
            "rules": [
                {"path": f"/{rule.path}", "action": rule.action, "reason": rule.reason}
                for rule in result.lock.recipe.normalising.rules
            ],
        },
        **account_members(result.accounts),
        "warnings": [
            {
                "code": finding.code,
                "what": finding.what,
                "where": str(finding.where) if finding.where else None,
            }
            for finding in result.findings
        ],
    }


def account_members(accounts: Iterable[tuple[Platform, Account]]) -> dict[str, object]:
    """Describe what normalising did, by platform: `normalised`, `notNormalised`, `secrets`."""
    told = tuple(accounts)
    return {
        "normalised": [item for platform, account in told for item in _files(platform, account)],
        "notNormalised": [
            {
                "path": f"/{escaped(left.path)}",
                "normaliser": left.normaliser,
                "why": left.why,
                "platform": str(platform),
            }
            for platform, account in told
            for left in account.left
        ],
        "secrets": [
            {
                "path": f"/{escaped(secret.path)}",
                "detector": secret.detector,
                "what": secret.what,
                "platform": str(platform),
            }
            for platform, account in told
            for secret in account.secrets
        ],
    }


def _files(platform: Platform, account: Account) -> list[dict[str, object]]:
    return [
        {
            "path": f"/{escaped(file.path)}",
            "normaliser": file.normaliser,
            "action": file.action,
            "before": file.before,
            "after": file.after,
            "platform": str(platform),
        }
        for file in account.files
    ]
