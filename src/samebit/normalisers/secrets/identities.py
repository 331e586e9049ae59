"""Random numbers by which one machine or service is told from another."""

from __future__ import annotations

from typing import BinaryIO

from samebit.normalisers.protocol import Detector, Facts


def _identity(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    return "is an identity made at random, which all containers would share" if size else None


def _cluster(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    if not size:
        return None
    return (
        "belongs to a PostgreSQL cluster that the build made: its identifier, its log and its"
        " tables follow the clock"
    )


def _mysql(_source: BinaryIO, size: int, _facts: Facts) -> str | None:
    if not size:
        return None
    return (
        "belongs to a MySQL or MariaDB data directory that the build made: its log and its tables"
        " follow the clock"
    )


IDENTITIES = Detector(
    name="random/identity",
    paths=(
        b"etc/iscsi/initiatorname.iscsi",
        b"etc/nvme/hostid",
        b"etc/nvme/hostnqn",
        b"etc/hostid",
        b"var/lib/mysql/auto.cnf",
        b"var/lib/NetworkManager/secret_key",
        b"var/lib/systemd/network/duid",
        b"etc/popularity-contest.conf",
    ),
    inspect=_identity,
    fix="remove it in the step that makes it; it is made anew at the first start",
    reference="iscsi-iname(8); nvme-gen-hostnqn(1)",
)
POSTGRES = Detector(
    name="random/postgresql-cluster",
    paths=(b"**/global/pg_control",),
    inspect=_cluster,
    fix="let the container make it at the first start: set create_main_cluster = false in"
    " /etc/postgresql-common/createcluster.conf before the server is installed",
    reference="pg_createcluster(1); initdb(1)",
)
MYSQL = Detector(
    name="random/mysql-data",
    paths=(b"var/lib/mysql/ibdata1",),
    inspect=_mysql,
    fix="let the container make it at the first start: rm -r /var/lib/mysql/* in the step that"
    " installs the server",
    reference="mysql_install_db(1); mysqld(8), --initialize",
)
