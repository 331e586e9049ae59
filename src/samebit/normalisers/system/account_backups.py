"""What the programs that change accounts leave beside the account files."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

ACCOUNT_BACKUPS = Normaliser(
    name="system/account-backups",
    action=Action.REVERT,
    paths=(
        b"etc/passwd-",
        b"etc/group-",
        b"etc/shadow-",
        b"etc/gshadow-",
        b"etc/subuid-",
        b"etc/subgid-",
        b"etc/.pwd.lock",
    ),
    why="Copies from before the last change, with its day, and the lock of these files. No program"
    " reads them; pwck and vipw know them as backups only.",
    reference="shadow(5), FILES; lckpwdf(3)",
)
LOGIN_RECORDS = Normaliser(
    name="system/login-records",
    action=Action.REVERT,
    paths=(
        b"var/log/lastlog",
        b"var/log/faillog",
        b"var/log/tallylog",
        b"var/log/wtmp",
        b"var/log/btmp",
        b"run/utmp",
        b"var/run/utmp",
    ),
    why="Who logged in when, in a build nobody. useradd makes lastlog as large as the highest user"
    " number asks for, with nothing in it. A missing record reads as never.",
    reference="lastlog(8); wtmp(5)",
)
