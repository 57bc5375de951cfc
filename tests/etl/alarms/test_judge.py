"""Readings come in through the intake and raise, change and clear alarms; sweeps look back; people act."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import errors

from etl.alarms.judge import AlarmJudge
from etl.alarms.sweep import AlarmSweep
from etl.feeds.intake import Intake
from etl.feeds.reading import Reading
from geodata.store import Store
from geodata.viewer import Viewer, resolve_viewer

NOW = datetime.now(UTC).replace(microsecond=0)
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def at_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests begin long after they were collected."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def intake(demo_store: Store) -> Iterator[Intake]:
    taking = Intake(demo_store.app_url, AlarmJudge())
    yield taking
    taking.close()


@pytest.fixture
def rows(demo_store: Store) -> Rows:
    def ask(query: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with demo_store.owner_connection() as connection:
            return connection.execute(query, parameters).fetchall()

    return ask


def devices(rows: Rows, metric: str) -> list[str]:
    found = rows("SELECT device_code FROM ioc.metric WHERE metric = %s ORDER BY 1", metric)
    return [code for (code,) in found]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def viewer(store: Store, role: str, department: str, area: str = "*") -> Viewer:
    with store.owner_connection() as connection:
        row = connection.execute(
            "INSERT INTO ioc.account (name, display_name, roles, department_code, areas, sensitivity) "
            "VALUES (%s, %s, %s, %s, %s, 2) RETURNING id",
            [f"{role}-{department}-{area}", role, [role], department, [area]],
        ).fetchone()
        assert row is not None
        found = resolve_viewer(connection, row[0])
    assert found is not None
    return found


def test_a_river_rises_over_its_levels_and_falls_again(intake: Intake, rows: Rows) -> None:
    gauge = rows(
        "SELECT d.code, s.guard_level, s.warning_level, s.design_level, s.name FROM ioc.device d "
        "JOIN ioc.station s ON s.code = d.station_code WHERE d.device_type = '水位计' AND s.river = '长江' "
        "ORDER BY 1 LIMIT 1"
    )[0]
    code, guard, warning, design, name = gauge
    assert (guard, warning, design) == (25.0, 27.3, 29.73)

    def report(minutes: float, level: float) -> list[tuple[Any, ...]]:
        intake.take([Reading(code, "Z", at(minutes), level)])
        return rows("SELECT severity, worst, state, value, limit_value, place FROM ioc.alarm ORDER BY id")

    assert report(-9, 24.9) == []
    assert report(-8, 25.1) == [(3, 3, "raised", 25.1, 25.0, name)]
    assert report(-7, 27.4) == [(2, 2, "raised", 27.4, 27.3, name)]
    # Three centimetres of hysteresis: what swings around the limit neither falls nor rises.
    assert report(-6, 27.28) == [(2, 2, "raised", 27.4, 27.3, name)]
    # What comes late is stored and judged no more.
    assert report(-8.5, 30.0) == [(2, 2, "raised", 27.4, 27.3, name)]
    assert report(-5, 27.2) == [(3, 2, "raised", 27.2, 25.0, name)]
    assert report(-4, 24.9) == [(3, 2, "cleared", 24.9, 25.0, name)]
    assert report(-3, 25.0)[1:] == [(3, 3, "raised", 25.0, 25.0, name)]
    steps = rows("SELECT action, severity FROM ioc.alarm_step ORDER BY id")
    assert steps == [("raised", 3), ("rose", 2), ("fell", 3), ("cleared", 3), ("raised", 3)]
    told = rows(
        "SELECT i ->> 'state', (i ->> 'severity')::int FROM ioc.live_event, jsonb_array_elements(items) i "
        "WHERE topic = 'alarm' ORDER BY id"
    )
    assert told == [("raised", 3), ("raised", 2), ("raised", 3), ("cleared", 3), ("raised", 3)]
    assert rows("SELECT count(*) FROM ioc.alarm_watch") == [(1,)]


def test_a_splash_is_no_alarm_and_a_flooded_road_is_one(intake: Intake, rows: Rows) -> None:
    code = devices(rows, "DEPTH")[0]
    intake.take([Reading(code, "DEPTH", at(-9), 20.0), Reading(code, "DEPTH", at(-8.5), 3.0)])
    assert rows("SELECT count(*) FROM ioc.alarm") == [(0,)]
    # In one batch and in two: the minute counts from the first reading.
    intake.take([Reading(code, "DEPTH", at(-8), 20.0)])
    intake.take([Reading(code, "DEPTH", at(-7.5), 30.0), Reading(code, "DEPTH", at(-7), 41.0)])
    assert rows("SELECT severity, value, title_zh FROM ioc.alarm") == [(2, 41.0, "道路积水：积水超 40 cm")]


def test_too_little_oxygen_is_judged_the_other_way_round(intake: Intake, rows: Rows) -> None:
    code = devices(rows, "w01009")[0]
    intake.take([Reading(code, "w01009", at(m), v) for m, v in ((-25, 1.9), (-20, 1.8), (-14, 1.7))])
    assert rows("SELECT rule, severity, value, limit_value FROM ioc.alarm") == [("under_limit", 4, 1.7, 2.0)]


def test_a_restart_keeps_what_was_asked_for(demo_store: Store, rows: Rows) -> None:
    code = devices(rows, "DEPTH")[0]
    for minutes in (-3, -2, -1):
        taking = Intake(demo_store.app_url, AlarmJudge())
        taking.take([Reading(code, "DEPTH", at(minutes), 20.0)])
        taking.close()
    assert rows("SELECT count(*), min(began_at) FROM ioc.alarm") == [(1, at(-2))]


def test_rain_adds_up_over_its_windows(demo_store: Store, intake: Intake, rows: Rows) -> None:
    gauge = devices(rows, "PN05")[0]
    # 40 mm five hours ago and 15 mm in the last hour: 55 in six hours, 15 in three.
    readings = [Reading(gauge, "PN05", at(-300 + 5 * n), 10.0) for n in range(4)]
    readings += [Reading(gauge, "PN05", at(-15 + 5 * n), 5.0) for n in range(3)]
    intake.take(readings)
    sweep = AlarmSweep()
    with demo_store.app_connection() as connection:
        assert sweep.sweep(connection)
    assert rows("SELECT device_code, severity, value FROM ioc.alarm WHERE rule = 'rain'") == [
        (gauge, 3, 55.0)
    ]
    intake.take([Reading(gauge, "PN05", at(0), 36.0)])
    with demo_store.app_connection() as connection:
        assert sweep.sweep(connection)
    assert rows("SELECT severity, value FROM ioc.alarm WHERE rule = 'rain'") == [(2, 51.0)]


def test_a_silent_device_is_missed_after_three_intervals(
    demo_store: Store, intake: Intake, rows: Rows
) -> None:
    heard, silent = devices(rows, "LEVEL")[:2]
    intake.take([Reading(heard, "LEVEL", at(0), 0.1), Reading(silent, "LEVEL", at(-11), 0.1)])
    with demo_store.app_connection() as connection:
        assert AlarmSweep().sweep(connection)
    assert rows("SELECT device_code, rule FROM ioc.alarm") == [(silent, "no_data")]
    intake.take([Reading(silent, "LEVEL", at(0), 0.1)])
    with demo_store.app_connection() as connection:
        assert AlarmSweep().sweep(connection)
    assert rows("SELECT state FROM ioc.alarm") == [("cleared",)]


def test_nobody_is_silent_while_nobody_listens(demo_store: Store, intake: Intake, rows: Rows) -> None:
    code = devices(rows, "LEVEL")[0]
    intake.take([Reading(code, "LEVEL", at(-300), 0.1)])
    sweep = AlarmSweep(listening=at(0))
    with demo_store.app_connection() as connection:
        assert sweep.sweep(connection, at(9.9))
    assert rows("SELECT count(*) FROM ioc.alarm") == [(0,)]
    with demo_store.app_connection() as connection:
        assert sweep.sweep(connection, at(10.1))
    assert rows("SELECT rule, raised_at FROM ioc.alarm") == [("no_data", at(10.1))]


def test_pumps_that_stand_while_the_water_is_high(demo_store: Store, intake: Intake, rows: Rows) -> None:
    code, limit = rows("SELECT device_code, upper_limit FROM ioc.metric WHERE metric = 'PPUPZ' ORDER BY 1")[0]
    sweep = AlarmSweep()

    def swept(minutes: float, level: float, running: float) -> list[tuple[Any, ...]]:
        intake.take([Reading(code, "PPUPZ", NOW, level), Reading(code, "OMCN", NOW, running)])
        with demo_store.app_connection() as connection:
            assert sweep.sweep(connection, at(minutes))
        return rows("SELECT state FROM ioc.alarm WHERE rule = 'pump_standing'")

    assert swept(0, limit + 0.5, 0) == []
    assert swept(4.9, limit + 0.5, 0) == []
    assert swept(5, limit + 0.5, 0) == [("raised",)]


def test_a_storm_is_one_situation_and_ends_when_all_is_quiet(
    demo_store: Store, intake: Intake, rows: Rows
) -> None:
    flooded = devices(rows, "DEPTH")[:4]
    sweep = AlarmSweep()

    def report(codes: list[str], minutes: float, depth: float) -> None:
        intake.take([Reading(code, "DEPTH", at(minutes + m), depth) for code in codes for m in (0, 1)])
        with demo_store.app_connection() as connection:
            assert sweep.sweep(connection)

    report(flooded[:2], -9, 20.0)
    assert rows("SELECT count(*) FROM ioc.situation") == [(0,)]
    report(flooded[2:3], -9, 20.0)
    assert rows("SELECT kind, ended_at FROM ioc.situation") == [("storm", None)]
    report(flooded[3:], -9, 20.0)
    assert rows("SELECT count(*), count(situation_id) FROM ioc.alarm") == [(4, 4)]
    report(flooded, -5, 0.0)
    assert rows("SELECT ended_at FROM ioc.situation") == [(None,)]
    with demo_store.owner_connection() as connection:
        connection.execute("UPDATE ioc.alarm SET cleared_at = cleared_at - interval '61 minutes'")
    with demo_store.app_connection() as connection:
        assert sweep.sweep(connection)
    assert rows("SELECT ended_at IS NULL FROM ioc.situation") == [(False,)]


def test_what_was_measured_before_is_judged_as_of_its_time(demo_store: Store, rows: Rows) -> None:
    moment = at(0)
    intake = Intake(demo_store.app_url, AlarmJudge(clock=lambda: moment))
    sweep = AlarmSweep()
    flooded = devices(rows, "DEPTH")[:3]
    for hours, depth in ((-20, 20.0), (-19, 0.0), (-17.5, 0.0)):
        moment = at(60 * hours)
        intake.take([Reading(code, "DEPTH", at(60 * hours + m), depth) for code in flooded for m in (-5, 0)])
        with demo_store.app_connection() as connection:
            assert sweep.sweep(connection, moment)
    intake.close()
    storm = "SELECT count(*), min(raised_at), max(cleared_at) FROM ioc.alarm WHERE situation_id IS NOT NULL"
    assert rows(storm) == [(3, at(-1200), at(-1140))]
    assert rows("SELECT DISTINCT action, at FROM ioc.alarm_step ORDER BY 2") == [
        ("raised", at(-1200)),
        ("cleared", at(-1140)),
    ]
    assert rows("SELECT began_at, ended_at FROM ioc.situation") == [(at(-1200), at(-1050))]


def test_two_sweeps_do_not_meet(demo_store: Store) -> None:
    with demo_store.app_connection() as one, demo_store.app_connection() as other:
        assert AlarmSweep().sweep(one)
        assert not AlarmSweep().sweep(other)


@pytest.fixture
def flooded(intake: Intake, rows: Rows) -> tuple[str, int, str]:
    """A device with an open alarm: its code, the alarm's id, its area."""
    code = devices(rows, "DEPTH")[0]
    intake.take([Reading(code, "DEPTH", at(m), 20.0) for m in (-3, -2)])
    return code, *rows("SELECT id, area_code FROM ioc.alarm")[0]


ACT = "SELECT ioc.act_on_alarm(%s, %s, %s)"


def test_who_may_act_on_an_alarm(demo_store: Store, flooded: tuple[str, int, str], rows: Rows) -> None:
    _, alarm, area = flooded
    elsewhere = next(code for (code,) in rows("SELECT code FROM ioc.street") if not area.startswith(code))
    with demo_store.connect(viewer(demo_store, "staff", "water", elsewhere)) as connection:
        assert connection.execute(ACT, [alarm, "acknowledged", None]).fetchone() == (None,)
    for who in (viewer(demo_store, "leader", "centre"), viewer(demo_store, "staff", "urban")):
        with pytest.raises(errors.InsufficientPrivilege), demo_store.connect(who) as connection:
            connection.execute(ACT, [alarm, "acknowledged", None])
    with demo_store.connect(viewer(demo_store, "staff", "water", area[:9])) as connection:
        connection.execute(ACT, [alarm, "acknowledged", None])
    duty = viewer(demo_store, "screen", "centre")
    with pytest.raises(errors.ObjectNotInPrerequisiteState), demo_store.connect(duty) as connection:
        connection.execute(ACT, [alarm, "acknowledged", None])
    with pytest.raises(errors.CheckViolation), demo_store.connect(duty) as connection:
        connection.execute(ACT, [alarm, "cleared", None])
    with demo_store.connect(duty) as connection:
        connection.execute(ACT, [alarm, "handling", "抽排中"])
    assert rows("SELECT action, actor, note FROM ioc.alarm_step ORDER BY id") == [
        ("raised", None, None),
        ("acknowledged", "staff", None),
        ("handling", "screen", "抽排中"),
    ]


def test_what_was_cleared_by_hand_comes_again_only_when_it_gets_worse_or_anew(
    demo_store: Store, intake: Intake, flooded: tuple[str, int, str], rows: Rows
) -> None:
    code, alarm, _ = flooded
    with demo_store.connect(viewer(demo_store, "screen", "centre")) as connection:
        connection.execute(ACT, [alarm, "cleared", "误报"])
    intake.take([Reading(code, "DEPTH", at(-1.9), 21.0), Reading(code, "DEPTH", at(-0.8), 22.0)])
    assert rows("SELECT count(*) FROM ioc.alarm") == [(1,)]
    intake.take([Reading(code, "DEPTH", at(-0.7), 28.0), Reading(code, "DEPTH", at(0.4), 28.0)])
    assert rows("SELECT severity, state FROM ioc.alarm ORDER BY id") == [(4, "cleared"), (3, "raised")]


def test_silenced_alarms_are_recorded_and_make_no_situation(
    demo_store: Store, intake: Intake, flooded: tuple[str, int, str], rows: Rows
) -> None:
    silence = "SELECT ioc.open_alarm_silence(%s, %s, NULL, NULL, true, %s, %s, '检修')"
    duty = viewer(demo_store, "screen", "centre")
    with demo_store.connect(duty) as connection:
        made = connection.execute(silence, ["waterlogging", None, at(-60), at(60)]).fetchone()
    assert rows("SELECT silenced FROM ioc.alarm") == [(True,)]
    others = devices(rows, "DEPTH")[1:4]
    intake.take([Reading(code, "DEPTH", at(m), 20.0) for code in others for m in (-3, -2)])
    with demo_store.app_connection() as connection:
        assert AlarmSweep().sweep(connection)
    assert rows("SELECT count(*), bool_and(silenced), count(situation_id) FROM ioc.alarm") == [(4, True, 0)]
    with demo_store.connect(duty) as connection:
        assert made is not None
        assert connection.execute("SELECT ioc.lift_alarm_silence(%s)", [made[0]]).fetchone() == (True,)
    assert rows("SELECT bool_or(silenced) FROM ioc.alarm") == [(False,)]
    stranger = viewer(demo_store, "staff", "urban")
    with pytest.raises(errors.InsufficientPrivilege), demo_store.connect(stranger) as connection:
        connection.execute(silence, [None, flooded[0], at(-60), at(60)])


def test_a_rule_set_otherwise_holds_for_the_next_reading(
    demo_store: Store, intake: Intake, flooded: tuple[str, int, str], rows: Rows
) -> None:
    change = "SELECT ioc.change_alarm_rule('waterlogging', %s, %s, '地势低')"
    one, other = devices(rows, "DEPTH")[1:3]
    with demo_store.connect(viewer(demo_store, "steward", "centre")) as connection:
        connection.execute(change, [one, '{"limits": {"4": 8, "3": null}, "hold_s": 0}'])
    with (
        pytest.raises(errors.InsufficientPrivilege),
        demo_store.connect(viewer(demo_store, "staff", "water")) as connection,
    ):
        connection.execute(change, [one, "{}"])
    intake.take([Reading(code, "DEPTH", at(-1), 9.0) for code in (one, other)])
    found = rows("SELECT device_code, severity, limit_value FROM ioc.alarm WHERE id <> %s", flooded[1])
    assert found == [(one, 4, 8.0)]


def test_alarms_are_seen_with_their_devices_and_history_is_append_only(
    demo_store: Store, flooded: tuple[str, int, str], rows: Rows
) -> None:
    _, _, area = flooded
    elsewhere = next(code for (code,) in rows("SELECT code FROM ioc.street") if not area.startswith(code))
    for who, seen in ((area[:9], 1), (elsewhere, 0)):
        with demo_store.connect(viewer(demo_store, "staff", "water", who)) as connection:
            for table in ("alarm", "alarm_step"):
                row = connection.execute(f"SELECT count(*) FROM ioc.{table}").fetchone()  # noqa: S608
                assert row == (seen,)
    with pytest.raises(errors.InsufficientPrivilege), demo_store.owner_connection() as connection:
        connection.execute("DELETE FROM ioc.alarm_step")
