"""What normalising did, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samebit.model.escaped import escaped
from samebit.model.normalising import Account
from samebit.model.platform import Platform


def account_lines(accounts: Sequence[tuple[Platform, Account]], *, files: bool) -> Iterator[str]:
    """Tell of every platform what was done; with `files` of each file, too."""
    for platform, account in accounts:
        where = f" ({platform})" if len(accounts) > 1 else ""
        for line in (*(file_lines(account) if files else ()), *summary_lines(account)):
            yield f"{line}{where}"


def summary_lines(account: Account) -> tuple[str, ...]:
    """Count the files by normaliser, on one line; no line for none."""
    if not account.files:
        return ()
    count = len(account.files)
    parts = [f"{name} {number}" for name, number in account.counts().items()]
    return (f"normalised {count} {'file' if count == 1 else 'files'}: {', '.join(parts)}",)


def file_lines(account: Account) -> tuple[str, ...]:
    """Tell each action: path, normaliser, what was done, and the sizes in bytes."""
    return tuple(
        f"{file.action} /{escaped(file.path)} ({file.normaliser}, {file.before} -> "
        + (f"{file.after} bytes)" if file.after is not None else "nothing)")
        for file in account.files
    )
