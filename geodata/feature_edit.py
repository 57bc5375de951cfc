"""Edits by hand in a version that is about to be published."""

from typing import Any

import structlog
from psycopg import Connection

log = structlog.get_logger(__name__)


def bring_edits(connection: Connection[Any], version_id: int) -> dict[int, str]:
    """Bring accepted edits that the version has not seen into it, in the current transaction.

    Returns:
        By edit id: ``applied``; ``contained``, where the rows say the same already; ``conflict``, where they
        have changed otherwise since, and then the rows stand. Kept in ``ioc.feature_edit_outcome``.
    """
    rows = connection.execute("SELECT edit_id, outcome FROM ioc.bring_edits(%s)", [version_id]).fetchall()
    outcomes = dict(rows)
    conflicts = [edit for edit, outcome in rows if outcome == "conflict"]
    if conflicts:
        log.warning("edits by hand give way to what was delivered", version=version_id, edits=conflicts)
    return outcomes
