"""Letting an image's referrers be found (distribution-spec 1.1, "Listing Referrers").

A registry with the referrers API lists a manifest under its `subject` by itself. For the others a
client keeps the list as an index under the tag `sha256-<digest of the subject>`.
"""

from __future__ import annotations

import json
from typing import Any

from samebit.errors import InputError
from samebit.model.descriptor import OCI_INDEX, Descriptor
from samebit.model.digest import Digest
from samebit.registry.manifest_outline import MANIFEST_LIMIT
from samebit.registry.session import Body, Session, read_bounded

_UNSUPPORTED = (400, 403, 404, 405, 501)


def attach(session: Session, subject: Digest, referrer: Descriptor, artifact_type: str) -> bool:
    """Add a pushed manifest to its subject's list; False when the registry does so by itself.

    Raises InputError when the list cannot be read or written.
    """
    accept = (200, *_UNSUPPORTED)
    with session.request("GET", f"referrers/{subject}", accept=accept) as response:
        if response.status_code == 200:
            return False
    tag = f"sha256-{subject.hex}"
    entries = _listed(session, tag)
    entry = {
        "mediaType": referrer.media_type,
        "digest": str(referrer.digest),
        "size": referrer.size,
        "artifactType": artifact_type,
    }
    if any(known.get("digest") == entry["digest"] for known in entries):
        return True
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": sorted([*entries, entry], key=lambda known: str(known.get("digest"))),
    }
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
    body = Body(lambda: (data,), len(data))
    headers = {"Content-Type": OCI_INDEX}
    with session.request("PUT", f"manifests/{tag}", headers=headers, body=body, accept=(201, 202)):
        return True


def _listed(session: Session, tag: str) -> list[dict[str, Any]]:
    headers = {"Accept": OCI_INDEX}
    with session.request("GET", f"manifests/{tag}", headers=headers, accept=(200, 404)) as response:
        if response.status_code == 404:
            return []
        data = read_bounded(response, MANIFEST_LIMIT)
    try:
        document = json.loads(data or b"")
        entries = document["manifests"]
        if all(isinstance(entry, dict) for entry in entries):
            return list(entries)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise InputError(
        f"the list of referrers {tag} in registry {session.endpoint.host} is no index",
        fix="delete that tag, or push without --subject",
    )
