"""What normalising did, in lines for a person."""

from __future__ import annotations

from samebit.model.escaped import escaped
from samebit.model.normalising import Account


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
