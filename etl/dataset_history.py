"""What became of a dataset's loads, and the way back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from etl.dataset_record import dataset_id
from geodata.dataset_version import hold_dataset, rollback
from geodata.store import Store


@dataclass(frozen=True)
class VersionRecord:
    """One load of a dataset."""

    id: int
    state: str
    started_at: datetime
    source_name: str
    rows_read: int
    rows_loaded: int
    rows_refused: int
    rows_flagged: int
    failure: str | None


@dataclass(frozen=True)
class QuarantinedRow:
    """A refused or flagged row as its file had it; faults of the dataset as a whole have no row."""

    source_row: int | None
    severity: str
    rule: str
    field: str | None
    reason_zh: str
    reason_en: str
    raw: dict[str, Any]
    suggestion_zh: str
    suggestion_en: str


def dataset_history(store: Store, code: str) -> list[VersionRecord]:
    """All loads of a dataset, newest first.

    Raises:
        UserError: there is no such dataset.
    """
    with store.owner_connection() as connection:
        dataset = dataset_id(connection, code)
        with connection.cursor(row_factory=class_row(VersionRecord)) as cursor:
            return cursor.execute(
                """
                SELECT id, state, started_at, source_name, rows_read, rows_loaded, rows_refused, rows_flagged,
                    failure
                FROM ioc.dataset_version WHERE dataset_id = %s ORDER BY id DESC
                """,
                [dataset],
            ).fetchall()


def quarantined_rows(store: Store, code: str, version: int | None = None) -> list[QuarantinedRow]:
    """Rows refused or flagged by a load: the newest published, or since refused as a whole, unless named.

    Raises:
        UserError: there is no such dataset.
    """
    with store.owner_connection() as connection:
        dataset = dataset_id(connection, code)
        with connection.cursor(row_factory=class_row(QuarantinedRow)) as cursor:
            return cursor.execute(
                """
                SELECT q.source_row, q.severity, q.rule, q.field, q.reason_zh, q.reason_en, q.raw,
                    q.suggestion_zh, q.suggestion_en
                FROM ioc.quarantine q
                WHERE q.version_id = coalesce(%(version)s, (
                    SELECT max(id) FROM ioc.dataset_version
                    WHERE dataset_id = %(dataset)s AND (
                        state IN ('published', 'superseded')
                        OR EXISTS (SELECT FROM ioc.quarantine k WHERE k.version_id = dataset_version.id)
                    )
                )) AND EXISTS (
                    SELECT FROM ioc.dataset_version v WHERE v.id = q.version_id AND v.dataset_id = %(dataset)s
                )
                ORDER BY q.severity, q.source_row, q.id
                """,
                {"version": version, "dataset": dataset},
            ).fetchall()


def roll_back(store: Store, code: str) -> int:
    """Publish the version before the published one again; returns its id.

    Raises:
        UserError: no such dataset, no earlier version, or it is being loaded.
    """
    with store.owner_connection() as connection:
        dataset = dataset_id(connection, code)
        hold_dataset(connection, dataset, code)
        return rollback(connection, dataset, code).id
