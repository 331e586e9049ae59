"""Fetching what ADD names by URL (Dockerfile reference, "Adding files from a URL")."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from samebit import __version__
from samebit.errors import InputError, MachineError, Place
from samebit.model.digest import Digest

if TYPE_CHECKING:
    import httpx2

_CHUNK = 1 << 20
_TRIES = 3
_PAUSE_SECONDS = 0.5
_TIMEOUT_SECONDS = 30.0
_READ_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Download:
    """What came: `size` in bytes."""

    url: str
    digest: Digest
    size: int


Downloader = Callable[[str, Path, Digest | None, Place], Download]


class _BrokenError(Exception):
    """A try that failed in a way that another try may not."""


def download(url: str, target: Path, checksum: Digest | None, place: Place) -> Download:
    """Fetch `url` into the new file `target`, streaming.

    The host's proxy variables and trust store are honoured, redirects followed, transport faults
    and 5xx tried again. Raises InputError when the URL cannot be had or the bytes do not have
    `checksum`, MachineError when the disk is full; `target` is gone then.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            result = _once(url, target, place)
        except _BrokenError as error:
            target.unlink(missing_ok=True)
            if attempt == _TRIES:
                raise InputError(
                    f"{redact(url)} cannot be fetched: {error}",
                    where=place,
                    fix="check the address and the network, then run again",
                ) from error
            time.sleep(_PAUSE_SECONDS * attempt)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        else:
            break
    if checksum is not None and result.digest != checksum:
        target.unlink(missing_ok=True)
        raise InputError(
            f"{redact(url)} does not have the checksum that --checksum gives",
            where=place,
            fix="find out why the file changed before you change the checksum",
            detail=f"expected {checksum}\nfound    {result.digest}",
        )
    return result


def redact(url: str) -> str:
    """Give the URL without user, password and query values, for messages."""
    import httpx2  # noqa: PLC0415 - it takes 0.1 s, and most builds fetch nothing

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return url.split("?", maxsplit=1)[0]
    query = {"query": b"..."} if parsed.query else {}
    return str(parsed.copy_with(username=None, password=None, fragment=None, **query))


def _once(url: str, target: Path, place: Place) -> Download:
    # They take 0.1 s, and most builds fetch nothing.
    import ssl  # noqa: PLC0415

    import httpx2  # noqa: PLC0415

    headers = {"Accept-Encoding": "identity", "User-Agent": f"samebit/{__version__}"}
    try:
        with (
            httpx2.Client(
                verify=ssl.create_default_context(),
                follow_redirects=True,
                timeout=httpx2.Timeout(_TIMEOUT_SECONDS, read=_READ_TIMEOUT_SECONDS),
                headers=headers,
            ) as client,
            client.stream("GET", url) as response,
            target.open("xb") as output,
        ):
            status = response.status_code
            if status >= 500 or status in (408, 429):
                raise _BrokenError(f"the server answered {status} {response.reason_phrase}")
            if status != 200:
                raise InputError(
                    f"{redact(url)} cannot be fetched: "
                    f"the server answered {status} {response.reason_phrase}",
                    where=place,
                    fix="check the address",
                )
            digest, size = _save(response, output)
    except httpx2.TransportError as error:
        raise _BrokenError(str(error) or type(error).__name__) from error
    except (httpx2.InvalidURL, httpx2.HTTPError) as error:
        raise InputError(f"{redact(url)} cannot be fetched: {error}", where=place) from error
    except OSError as error:
        fix = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
        raise MachineError(
            f"{redact(url)} cannot be saved: {error.strerror}", where=place, fix=fix
        ) from error
    return Download(url, digest, size)


def _save(response: httpx2.Response, output: BinaryIO) -> tuple[Digest, int]:
    hasher = hashlib.sha256()
    for chunk in response.iter_raw(_CHUNK):
        hasher.update(chunk)
        output.write(chunk)
    output.flush()
    return Digest(hasher.hexdigest()), os.fstat(output.fileno()).st_size
