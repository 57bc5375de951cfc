"""Devices that go offline are told of once; a slow clock is told from a backlog that comes late."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.store import Store

Rows = list[tuple[Any, ...]]
TOLD = """
    SELECT i ->> 'device', i ->> 'state' FROM ioc.live_event e, jsonb_array_elements(e.items) i
    WHERE e.topic = 'device' ORDER BY e.id
"""


@pytest.fixture
def connection(demo_store: Store) -> Any:
    with psycopg.connect(demo_store.owner_url, autocommit=True) as connection:
        yield connection


def _ask(connection: Connection[Any], statement: Any, *parameters: Any) -> Rows:
    return connection.execute(statement, parameters).fetchall()


def _drain_and_battery(connection: Connection[Any]) -> str:
    """A device that reports its level every two minutes and its battery every hour."""
    ((code,),) = _ask(
        connection,
        "SELECT min(device_code) FROM ioc.metric WHERE device_code IN "
        "(SELECT device_code FROM ioc.metric WHERE metric = 'BATTERY' AND interval_s = 3600) "
        "AND metric = 'LEVEL' AND interval_s = 120",
    )
    return code


def test_going_offline_and_coming_back_are_told_once(demo_store: Store, connection: Connection[Any]) -> None:
    code = _drain_and_battery(connection)
    intake = Intake(demo_store.app_url)
    now = datetime.now(UTC)
    long_ago = now - timedelta(hours=5)

    def note(listening: datetime) -> int:
        ((number,),) = _ask(connection, "SELECT ioc.note_presence(%s)", listening)
        return number

    def heard(minutes_ago: int) -> None:
        at = now - timedelta(minutes=minutes_ago)
        connection.execute("UPDATE ioc.latest SET received_at = %s", [at])

    intake.take([Reading(code, "LEVEL", now, 1.0), Reading(code, "BATTERY", now, 80)])
    assert (note(long_ago), note(long_ago)) == (1, 0)
    # Three intervals of two minutes are over; a device is given ten minutes at least.
    heard(9)
    assert note(long_ago) == 0
    heard(11)
    # While the doors were shut nobody could hear it.
    assert note(now - timedelta(minutes=3)) == 0
    assert (note(long_ago), note(long_ago)) == (1, 0)
    ((since,),) = _ask(connection, "SELECT since FROM ioc.device_presence WHERE NOT online")
    assert since == now - timedelta(minutes=11)
    assert note(now) == 0
    intake.take([Reading(code, "LEVEL", now + timedelta(seconds=1), 1.1)])
    assert note(long_ago) == 1
    intake.close()
    assert _ask(connection, TOLD) == [(code, "online"), (code, "offline"), (code, "online")]
    # Whoever does not see the device does not see how it is.
    assert _ask(connection, "SELECT relrowsecurity FROM pg_class WHERE relname = 'device_presence'") == [
        (True,)
    ]


@pytest.mark.parametrize(
    ("late_by", "behind"),
    [
        ([720 + second for second in (0, 40, 5, 90, 3, 0, 60, 2)], 720),
        ([5 + second for second in (0, 40, 5, 90, 3, 0, 60, 2)], None),
        ([7200 - 540 * n for n in range(8)], None),  # a backlog, the oldest first
        ([3, 3600, 4, 3600, 2, 3600, 5, 4], None),  # held back now and then
        ([400, 405, 410, 402, 401, 404, 400, 403], None),  # of an interval of 120 s, dated by its beginning
        ([720] * 4, None),  # not for an hour yet
    ],
    ids=["slow", "right", "backlog", "gaps", "interval", "short"],
)
def test_a_clock_that_is_behind(
    connection: Connection[Any], demo_store: Store, late_by: list[int], behind: float | None
) -> None:
    code = _drain_and_battery(connection)
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=81)
    intake = Intake(demo_store.app_url)
    intake.take([Reading(code, "LEVEL", begun - timedelta(hours=3), 1.0)])
    intake.close()
    for number, late in enumerate(late_by):
        received = begun + timedelta(minutes=10 * number)
        connection.execute(
            "UPDATE ioc.latest SET received_at = %s, observed_at = %s",
            [received, received - timedelta(seconds=late)],
        )
        connection.execute("SELECT ioc.note_lags()")
        connection.execute("SELECT ioc.note_lags()")
    found = _ask(connection, "SELECT behind_s FROM ioc.device_clocks() WHERE device_code = %s", code)
    assert found == ([] if behind is None else [(behind,)])
