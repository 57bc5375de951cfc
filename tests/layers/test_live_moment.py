"""The state of topics at an earlier moment: what was reported, raised or filed by then, and open."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.feeds.intake import Intake
from etl.feeds.reading import Position, Reading
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer
from layers.live.snapshot import Topics

NOW = datetime.now(UTC).replace(microsecond=0)
OPEN_ALARM = """
    INSERT INTO ioc.alarm (rule, series_id, device_code, metric, place, title_zh, title_en, severity, worst,
        state, value, began_at, raised_at, cleared_at, silenced, dataset_id, sensitivity, area_code)
    SELECT 'river', s.id, d.code, 'Z', 'lake', '超警戒', 'high', 2, 2, 'cleared', 27.5, %(raised)s,
        %(raised)s, %(cleared)s, false, d.dataset_id, d.sensitivity, d.area_code
    FROM ioc.series s JOIN ioc.device d ON d.code = s.device_code WHERE s.metric = 'Z' RETURNING id
"""
CASE = """
    INSERT INTO ioc.case_file (dataset_id, code, source, channel, matter_code, title, sensitivity, state,
        version, reported_at, ended_at)
    SELECT id, 'C1', 'test', 'public', '01010000000', 'flooded', 3, 'closed', 3, %(reported)s, %(ended)s
    FROM ioc.dataset WHERE code = 'case_file' RETURNING id
"""


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def account(store: Store, name: str, areas: list[str]) -> Viewer:
    with store.owner_connection() as connection:
        row = connection.execute(
            "INSERT INTO ioc.account (name, display_name, roles, areas, sensitivity) "
            "VALUES (%s, %s, '{screen}', %s, 3) RETURNING id",
            [name, name, areas],
        ).fetchone()
        assert row is not None
        found = resolve_viewer(connection, row[0])
    assert found is not None
    return found


def state(store: Store, viewer: Viewer, topic: str, minutes: float) -> list[dict[str, Any]]:
    async def read() -> list[str]:
        opened = Store(store.app_url, store.owner_url)
        found = await Topics().items(opened, viewer, [topic], "", at(minutes))
        await opened.close()
        return found

    return json.loads(asyncio.run(read())[0])


@pytest.fixture
def gauge(demo_store: Store) -> str:
    """A water level gauge that has reported twice."""
    with demo_store.owner_connection() as connection:
        row = connection.execute("SELECT min(code) FROM ioc.device WHERE device_type = '水位计'").fetchone()
    assert row is not None
    intake = Intake(demo_store.app_url)
    intake.take([Reading(row[0], "Z", at(-30), 20.0), Reading(row[0], "Z", at(-10), 22.0)])
    intake.take([], [Position(row[0], at(-30), 114.3, 30.5), Position(row[0], at(-10), 114.4, 30.5)])
    intake.close()
    return row[0]


def test_each_topic_is_as_it_was(demo_store: Store, gauge: str) -> None:
    everybody, nobody = account(demo_store, "all", ["*"]), account(demo_store, "none", [])
    with demo_store.owner_connection() as connection:
        alarm = connection.execute(OPEN_ALARM, {"raised": at(-40), "cleared": at(-5)}).fetchone()
        case = connection.execute(CASE, {"reported": at(-50), "ended": at(-3)}).fetchone()
        assert alarm is not None
        assert case is not None
        for minutes, action, severity in ((-40, "raised", 3), (-25, "rose", 2), (-20, "acknowledged", 2)):
            connection.execute(
                "INSERT INTO ioc.alarm_step (alarm_id, at, action, severity) VALUES (%s, %s, %s, %s)",
                [alarm[0], at(minutes), action, severity],
            )
        steps = ((1, -50, "reported", None), (2, -20, "pending_handle", at(-15)), (3, -3, "closed", at(-15)))
        for number, minutes, reached, deadline in steps:
            connection.execute(
                "INSERT INTO ioc.case_step (case_id, number, action, to_state, at, actor, deadline) "
                "VALUES (%s, %s, 'move', %s, %s, 'test', %s)",
                [case[0], number, reached, at(minutes), deadline],
            )

    def then(topic: str, minutes: float, *fields: str) -> list[tuple[Any, ...]]:
        assert state(demo_store, nobody, topic, minutes) == []
        return [
            tuple(item[field] for field in fields) for item in state(demo_store, everybody, topic, minutes)
        ]

    assert then("reading", -31, "device", "value") == []
    assert then("reading", -29, "device", "value") == [(gauge, 20.0)]
    assert then("reading", -9, "device", "value", "unit") == [(gauge, 22.0, "m")]
    assert then("position", -29, "vehicle", "lon") == [(gauge, 114.3)]
    assert then("position", -9, "vehicle", "lon") == [(gauge, 114.4)]
    assert then("alarm", -41, "id") == []
    assert then("alarm", -39, "state", "severity") == [("raised", 3)]
    assert then("alarm", -22, "state", "severity") == [("raised", 2)]
    assert then("alarm", -6, "state", "severity", "cleared_at") == [("acknowledged", 2, None)]
    assert then("alarm", -4, "id") == []
    assert then("case", -51, "code") == []
    assert then("case", -49, "state", "overdue", "deadline") == [("reported", False, None)]
    assert then("case", -16, "state", "overdue") == [("pending_handle", False)]
    assert then("case", -14, "state", "overdue", "open") == [("pending_handle", True, True)]
    assert then("case", -2, "code") == []
    assert then("situation", -9, "id") == []
