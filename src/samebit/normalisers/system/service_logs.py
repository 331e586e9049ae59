"""Logs of services that a package's installation or a RUN step started."""

from __future__ import annotations

from typing import BinaryIO

from samebit.image.entry import Entry
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink


def _has_content(entry: Entry, _head: bytes) -> bool:
    return entry.size > 0


def _empty(_source: BinaryIO, _size: int, _sink: Sink, _facts: Facts) -> bool:
    return True


SERVICE_LOGS = Normaliser(
    name="system/service-logs",
    action=Action.REWRITE,
    paths=(
        b"var/log/syslog",
        b"var/log/messages",
        b"var/log/auth.log",
        b"var/log/daemon.log",
        b"var/log/kern.log",
        b"var/log/user.log",
        b"var/log/cron.log",
        b"var/log/mail.log",
        b"var/log/apache2/*.log",
        b"var/log/httpd/*_log",
        b"var/log/nginx/*.log",
        b"var/log/lighttpd/*.log",
        b"var/log/mysql/*.log",
        b"var/log/mariadb/*.log",
        b"var/log/mysqld.log",
        b"var/log/postgresql/*.log",
        b"var/log/redis/*.log",
        b"var/log/supervisor/*.log",
        b"var/log/exim4/*log",
        b"var/log/cups/*_log",
    ),
    accepts=_has_content,
    rewrite=_empty,
    made_here=True,
    why="What services logged while the image was built. The files stay with their owners and"
    " modes, which services need, and are empty.",
    reference="the services' manual pages",
)

SUPERVISOR_CHILD_LOGS = Normaliser(
    name="system/supervisor-child-logs",
    action=Action.REMOVE,
    paths=(
        b"var/log/supervisor/*-stdout---*-????????.log",
        b"var/log/supervisor/*-stderr---*-????????.log",
    ),
    why="What programs under supervisord printed, in files with random names, which supervisord"
    " itself removes at its next start.",
    reference="supervisord configuration, nocleanup and childlogdir",
)
