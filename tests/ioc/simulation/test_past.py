"""The demo's past: a storm of yesterday, judged as of its time, and told to nobody."""

from datetime import UTC, datetime, timedelta

from geodata.store import Store
from ioc.simulation.past import ensure_demo_past
from ioc.simulation.roster import read_devices
from ioc.simulation.scenario import scenario


def test_yesterday_had_its_storm_once(demo_store: Store) -> None:
    devices = read_devices(demo_store, "EPSG:4547")
    now = datetime.now(UTC)
    with demo_store.owner_connection() as connection:
        told = connection.execute("SELECT count(*) FROM ioc.live_event").fetchone()
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
    assert readings is not None
    assert readings[0] == kept > 0
    assert now - timedelta(minutes=10) < readings[1] <= datetime.now(UTC)
    [(began, ended, alarms, cleared)] = storms
    # The storm starts 24 h 45 min before the demo, and rains for 110 minutes.
    assert timedelta(hours=22) < now - began < timedelta(hours=24, minutes=45)
    assert ended < now
    assert alarms == cleared > 0
    assert not others
