"""Datasets that are older than the update period the catalogue states: an alarm is raised and cleared."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from psycopg import Connection

from geodata.code_table import CodeTable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Overdue:
    """A dataset that is overdue, with the code of its update period (table ``update_period``)."""

    dataset: str
    title_zh: str
    department: str
    update_period: str
    last_loaded_at: datetime


def overdue_datasets(connection: Connection[Any], now: datetime) -> list[Overdue]:
    """Published datasets whose last load is longer ago than their period allows, of those it may see."""
    rows = connection.execute(
        """
        SELECT d.code, d.title_zh, d.department_code, coalesce(e.update_period, d.update_period), v.loaded_at
        FROM ioc.dataset d
        LEFT JOIN ioc.catalogue_entry e ON e.dataset_id = d.id
        CROSS JOIN LATERAL (
            SELECT max(coalesce(finished_at, published_at)) AS loaded_at FROM ioc.dataset_version
            WHERE dataset_id = d.id AND state IN ('published', 'superseded')
        ) v
        WHERE v.loaded_at IS NOT NULL
        ORDER BY d.code
        """
    ).fetchall()
    found = [Overdue(*row) for row in rows if row[3]]
    return [one for one in found if _is_overdue(one, now)]


def _is_overdue(dataset: Overdue, now: datetime) -> bool:
    period = CodeTable.load("update_period").get(dataset.update_period)
    return bool(
        period and period["days"] and now - dataset.last_loaded_at > timedelta(days=float(period["days"]))
    )


def review_overdue(connection: Connection[Any], now: datetime) -> list[Overdue]:
    """Raise an alarm for each dataset that has become overdue, clear those of datasets that no longer are.

    Returns:
        Those newly raised.
    """
    overdue = {one.dataset: one for one in overdue_datasets(connection, now)}
    connection.execute(
        """
        UPDATE ioc.dataset_alarm a SET cleared_at = %s FROM ioc.dataset d
        WHERE d.id = a.dataset_id AND a.cleared_at IS NULL AND d.code <> ALL (%s)
        """,
        [now, list(overdue)],
    )
    raised = []
    for one in overdue.values():
        row = connection.execute(
            """
            INSERT INTO ioc.dataset_alarm (dataset_id, update_period, last_loaded_at, raised_at)
            SELECT id, %s, %s, %s FROM ioc.dataset WHERE code = %s
            ON CONFLICT (dataset_id) WHERE cleared_at IS NULL DO NOTHING RETURNING id
            """,
            [one.update_period, one.last_loaded_at, now, one.dataset],
        ).fetchone()
        if row:
            raised.append(one)
            log.warning("dataset overdue", dataset=one.dataset, period=one.update_period)
    return raised
