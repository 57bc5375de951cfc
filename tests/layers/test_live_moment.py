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
from layers.live.timeline import NoSuchTimeError, Span, past, span_of, timeline

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
        found = await Topics(opened).items(viewer, [topic], "", at(minutes))
        await opened.close()
        return found

    return json.loads(asyncio.run(read())[0])


def slots(store: Store, viewer: Viewer, span: Span) -> dict[int, list[Any]]:
    """The slots of a timeline in which anything happened, by their number."""

    async def read() -> dict[str, Any]:
        opened = Store(store.app_url, store.owner_url)
        found = await timeline(opened, viewer, span)
        await opened.close()
        return found

    found = asyncio.run(read())
    assert found["kept"]["reading"] < NOW.isoformat()
    assert len(found["slots"]) == (span.end - span.begin) / span.step
    return {number: slot for number, slot in enumerate(found["slots"]) if slot != [None, 0, 0]}


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
    assert then("reading", -29, "device", "value", "trend") == [(gauge, 20.0, 0)]
    assert then("reading", -9, "device", "value", "unit", "trend") == [(gauge, 22.0, "m", 1)]
    [silent] = state(demo_store, everybody, "reading", 51)
    assert (silent["value"], "trend" in silent) == (22.0, False)
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


def test_a_timeline_shows_when_it_rained_and_alarms_were_open(demo_store: Store, gauge: str) -> None:
    everybody, nobody = account(demo_store, "everybody", ["*"]), account(demo_store, "no area", [])
    with demo_store.owner_connection() as connection:
        row = connection.execute("SELECT min(code) FROM ioc.device WHERE device_type = '雨量计'").fetchone()
        assert row is not None
        connection.execute(OPEN_ALARM, {"raised": at(-40), "cleared": at(-5)})
    intake = Intake(demo_store.app_url)
    rain = ((row[0], -60, 3.0), (gauge, -60, 4.5), (gauge, -61, 0.0), (row[0], -20, 2.0))
    intake.take([Reading(device, "PN05", at(minutes), depth) for device, minutes, depth in rain])
    intake.close()

    span = span_of(at(-300), at(0))

    def slot(minutes: float) -> int:
        return (at(minutes) - span.begin) // span.step

    expected = {number: [None, 1, 0] for number in range(slot(-40), slot(-5) + 1)}
    expected[slot(-40)][2] = 1
    expected |= {slot(-60): [4.5, 0, 0], slot(-20): [2.0, 1, 0]}
    expected |= {} if slot(-61) == slot(-60) else {slot(-61): [0.0, 0, 0]}
    assert slots(demo_store, everybody, span) == expected
    assert slots(demo_store, nobody, span) == {}

    days = span_of(at(-72 * 60), at(0))
    assert days.step == timedelta(hours=1)
    fallen = [slot[0] for slot in slots(demo_store, everybody, days).values() if slot[0]]
    # An hour's rain is of one gauge, the wettest: of two hours 4.5 and 2.0, of one 3.0 + 2.0.
    assert sum(fallen) == (5.0 if at(-60).hour == at(-20).hour else 6.5)

    for begin, end in ((0, 0), (10, 0), (-60 * 24 * 101, 0)):
        with pytest.raises(NoSuchTimeError):
            span_of(at(begin), at(end))
    for moment in (at(60 * 24), datetime(1999, 12, 31, tzinfo=UTC)):
        with pytest.raises(NoSuchTimeError):
            past(moment)
