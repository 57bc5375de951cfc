"""What devices were asked and what became of it, as far as the viewer may see the devices."""

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import dict_row

MOST_SHOWN = 20

QUESTIONS: LiteralString = """
    SELECT q.id, q.device_code AS device, q.asked, q.asker, q.asked_at, q.sendings, q.sent_at, q.answer,
        CASE WHEN q.state IN ('waiting', 'sent') AND q.expires_at < clock_timestamp() THEN 'failed'
            ELSE q.state END AS state,
        CASE WHEN q.state IN ('waiting', 'sent') AND q.expires_at < clock_timestamp() THEN 'doors'
            ELSE q.reason END AS reason,
        coalesce(q.ended_at, CASE WHEN q.expires_at < clock_timestamp() THEN q.expires_at END) AS ended_at,
        c.last_at AS heard_at
    FROM ioc.device_question q
    LEFT JOIN ioc.device_contact c ON c.device_code = q.device_code
"""
"""A question that the process of the doors left open for too long has failed by that, whoever notes it."""
OF_DEVICES: LiteralString = (
    QUESTIONS + "WHERE q.device_code = ANY (%s) AND q.asked_at > now() - interval '1 day' "
    "ORDER BY q.id DESC LIMIT %s"
)
BY_ID: LiteralString = QUESTIONS + "WHERE q.id = ANY (%s) ORDER BY q.id"
ASKABLE = (
    "SELECT code FROM ioc.device WHERE code = ANY (%s) AND protocol = 'SL 651' AND ioc.may_ask_device(code)"
)


def questions_of(connection: Connection[Any], devices: Sequence[str]) -> list[dict[str, Any]]:
    """The questions to devices within a day, the newest first."""
    return _rows(connection, OF_DEVICES, [list(devices), MOST_SHOWN])


def questions_by_id(connection: Connection[Any], ids: Sequence[int]) -> list[dict[str, Any]]:
    """Questions in the order they were put."""
    return _rows(connection, BY_ID, [list(ids)])


def askable_devices(connection: Connection[Any], devices: Sequence[str]) -> list[str]:
    """Those of the devices that the viewer may ask."""
    return [code for (code,) in connection.execute(ASKABLE, [list(devices)])]


def _rows(
    connection: Connection[Any], statement: LiteralString, parameters: list[Any]
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()
