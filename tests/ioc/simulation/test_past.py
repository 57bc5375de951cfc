"""The demo's past: a storm of yesterday, judged as of its time, and told to nobody."""

from datetime import UTC, datetime, timedelta

from geodata.store import Store
from ioc.simulation.past import ensure_demo_past
from ioc.simulation.roster import read_devices
from ioc.simulation.scenario import scenario
from ioc.simulation.year import ensure_demo_year


def test_yesterday_had_its_storm_once(demo_store: Store) -> None:
    devices = read_devices(demo_store, "EPSG:4547")
    now = datetime.now(UTC)
    with demo_store.owner_connection() as connection:
        told = connection.execute("SELECT count(*) FROM ioc.live_event").fetchone()
    before = now - timedelta(hours=36)
    assert ensure_demo_year(demo_store, devices, 7, timedelta(hours=36)) > 10_000
    assert ensure_demo_year(demo_store, devices, 7, timedelta(hours=36)) == 0
    kept = ensure_demo_past(demo_store, devices, scenario("storm"), None, 7)
    assert ensure_demo_past(demo_store, devices, scenario("storm"), None, 7) == 0
    with demo_store.owner_connection() as connection:
        readings = connection.execute("SELECT count(*), max(observed_at) FROM ioc.observation").fetchone()
        storms = connection.execute(
            "SELECT s.began_at, s.ended_at, count(*), count(a.cleared_at) FROM ioc.situation s "
            "JOIN ioc.alarm a ON a.situation_id = s.id WHERE s.kind = 'storm' AND s.ended_at IS NOT NULL "
            "GROUP BY s.id"
        ).fetchall()
        others = connection.execute("SELECT 1 FROM ioc.situation WHERE kind <> 'storm'").fetchall()
        assert connection.execute("SELECT count(*) FROM ioc.live_event").fetchone() == told
        # The year before it: over the warning level in July, metres lower in winter, dry before it ends, and
        # it ends where the past begins; nobody invents readings for it.
        river = connection.execute(
            "SELECT extract(month FROM h.hour AT TIME ZONE 'Asia/Shanghai')::int, "
            "max(h.maximum - t.warning_level), avg(h.sum / h.n - t.warning_level) "
            "FROM ioc.observation_hour h JOIN ioc.series s ON s.id = h.series_id "
            "JOIN ioc.device d ON d.code = s.device_code JOIN ioc.station t ON t.code = d.station_code "
            "WHERE s.metric = 'Z' AND t.river = '长江' AND h.hour < %s GROUP BY 1 ORDER BY 1",
            [before],
        ).fetchall()
        rain = connection.execute(
            "SELECT sum(h.sum) FILTER (WHERE extract(month FROM h.hour) IN (6, 7)) / count(DISTINCT s.id), "
            "sum(h.sum) FILTER (WHERE extract(month FROM h.hour) IN (12, 1)) / count(DISTINCT s.id) "
            "FROM ioc.observation_hour h JOIN ioc.series s ON s.id = h.series_id "
            "WHERE s.metric = 'PN05' AND h.hour < %s",
            [before],
        ).fetchone()
        steps = connection.execute(
            "SELECT max(abs(x.first - x.last)) FROM (SELECT "
            "(array_agg(h.last ORDER BY h.hour DESC) FILTER (WHERE h.hour < %(before)s))[1] AS last, "
            "(array_agg(h.last ORDER BY h.hour) FILTER (WHERE h.hour >= %(before)s))[1] AS first "
            "FROM ioc.observation_hour h JOIN ioc.series s ON s.id = h.series_id WHERE s.metric = 'Z' "
            "GROUP BY s.id) AS x",
            {"before": before},
        ).fetchone()
        invented = connection.execute(
            "SELECT count(*) FROM ioc.observation WHERE observed_at < %s", [before - timedelta(hours=1)]
        ).fetchone()
    assert [month for month, *_ in river] == list(range(1, 13))
    assert 0 < river[6][1] < 2
    assert river[0][2] < river[6][2] - 6
    assert rain is not None
    assert steps is not None
    assert 250 < rain[0] < 800 > 5 * rain[1]
    assert steps[0] < 0.1
    assert invented == (0,)
    assert readings is not None
    assert readings[0] == kept > 0
    assert now - timedelta(minutes=10) < readings[1] <= datetime.now(UTC)
    [(began, ended, alarms, cleared)] = storms
    # The storm starts 24 h 45 min before the demo, and rains for 110 minutes.
    assert timedelta(hours=22) < now - began < timedelta(hours=24, minutes=45)
    assert ended < now
    assert alarms == cleared > 0
    assert not others
