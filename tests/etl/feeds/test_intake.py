"""Readings and positions into the store: once, at their time, and told to those who may see them."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import Connection

from etl.feeds import intake as intake_module
from etl.feeds.intake import Intake
from etl.feeds.maintenance import KeptDays, maintain
from etl.feeds.reading import Picture, Position, Reading, ReadingBatch
from etl.feeds.reading_aggregate import hour_aggregates
from etl.photo import read_photo
from geodata.store import Store
from tests.etl.test_photo import JPEG, PNG

NOW = datetime.now(UTC).replace(microsecond=0)


class Noting:
    """A judge that keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, bool]] = []

    def judge(self, connection: Connection[Any], batch: ReadingBatch) -> None:
        connection.execute("SELECT 1")
        for series, value, newest in zip(batch.series, batch.value, batch.newest, strict=True):
            self.seen.append((batch.known[int(series)].metric, float(value), bool(newest)))


@pytest.fixture(autouse=True)
def at_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests begin long after they were collected."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def judge() -> Noting:
    return Noting()


@pytest.fixture
def intake(demo_store: Store, judge: Noting) -> Iterator[Intake]:
    taking = Intake(demo_store.app_url, judge)
    yield taking
    taking.close()


@pytest.fixture
def device(demo_store: Store) -> str:
    """The code of a device of the demo district."""
    with demo_store.owner_connection() as connection:
        row = connection.execute("SELECT min(code) FROM ioc.device WHERE device_type = '水位计'").fetchone()
    assert row is not None
    return row[0]


Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def rows(demo_store: Store) -> Rows:
    def ask(query: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with demo_store.owner_connection() as connection:
            return connection.execute(query, parameters).fetchall()

    return ask


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_readings_are_kept_once_and_the_newest_is_the_latest(
    intake: Intake, judge: Noting, device: str, rows: Rows
) -> None:
    first = [Reading(device, "Z", at(-3), 20.0), Reading(device, "Z", at(-1), 22.0)]
    assert intake.take(first, source="sl651").stored == 2
    late = [Reading(device, "Z", at(-2), 25.0), Reading(device, "Z", at(-1), 99.0), first[0], first[0]]
    receipt = intake.take(late, source="sl651")
    assert (receipt.stored, receipt.duplicates, receipt.refused) == (1, 3, [])
    assert rows("SELECT observed_at, value FROM ioc.observation ORDER BY 1") == [
        (at(-3), 20.0),
        (at(-2), 25.0),
        (at(-1), 22.0),
    ]
    assert rows("SELECT observed_at, value, trend FROM ioc.latest") == [(at(-1), 22.0, 0)]
    assert judge.seen == [("Z", 20.0, False), ("Z", 22.0, True), ("Z", 25.0, False)]
    told = rows(
        "SELECT i ->> 'device', (i ->> 'value')::float, i -> 'r' "
        "FROM ioc.live_event, jsonb_array_elements(items) i"
    )
    right = rows(
        "SELECT jsonb_build_array(dataset_id, sensitivity, area_code) FROM ioc.device WHERE code = %s", device
    )
    assert told == [(device, 22.0, right[0][0])]
    assert intake.take([Reading(device, "Z", at(0), 21.0)]).stored == 1
    assert rows("SELECT trend FROM ioc.latest") == [(-1,)]


def test_aggregates_of_hours_and_days_grow_with_late_readings(
    intake: Intake, device: str, rows: Rows
) -> None:
    hour = (NOW - timedelta(days=1)).replace(minute=0, second=0)
    times = [hour + timedelta(minutes=m) for m in (5, 15, 25, 65)]
    intake.take([Reading(device, "Z", t, v) for t, v in zip(times, (3.0, 9.0, 9.0, 1.0), strict=True)])
    late = [
        Reading(device, "Z", hour + timedelta(minutes=m), v) for m, v in ((1, 3.0), (55, 2.0), (56, None))
    ]
    intake.take(late)
    found = rows(
        "SELECT hour, n, minimum, minimum_at, maximum, maximum_at, sum, last "
        "FROM ioc.observation_hour ORDER BY 1"
    )
    assert found == [
        (hour, 5, 2.0, hour + timedelta(minutes=55), 9.0, times[1], 26.0, 2.0),
        (hour + timedelta(hours=1), 1, 1.0, times[3], 1.0, times[3], 1.0, 1.0),
    ]
    days = rows("SELECT day, n, minimum, maximum, sum FROM ioc.observation_day ORDER BY 1")
    local = {(t + timedelta(hours=8)).date() for t in times}
    assert {day for day, *_ in days} == local
    assert sum(n for _, n, *_ in days) == 6
    assert rows("SELECT count(*) FROM ioc.observation WHERE value IS NULL") == [(1,)]


def test_what_cannot_be_a_reading_is_refused_with_its_row(intake: Intake, device: str, rows: Rows) -> None:
    given = [
        Reading(device, "Z", at(-1), float("nan")),
        Reading(device, "Z", at(-2), 20.0),
        Reading(device, "Z", at(-3), 1e300),
        Reading(device, "", at(-4), 20.0),
        Reading(device, "Z", NOW - timedelta(days=9000), 20.0),
        Reading(device, "Z", NOW + timedelta(days=9000), 20.0),
        Reading("a\0b", "Z", at(-4), 20.0),
    ]
    receipt = intake.take(given)
    assert receipt.stored == 1
    assert [one.row for one in receipt.refused] == [0, 2, 3, 4, 5, 6]
    assert all(one.zh and one.en and one.kind == "reading" for one in receipt.refused)
    assert rows("SELECT value FROM ioc.observation") == [(20.0,)]


def test_readings_of_the_future_are_marked_and_never_the_latest(
    intake: Intake, judge: Noting, device: str, rows: Rows
) -> None:
    intake.take([Reading(device, "Z", at(60), 50.0), Reading(device, "Z", at(-1), 20.0)])
    assert rows("SELECT quality FROM ioc.observation ORDER BY observed_at") == [("",), ("clock",)]
    assert rows("SELECT value FROM ioc.latest") == [(20.0,)]
    assert judge.seen == [("Z", 20.0, True)]
    [(code, ahead)] = rows("SELECT device_code, ahead_s FROM ioc.device_clock")
    assert code == device
    assert 3500 < ahead < 3601


def test_an_unknown_device_waits_and_loses_nothing(
    intake: Intake, judge: Noting, device: str, rows: Rows, demo_store: Store
) -> None:
    receipt = intake.take(
        [Reading("4711", "Z", at(-1), 3.5), Reading(device, "Z", at(-1), 1.0)], source="sl651"
    )
    assert (receipt.stored, receipt.waiting) == (2, 1)
    receipt = intake.take(
        [Reading("4711", "Z", at(0), 3.6)], [Position("4711", at(0), 114.3, 30.5, plate="鄂A1")], "sl651"
    )
    assert (receipt.stored, receipt.waiting) == (2, 2)
    [(state, protocol, readings, positions, payload)] = rows(
        "SELECT state, protocol, readings, positions, last_payload FROM ioc.waiting_device"
    )
    assert (state, protocol, readings, positions) == ("waiting", "sl651", 2, 1)
    assert payload["Z"]["value"] == 3.6
    assert (payload["position"]["lon"], payload["plate"]["value"]) == (114.3, "鄂A1")
    assert [metric for metric, *_ in judge.seen] == ["Z"]
    topics = rows("SELECT topic, items -> 0 ->> 'device' FROM ioc.live_event ORDER BY id")
    assert topics == [("device", "4711"), ("reading", device)]
    with demo_store.owner_connection() as connection:
        connection.execute("UPDATE ioc.waiting_device SET state = 'refused', decided_at = now()")
    refused = intake.take([Reading("4711", "Z", at(0.1), 3.6)]).refused
    assert [one.row for one in refused] == [0]


def test_positions_come_to_cgcs2000_by_the_devices_flag(
    intake: Intake, rows: Rows, demo_store: Store
) -> None:
    with demo_store.owner_connection() as connection:
        row = connection.execute(
            "SELECT array_agg(code ORDER BY code) FROM ioc.device WHERE device_type = '水位计'"
        ).fetchone()
        assert row is not None
        right, shifted = row[0][:2]
        connection.execute("UPDATE ioc.device SET position_frame = 'GCJ-02' WHERE code = %s", [shifted])
        connection.execute("UPDATE ioc.dataset SET revision = revision + 1 WHERE code = 'device'")
    # Tiananmen, as gcj_vectors of the standards pair it: WGS84 116.391349, 39.907375.
    given = [
        Position(right, at(-1), 116.391349, 39.907375, 30, 90),
        Position(shifted, at(-1), 116.39759036, 39.90877628, 30, 90),
        Position(right, at(-2), 116.39759036, 39.90877628, frame="GCJ-02"),
        Position(right, at(-3), 0, 0),
    ]
    receipt = intake.take([], given, "jt808")
    assert (receipt.stored, [one.row for one in receipt.refused]) == (3, [3])
    found = np.array(rows("SELECT lon, lat FROM ioc.vehicle_position"))
    assert found == pytest.approx(np.tile([116.391349, 39.907375], (3, 1)), abs=2e-6)
    assert rows("SELECT count(*) FROM ioc.latest_position WHERE observed_at = %s", at(-1)) == [(2,)]
    [(vehicle, speed)] = rows(
        "SELECT i ->> 'vehicle', (i ->> 'speed')::float FROM ioc.live_event, jsonb_array_elements(items) i "
        "WHERE i ->> 'vehicle' = %s",
        right,
    )
    assert (vehicle, speed) == (right, 30.0)


def test_a_judge_that_fails_costs_no_reading(demo_store: Store, device: str, rows: Rows) -> None:
    class Failing:
        def judge(self, connection: Connection[Any], batch: ReadingBatch) -> None:
            connection.execute("SELECT 1 / 0 + %s", [len(batch.value)])

    taking = Intake(demo_store.app_url, Failing())
    assert taking.take([Reading(device, "Z", at(-1), 1.0)]).stored == 1
    taking.close()
    assert rows("SELECT value FROM ioc.observation") == [(1.0,)]


def test_aggregates_agree_with_a_loop() -> None:
    random = np.random.default_rng(1)
    series = np.sort(random.integers(0, 5, 500)).astype(np.int32)
    times = np.datetime64("2026-01-01T00:00", "us") + np.arange(500) * np.timedelta64(97, "s")
    value = random.integers(0, 9, 500).astype(float)
    found = hour_aggregates(series, times, value)
    expected = []
    for number in np.unique(series):
        for hour in np.unique(times[series == number].astype("datetime64[h]")):
            inside = np.flatnonzero((series == number) & (times.astype("datetime64[h]") == hour))
            part = value[inside]
            expected.append(
                (
                    part.min(),
                    part.max(),
                    times[inside][part.argmin()],
                    times[inside][part.argmax()],
                    len(part),
                    part[-1],
                )
            )
    columns = (found.minimum, found.maximum, found.minimum_at, found.maximum_at, found.n, found.last)
    assert list(zip(*columns, strict=True)) == expected


def test_a_flood_sheds_positions_and_says_so_and_readings_wait(
    intake: Intake, device: str, rows: Rows, demo_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MOST_READINGS", 100)
    monkeypatch.setattr(intake_module, "MOST_POSITIONS", 100)
    monkeypatch.setattr(intake_module, "CALM_SECONDS", 0.0)
    intake.take([Reading(device, "Z", at(-2000), 1.0)])
    readings = [[Reading(device, "Z", at(-10 * n - m / 10), 1.0) for m in range(50)] for n in range(20)]
    positions = [[Position(device, at(-n - m / 100), 114.3, 30.5) for m in range(50)] for n in range(20)]
    with ThreadPoolExecutor(20) as senders, demo_store.owner_connection() as holding:
        holding.execute("LOCK TABLE ioc.observation, ioc.vehicle_position IN EXCLUSIVE MODE")
        shed = [intake.submit([], one) for one in positions]
        held = [senders.submit(intake.take, one) for one in readings]
        assert sum(one.done() for one in shed) >= 15
        holding.rollback()
        assert [one.result().stored for one in held] == [50] * 20
        moved = [one.result() for one in shed]
    assert rows("SELECT count(*) FROM ioc.observation") == [(1001,)]
    assert sum(one.stored for one in moved) + sum(one.shed for one in moved) == 1000
    assert rows("SELECT count(*) FROM ioc.vehicle_position") == [(sum(one.stored for one in moved),)]
    intake.take([Reading(device, "Z", at(-2001), 1.0)])
    told = rows(
        "SELECT i ->> 'state', (i ->> 'shed')::int FROM ioc.live_event, jsonb_array_elements(items) i "
        "WHERE topic = 'device' ORDER BY id"
    )
    assert told == [("shedding", None), ("normal", sum(one.shed for one in moved))]


def test_positions_are_shed_while_all_that_is_handed_in_is_stored_late(
    intake: Intake, device: str, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(minutes: float) -> int:
        return intake.take([], [Position(device, at(minutes), 114.3, 30.5)]).stored

    monkeypatch.setattr(intake_module, "LATE_SECONDS", 0.0)
    monkeypatch.setattr(intake_module, "LATE_FOR_SECONDS", 0.0)
    assert intake.take([Reading(device, "Z", at(-9), 1.0)]).stored == 1
    assert [moved(-9), moved(-8)] == [0, 0]
    assert intake.take([Reading(device, "Z", at(-8), 1.0)]).stored == 1
    monkeypatch.setattr(intake_module, "LATE_SECONDS", 60.0)
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + intake_module.CALM_SECONDS)
    monkeypatch.setattr(intake_module, "time", later)
    assert intake.take([Reading(device, "Z", at(-7), 1.0)]).stored == 1
    assert [moved(-7), moved(-6)] == [1, 1]
    told = rows(
        "SELECT i ->> 'state', i ->> 'shed' FROM ioc.live_event, jsonb_array_elements(items) i "
        "WHERE topic = 'device' ORDER BY id"
    )
    assert told == [("shedding", None), ("normal", "2")]


def test_who_listens_and_never_reads_holds_nothing_up(
    intake: Intake, device: str, demo_store: Store, rows: Rows
) -> None:
    with psycopg.connect(demo_store.app_url, autocommit=True) as stuck:
        stuck.execute("LISTEN ioc_live")
        with stuck.transaction():
            stuck.execute("SELECT txid_current()")
            for minute in range(100):
                intake.take([Reading(device, "Z", at(minute - 200), float(minute))])
            assert rows("SELECT count(*) FROM ioc.live_event") == [(100,)]


PICTURES = """
    SELECT taken_at, media_type, width FROM ioc.device_picture WHERE device_code = %s ORDER BY 1
"""


def test_pictures_are_kept_once_told_and_the_newest_for_good(
    intake: Intake, device: str, demo_store: Store, rows: Rows
) -> None:
    jpeg, png = read_photo(JPEG), read_photo(PNG)
    given = [Picture(device, at(-2), jpeg), Picture(device, at(-1), png), Picture(device, at(-2), png)]
    receipt = intake.submit((), (), "sl651", given).result()
    assert (receipt.stored, receipt.duplicates, receipt.waiting) == (2, 1, 0)
    ahead = intake.submit((), (), "sl651", [Picture(device, at(60), jpeg)]).result()
    assert [(one.kind, one.row) for one in ahead.refused] == [("picture", 0)]
    assert rows(PICTURES, device) == [(at(-2), "image/jpeg", 640), (at(-1), "image/png", 1)]
    told = rows("SELECT i ->> 'at' FROM ioc.live_event, jsonb_array_elements(items) i WHERE topic = 'device'")
    assert [datetime.fromisoformat(moment) for (moment,) in told] == [at(-2), at(-1)]
    heard = rows("SELECT heard_at IS NOT NULL FROM ioc.devices_heard() WHERE device_code = %s", device)
    assert heard == [(True,)]

    # Of a device that nobody has accepted only the newest stays; it waits as if it had sent readings.
    unknown = [Picture("camera-1", at(-2), jpeg), Picture("camera-1", at(-1), jpeg)]
    assert intake.submit((), (), "http:cameras", unknown).result().waiting == 2
    assert rows(PICTURES, "camera-1") == [(at(-1), "image/jpeg", 640)]
    assert rows("SELECT code FROM ioc.waiting_device") == [("camera-1",)]

    with psycopg.connect(demo_store.owner_url, autocommit=True) as connection:
        maintain(connection, KeptDays(400, 400, 400, pictures=30), NOW + timedelta(days=31))
    assert rows(PICTURES, device) == [(at(-1), "image/png", 1)]


def test_maintenance_makes_days_removes_old_ones_and_draws_tracks(
    intake: Intake, device: str, rows: Rows, demo_store: Store
) -> None:
    kept = KeptDays(readings=10, hours=40, positions=1, pictures=2)
    old = NOW - timedelta(days=11)
    hour = (NOW - timedelta(hours=2)).replace(minute=0)
    intake.take([Reading(device, "Z", old - timedelta(days=1), 1.0), Reading(device, "Z", old, 2.0)])
    # A hundred metres north in four steps, a little crooked; a second late.
    steps = [(114.3, 30.5), (114.300001, 30.5003), (114.3, 30.5006), (114.3, 30.5009)]
    given = [Position(device, hour + timedelta(minutes=n), *step) for n, step in enumerate(steps)]
    intake.take([], given[:3])
    with psycopg.connect(demo_store.owner_url, autocommit=True) as connection:
        done = maintain(connection, kept, NOW)
        assert done.tracks == 1
        past = f"{old - timedelta(days=1):%Y%m%d}"
        assert [name for name in done.removed if name.startswith("observation")] == [f"observation_{past}"]
        intake.take([], given[3:])
        done = maintain(connection, kept, NOW)
        assert (done.tracks, done.removed) == (1, [])
    assert rows("SELECT value FROM ioc.observation") == [(2.0,)]
    [(n, length, points)] = rows("SELECT n, length_m, ST_NPoints(geom) FROM ioc.vehicle_track")
    # A degree of latitude is 110,860 m here.
    assert (n, points) == (4, 2)
    assert length == pytest.approx(0.0009 * 110_860, rel=0.005)
    ahead = rows(
        "SELECT to_regclass(%s) IS NOT NULL", f"reading.observation_{NOW + timedelta(days=3):%Y%m%d}"
    )
    assert ahead == [(True,)]
