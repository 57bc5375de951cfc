"""Removing what the audit trail need no longer keep."""

from datetime import UTC, date, datetime
from typing import Any

from psycopg import Connection

from geodata.audit import AuditEntry, record
from geodata.errors import UserError
from ioc.audit_search import ZONE

OLDEST_KEPT = "6 months"
"""Article 21 of the Cybersecurity Law has network logs kept so long; the store holds to it as well."""


def prune_audit(connection: Connection[Any], before: date, actor: str) -> int:
    """Remove entries from before a day (of the district's time), and write down who did; gives their number.

    Raises:
        UserError: the day is less than six months ago.
    """
    until = datetime(before.year, before.month, before.day, tzinfo=ZONE)
    row = connection.execute(
        "SELECT (clock_timestamp() - %s::interval) AT TIME ZONE %s", [OLDEST_KEPT, ZONE.key]
    ).fetchone()
    assert row is not None, "a SELECT of one value has one row"
    latest = row[0].date()
    if before > latest:
        raise UserError(
            "The audit trail keeps what is younger than six months: "
            f"give --before {latest} or an earlier day."
        )
    removed = connection.execute(
        "DELETE FROM ioc.audit_entry WHERE at < %s", [until.astimezone(UTC)]
    ).rowcount
    detail = {"before": before.isoformat(), "entries": removed}
    record(connection, AuditEntry("audit_prune", account_name=actor, detail=detail))
    return removed
