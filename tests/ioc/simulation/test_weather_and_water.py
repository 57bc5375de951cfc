"""The simulated district behaves as water does, and on a calm day nothing cries wolf."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geodata.errors import UserError
from ioc.simulation import district as kinds
from ioc.simulation.district import District
from ioc.simulation.fleet import Fleet
from ioc.simulation.roster import Devices
from ioc.simulation.scenario import scenario
from ioc.simulation.water import Drains, Levels, Pumps

PLACES = np.array([[530_000.0, 3_380_000.0], [532_000.0, 3_381_000.0], [534_000.0, 3_379_000.0]])
STEP = 10.0


def devices(limit: float = np.nan, guard: float = np.nan, rounds: int = 1) -> Devices:
    """Three devices, or as many times three at the same places."""
    count = 3 * rounds
    values = np.full(count, limit), np.full(count, guard)
    return Devices(
        [f"d{n}" for n in range(count)], np.tile(PLACES, (rounds, 1)), *values, np.arange(count) == 0
    )


def all_devices() -> dict[str, Devices]:
    limits = {kinds.MANHOLES: 1.6, kinds.PUMPS: 20.0}
    names = (kinds.GAUGES, kinds.ROADS, kinds.MANHOLES, kinds.PUMPS, kinds.GAS, kinds.COVERS)
    found = {kind: devices(limits.get(kind, np.nan)) for kind in (*names, kinds.AIR, kinds.QUALITY)}
    return found | {kinds.LEVELS: devices(guard=25.0), kinds.ROADS: devices(rounds=20)}


def test_a_storm_brings_its_rain_once_in_each_round() -> None:
    storm = scenario("storm")
    centre = PLACES.mean(axis=0)
    begin = storm.begins_min * 60
    end = begin + storm.rain_min * 60
    steps = np.arange(begin, end, 60.0)
    fallen = sum((storm.rain(t, t + 60, PLACES, centre) for t in steps), np.zeros(3))
    assert (fallen > 0.6 * storm.rain_mm).all()
    assert (fallen < 1.1 * storm.rain_mm).all()
    assert not storm.rain(begin - 3600, begin - 1, PLACES, centre).any()
    assert not storm.rain(end + 1, end + 3600, PLACES, centre).any()
    again = storm.every_min * 60
    assert storm.rain(begin + again + 60, begin + again + 120, PLACES, centre).all()


@given(st.floats(0, 110), st.floats(0, 110))
def test_rain_only_ever_adds(one: float, other: float) -> None:
    storm = scenario("storm")
    first, second = sorted((one, other))
    assert 0 <= storm.share(first) <= storm.share(second) <= 1
    assert (storm.share(0), storm.share(storm.rain_min)) == (0, 1)


def test_the_heaviest_rain_falls_at_the_peak() -> None:
    storm = scenario("storm")
    minutes = np.arange(0, storm.rain_min)
    falls = [storm.share(m + 1) - storm.share(m) for m in minutes]
    assert abs(int(np.argmax(falls)) - storm.peak * storm.rain_min) <= 1


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200))
def test_drains_hold_what_they_can_and_no_water_comes_from_nowhere(rain: list[float]) -> None:
    drains = Drains(np.array([0.5, 1.5]), np.array([1.0, 1.0]))
    before = drains.stored.copy()
    for fall in rain:
        drains.step(np.full(2, fall), STEP)
        assert (drains.stored <= before + sum(rain)).all()
        assert ((drains.filling >= 0) & (drains.filling <= 1)).all()
        # Water stands on the road only above a full drain.
        assert (drains.filling[drains.on_road > 0] == 1).all()
    assert drains.on_road[0] >= drains.on_road[1]


def test_pumps_start_at_high_water_and_a_broken_one_does_not() -> None:
    pumps = Pumps(np.array([20.0, 20.0]), np.array([False, True]))
    for _ in range(240):
        pumps.step(np.array([0.9, 0.9]), STEP)
    assert pumps.running[0] >= 1
    assert pumps.running[1] == 0
    assert pumps.level[1] > 20.0 > pumps.level[0] - 0.5
    for _ in range(2000):
        pumps.step(np.array([0.02, 0.02]), STEP)
    assert not pumps.running.any()
    # The broken one was mended when the rush was over.
    assert pumps.level[1] < 20.0


def test_a_lake_rises_by_its_catchment_and_falls_slowly() -> None:
    lake = Levels(np.array([19.0]), np.array([6.0]), recession=0.5)
    lake.step(np.array([100.0]), STEP)
    # 100 mm, three quarters run off, six times the lake's area: 0.45 m.
    assert lake.level[0] == pytest.approx(19.45, abs=1e-3)
    for _ in range(8640):
        lake.step(np.zeros(1), STEP)
    assert lake.level[0] == pytest.approx(19.225, abs=2e-3)


def test_a_storm_runs_from_the_sky_to_the_drains_to_the_roads_and_away() -> None:
    district = District(all_devices(), scenario("storm"), 7, begin_s=60 * scenario("storm").begins_min)
    first: dict[str, float] = {}
    for step in range(round(300 * 60 / STEP)):
        district.step(STEP)
        now = step * STEP / 60
        if district.fallen.any():
            first.setdefault("rain", now)
        if (district.drains[kinds.MANHOLES].filling > 0.8).any():
            first.setdefault("drain", now)
        if (district.drains[kinds.ROADS].on_road > 15).any():
            first.setdefault("road", now)
    assert first["rain"] < first["drain"] < first["road"]
    assert not district.flooded(1)
    assert (district.drains[kinds.MANHOLES].filling < 0.2).all()


def test_nothing_reaches_a_limit_on_a_calm_day() -> None:
    district = District(all_devices(), scenario("calm"), 7)
    most: dict[str, float] = {}
    for _ in range(288):
        district.step(300)
        for kind in all_devices():
            for one in district.measured(kind):
                for metric, value in one.values.items():
                    most[metric] = max(most.get(metric, -np.inf), value)
    limits = {"depth": 15, "level": 1.6, "ch4": 20, "tilt": 15, "a34004": 75, "a34002": 150, "LA": 70}
    assert all(
        most[metric] < limit for metric, limit in (limits | {"w21003": 2, "Z": 25, "PN05": 0.1}).items()
    )
    assert most["pumps"] == 0


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UserError, match="calm, heat, storm"):
        scenario("../../secrets")


def streets() -> list[shapely.LineString]:
    """Five by five streets, 200 m apart, in degrees near the middle of the zone."""
    lines = []
    for n in range(5):
        at = 30.5 + n * 0.0018
        lines.append(shapely.LineString([(114.3, at), (114.3083, at)]))
        across = 114.3 + n * 0.00207
        lines.append(shapely.LineString([(across, 30.5), (across, 30.5072)]))
    return lines


def test_vehicles_stay_on_the_roads_and_the_nearest_crew_comes() -> None:
    codes = [f"v{n}" for n in range(12)]
    fleet = Fleet(streets(), "EPSG:4547", codes, codes[:3], {}, 3)
    roads = shapely.union_all(streets())
    for _ in range(100):
        fleet.step(5)
        for vehicle in fleet.vehicles:
            assert roads.distance(shapely.Point(fleet.position(vehicle))) < 1e-5
    target = fleet.vehicles[11].at
    sent = fleet.send_to(4, target.x, target.y)
    assert sent in codes[:3]
    assert fleet.send_to(4, target.x, target.y) is None
    crew = next(vehicle for vehicle in fleet.vehicles if vehicle.code == sent)
    for _ in range(400):
        fleet.step(5)
        if crew.stands:
            break
    assert crew.at.distance(target) < 2

    # It drives on from there; whoever plays the district again finds all where they were.
    for _ in range(400):
        before = crew.at
        fleet.step(5)
        assert crew.at.distance(before) < 5 * 12 * 1.2 + 1
    last = {vehicle.code: fleet.position(vehicle) for vehicle in fleet.vehicles}
    again = Fleet(streets(), "EPSG:4547", codes, codes[:3], last, 3)
    for vehicle, other in zip(fleet.vehicles, again.vehicles, strict=True):
        assert vehicle.at.distance(other.at) < 1
