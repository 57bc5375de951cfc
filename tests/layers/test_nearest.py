"""The nearest by road: ways along a made-up network, rights, and straight lines where no road leads."""

from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Geod

from layers.nearest import nearest_kinds
from layers.road_graph import RoadGraph
from tests.layers.district import District, rows_of
from tests.layers.district_rows import Rows, load

ELLIPSOID = Geod(a=6378137.0, rf=298.257222101)
STEP = 0.001


def road(*points: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([(114.3 + x * STEP, 30.5 + y * STEP) for x, y in points])


def at(x: float, y: float) -> tuple[float, float]:
    return 114.3 + x * STEP, 30.5 + y * STEP


def metres(*points: tuple[float, float]) -> float:
    return ELLIPSOID.geometry_length(road(*points))


@pytest.fixture
def network() -> RoadGraph:
    """A ladder: two long roads, joined at one end only, and a rung that ends in the middle of one of them."""
    roads = [road((0, 0), (10, 0)), road((0, 2), (10, 2)), road((10, 0), (10, 2)), road((3, 2), (3, 5))]
    return RoadGraph(roads, "EPSG:4547")


def test_the_nearest_by_road_need_not_be_the_nearest_by_air(network: RoadGraph) -> None:
    ways = network.nearest(at(0, 0), [at(0, 2), at(5, 0), at(3, 5)], 3)
    assert [index for index, _ in ways] == [1, 0, 2]
    # Snapping to half a metre moves every meeting point by that much at most.
    assert ways[0][1].metres == pytest.approx(metres((0, 0), (5, 0)), abs=1)
    assert ways[1][1].metres == pytest.approx(metres((0, 0), (10, 0), (10, 2), (0, 2)), abs=2)
    assert ways[2][1].metres == pytest.approx(metres((0, 0), (10, 0), (10, 2), (3, 2), (3, 5)), abs=2)


def test_a_way_is_as_long_as_its_line_and_runs_from_origin_to_target(network: RoadGraph) -> None:
    origin, targets = at(2, 0.1), [at(4, -0.2), at(8, 2.3), at(2.5, 4)]
    for index, way in network.nearest(origin, targets, 3):
        assert ELLIPSOID.geometry_length(way.line) == pytest.approx(way.metres, rel=1e-4, abs=0.1)
        ends = shapely.get_coordinates(way.line)[[0, -1]]
        np.testing.assert_allclose(ends, [origin, targets[index]], atol=1e-8)


def test_only_as_many_as_asked_and_the_same_as_all(network: RoadGraph) -> None:
    rng = np.random.default_rng(5)
    targets = [at(x, y) for x, y in rng.uniform((0, -1), (10, 5), (40, 2))]
    every = network.nearest(at(1, 1.5), targets, 40)
    few = network.nearest(at(1, 1.5), targets, 6)
    assert len(every) == 40
    assert [(index, way.metres) for index, way in few] == [(index, way.metres) for index, way in every[:6]]


def test_what_no_road_leads_to_is_left_out() -> None:
    apart = RoadGraph([road((0, 0), (1, 0)), road((5, 5), (6, 5))], "EPSG:4547")
    assert [index for index, _ in apart.nearest(at(0, 0), [at(5, 5), at(1, 0)], 2)] == [1]
    assert RoadGraph([], "EPSG:4547").nearest(at(0, 0), [at(1, 1)], 1) == []


def ask(district: District, kind: str, who: str, n: int = 5) -> Any:
    return district.get(f"/nearest?kind={kind}&lon=114.34&lat=30.556&n={n}", who)


def test_cameras_are_for_those_who_may_see_them(district: District) -> None:
    assert ask(district, "camera", "staff").status_code == 404
    assert ask(district, "camera", "nobody").status_code == 404
    assert len(ask(district, "camera", "police").json()["features"]) == 5
    assert ask(district, "helicopter", "leader").status_code == 404
    assert ask(district, "camera", "leader", 21).status_code == 422


def test_each_is_told_how_its_distance_is_meant_and_none_is_nearer_by_road_than_by_air(
    district: District,
) -> None:
    found = ask(district, "camera", "leader", 10).json()["features"]
    for feature in found:
        straight = ELLIPSOID.inv(114.34, 30.556, feature["lon"], feature["lat"])[2]
        assert feature["straight_m"] == pytest.approx(straight, abs=0.01)
        assert feature["by"] in ("road", "straight")
        assert feature["metres"] >= straight - 1
    assert len({feature["id"] for feature in found}) == 10


def test_without_roads_distances_are_straight_and_say_so(own_district: District) -> None:
    with own_district.store.owner_connection() as connection:
        connection.execute("DELETE FROM ioc.base_feature WHERE kind = 'road'")
    found = ask(own_district, "camera", "leader").json()["features"]
    assert {feature["by"] for feature in found} == {"straight"}
    places = rows_of(own_district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.camera")
    nearest = sorted(ELLIPSOID.inv(114.34, 30.556, *place)[2] for place in places)[:5]
    assert [feature["metres"] for feature in found] == pytest.approx(nearest, abs=0.01)


VEHICLE = Rows(
    "vehicle",
    "device",
    ("作业车辆", "Vehicles"),
    "urban",
    3,
    """
    SELECT i AS id, 'vehicle ' || i AS code, 'crew ' || i AS name, NULL AS area_code,
        1::smallint AS sensitivity, i::int AS source_row, '排水抢险车' AS device_type,
        NULL::geometry(POINT, 4490) AS geom
    FROM generate_series(1, %(count)s::bigint) AS i
    """,
)


def test_a_crew_is_near_where_it_said_it_is_and_not_when_it_is_silent(own_district: District) -> None:
    with own_district.store.owner_connection() as connection:
        load(connection, VEHICLE)
        for number, lon, minutes in ((1, 114.36, 29), (2, 114.341, 1), (3, 114.34, 31)):
            connection.execute(
                "INSERT INTO ioc.latest_position (series_id, observed_at, lon, lat, status, received_at) "
                "SELECT id, now() - make_interval(mins => %s), %s, 30.556, '', now() "
                "FROM ioc.series_of(ARRAY['vehicle ' || %s], ARRAY['position'])",
                [minutes, lon, str(number)],
            )
    found = ask(own_district, "crew", "leader").json()
    assert found["layer"] is None
    assert [(one["title"], one["lon"]) for one in found["features"]] == [
        ("排水抢险车 crew 2", 114.341),
        ("排水抢险车 crew 1", 114.36),
    ]
    assert ask(own_district, "crew", "nobody").json()["features"] == []


def test_declared_kinds_exist() -> None:
    assert {"camera", "fire"} <= set(nearest_kinds())
    assert nearest_kinds()["fire"].where == {"type_code": ("01013",)}
