"""`[[fetch]]` of the lock file (docs/lock.md): one fact a line, the usual value left out."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.errors import InputError, UsageError
from samebit.lock.fetch import FetchKey, LockedFetch, find_fault, kept_headers, make_key
from samebit.lock.toml_values import array, quote, take_digest, take_platform
from samebit.model.platform import Platform
from samebit.model.toml_source import TomlSource, TomlTable


def format_fetch(fetch: LockedFetch, platforms: tuple[Platform, ...]) -> list[str]:
    """Render the lines of one fetch; `platforms` are the recipe's, which need not be repeated."""
    key = fetch.key
    lines = ["[[fetch]]"]
    if key.accept:
        lines.append(f"accept = {quote(key.accept)}")
    if key.body is not None:
        lines.append(f"body = {quote(str(key.body))}")
    lines.append(f"digest = {quote(str(fetch.digest))}")
    if fetch.headers:
        texts = (quote(f"{name}: {value}") for name, value in fetch.headers)
        lines.append(f"headers = [{', '.join(texts)}]")
    lines.append(f"instruction = {quote(fetch.instruction)}")
    if key.method != "GET":
        lines.append(f"method = {quote(key.method)}")
    if fetch.occurrence:
        lines.append(f"occurrence = {fetch.occurrence}")
    if fetch.platforms != platforms:
        lines += array("platforms", [str(platform) for platform in fetch.platforms])
    lines.append(f"size = {fetch.size}")
    if fetch.status != 200:
        lines.append(f"status = {fetch.status}")
    lines.append(f"url = {quote(key.url)}")
    return lines


def parse_fetch(
    table: TomlTable, platforms: tuple[Platform, ...], *, repair: str, newer: str
) -> LockedFetch:
    """Read one `[[fetch]]` table strictly; `repair` and `newer` advise on what is wrong with it.

    Raises UsageError with the line, also for a URL or header that was not written redacted.
    """
    locked_for = platforms
    if "platforms" in table:
        locked_for = tuple(
            take_platform(table, "platforms", text, position, fix=repair)
            for position, text in enumerate(table.strings("platforms"))
        )
    key = _parse_key(table, repair)
    instruction = table.string("instruction")
    occurrence = table.integer("occurrence", 0)
    status = table.integer("status", 200)
    size = table.integer("size")
    fault = find_fault(
        method=key.method,
        instruction=instruction,
        platforms=locked_for,
        occurrence=occurrence,
        status=status,
        size=size,
    )
    if fault is not None:
        raise table.error(fault[1], fault[0], fix=repair)
    fetch = LockedFetch(
        key=key,
        instruction=instruction,
        platforms=locked_for,
        occurrence=occurrence,
        status=status,
        headers=_parse_headers(table, repair),
        digest=take_digest(table, "digest", table.string("digest"), fix=repair),
        size=size,
    )
    table.finish(fix=newer)
    return fetch


def format_fetches(fetches: Iterable[LockedFetch], platforms: tuple[Platform, ...]) -> bytes:
    """Render fetches by themselves, as a store remembers them."""
    lines = [line for fetch in fetches for line in ("", *format_fetch(fetch, platforms))]
    return ("\n".join(lines) + "\n").encode("utf-8")


def parse_fetches(data: bytes, platforms: tuple[Platform, ...]) -> tuple[LockedFetch, ...]:
    """Read what `format_fetches` wrote. Raises UsageError for anything else."""
    tables = TomlSource.parse("recorded fetches", data).root().tables("fetch")
    return tuple(parse_fetch(table, platforms, repair="", newer="") for table in tables)


def _parse_key(table: TomlTable, repair: str) -> FetchKey:
    method, url = table.string("method", "GET"), table.string("url")
    accept, body = table.string("accept", ""), table.optional_string("body")
    digest = None if body is None else take_digest(table, "body", body, fix=repair)
    try:
        key = make_key(method, url, accept, digest)
    except InputError as error:
        raise table.error(f"is {error.what}", "url", fix=repair) from None
    for name, written, meant in (
        ("method", method, key.method), ("url", url, key.url), ("accept", accept, key.accept)
    ):  # fmt: skip
        if written != meant:
            # Never what was written: it may hold the secret that it must not.
            raise table.error(f"is not as samebit writes it, {meant!r}", name, fix=repair)
    return key


def _parse_headers(table: TomlTable, repair: str) -> tuple[tuple[str, str], ...]:
    headers = []
    for text in table.strings("headers"):
        name, colon, value = text.partition(": ")
        if not colon:
            raise _header_error(table, f"{name.partition(':')[0][:40]!r} has no value", repair)
        headers.append((name, value))
    found = tuple(headers)
    if kept_headers(found) != found:
        names = ", ".join(name[:40] for name, _ in found)
        raise _header_error(
            table, f"are not sorted, redacted and of the kept ones only: {names}", repair
        )
    return found


def _header_error(table: TomlTable, what: str, repair: str) -> UsageError:
    return table.error(what, "headers", fix=repair)
