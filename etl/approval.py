"""A second person decides on a version that is whole and waits: it is published, or dropped."""

from typing import Any

from psycopg import Connection

from etl.case_report import report_cases
from etl.dataset_record import dataset_id
from etl.job_file import published_job
from geodata.audit import AuditEntry, record
from geodata.dataset_version import (
    Version,
    apply_retention,
    drop_prepared,
    hold_dataset,
    publish,
)
from geodata.errors import UserError
from geodata.store import Store

DECIDING_ROLES = frozenset({"steward", "admin"})


class DecisionError(UserError):
    """This account cannot decide, or there is nothing to decide on."""


def approve(store: Store, code: str, version_id: int, account: str) -> None:
    """Publish a version that waits for a decision.

    Raises:
        UserError: no such version waits; another one was published since it was made; the account is the one
            that loaded it, or may not decide on this dataset.
    """
    with store.owner_connection() as connection:
        version = _waiting(connection, code, version_id, account)
        row = connection.execute(
            """
            SELECT v.base_version_id IS NOT DISTINCT FROM d.published_version_id
            FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id WHERE v.id = %s
            """,
            [version.id],
        ).fetchone()
        if row is None or not row[0]:
            raise DecisionError(
                f"Another version of “{code}” was published since version {version_id} was made, so what it "
                "would change is not what was shown: refuse it and run the job again."
            )
        publish(connection, version)
        row = connection.execute(
            "SELECT job_text FROM ioc.dataset WHERE id = %s", [version.dataset_id]
        ).fetchone()
        if row and (job := published_job(code, row[0])):
            report_cases(connection, job, version)
        apply_retention(connection, version.dataset_id)
        _decided(connection, code, version, account, "version_approved")


def refuse(store: Store, code: str, version_id: int, account: str, reason: str) -> None:
    """Drop a version that waits for a decision; its record and quarantine stay, with the reason.

    Raises:
        UserError: no such version waits, or the account may not decide on this dataset.
    """
    with store.owner_connection() as connection:
        version = _waiting(connection, code, version_id, account)
        drop_prepared(connection, version.dataset_id, "refused", reason)
        _decided(connection, code, version, account, "version_refused")


def _waiting(connection: Connection[Any], code: str, version_id: int, account: str) -> Version:
    """The version, held against loads and other decisions, once it is sure that the account may decide."""
    dataset = dataset_id(connection, code)
    hold_dataset(connection, dataset, code)
    row = connection.execute(
        """
        SELECT d.target, v.loaded_by FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id
        WHERE v.id = %s AND v.dataset_id = %s AND v.state = 'prepared'
        """,
        [version_id, dataset],
    ).fetchone()
    if row is None:
        raise DecisionError(
            f"No version {version_id} of “{code}” waits for a decision; `ioc etl history {code}` lists them."
        )
    target, loaded_by = row
    if account == loaded_by:
        raise DecisionError(
            f"“{account}” has loaded version {version_id} of “{code}”: a second person must decide on it."
        )
    if not _may_decide(connection, dataset, account):
        raise DecisionError(
            f"The account “{account}” may not decide on “{code}”: that takes an active steward or "
            "administrator who sees the whole dataset."
        )
    return Version(version_id, dataset, target)


def _may_decide(connection: Connection[Any], dataset: int, account: str) -> bool:
    row = connection.execute(
        """
        SELECT a.roles, (d.id * 4 + d.sensitivity) = ANY (r.whole_rights)
        FROM ioc.account a CROSS JOIN LATERAL ioc.account_rights(a.id) r, ioc.dataset d
        WHERE a.name = %s AND a.active AND d.id = %s
        """,
        [account, dataset],
    ).fetchone()
    return row is not None and bool(DECIDING_ROLES & set(row[0])) and row[1]


def _decided(connection: Connection[Any], code: str, version: Version, account: str, action: str) -> None:
    connection.execute(
        "UPDATE ioc.dataset_version SET decided_by = %s, decided_at = now() WHERE id = %s",
        [account, version.id],
    )
    entry = AuditEntry(action, account_name=account, subject=code, detail={"version": version.id})
    record(connection, entry)
