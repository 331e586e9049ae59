"""What systemd's programs keep from one start of a machine to the next."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

RANDOM_SEED = Normaliser(
    name="system/systemd-secrets",
    action=Action.REVERT,
    paths=(b"var/lib/systemd/random-seed", b"var/lib/systemd/credential.secret"),
    why="Random bytes that must never be shared by two machines. systemd makes new ones.",
    reference="systemd-random-seed.service(8); systemd-creds(1)",
)
JOURNAL = Normaliser(
    name="system/journal",
    action=Action.REVERT,
    paths=(b"var/log/journal/*", b"var/log/journal/*/*.journal"),
    why="The journal of the machine that built. journald makes its files anew.",
    reference="systemd-journald.service(8), FILES",
)
