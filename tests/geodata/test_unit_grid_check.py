"""What the check finds among seeded faults, with the geometry and area of each worked out independently."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from psycopg import Connection

from etl.job_file import find_job
from etl.run import run_job
from geodata.store import Store
from geodata.unit_grid_check import GridCheck, Limits, check_unit_grids, large_water
from ioc.embedded_postgis import EmbeddedPostgis
from tests.conftest import cloned_store
from tests.etl.deliveries import write_geojson

EAST, NORTH = 530_000.0, 3_380_000.0
WEST_COMMUNITY, EAST_COMMUNITY = "420106003001", "420106003002"
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:4547", "EPSG:4490", always_xy=True)
ELLIPSOID = pyproj.Geod(ellps="GRS80")


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    """A rectangle in metres from the corner of the town, in degrees."""
    plane = shapely.box(EAST + west, NORTH + south, EAST + east, NORTH + north)
    return shapely.transform(plane, lambda points: np.column_stack(TO_DEGREES.transform(*points.T)))


def square_metres(shape: Any) -> float:
    return abs(ELLIPSOID.geometry_area_perimeter(shape)[0])


def sketch(column: int, row: int) -> shapely.Polygon:
    return box(100 * column, 100 * row, 100 * column + 100, 100 * row + 100)


@pytest.fixture(scope="module")
def town(
    postgis: EmbeddedPostgis, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """Two communities of 300 × 200 m side by side, each of six unit grids of 100 × 100 m."""
    tmp_path = tmp_path_factory.mktemp("town")
    folder = tmp_path / "区民政局"
    write_geojson(
        folder / "行政区划_区.geojson", {"代码": ["420106"], "名称": ["武昌区"]}, [box(0, 0, 600, 200)]
    )
    write_geojson(
        folder / "行政区划_街道.geojson",
        {"代码": ["420106003"], "名称": ["徐家棚街道"], "区代码": ["420106"], "常住人口": [9]},
        [box(0, 0, 600, 200)],
    )
    write_geojson(
        folder / "行政区划_社区.geojson",
        {
            "代码": [WEST_COMMUNITY, EAST_COMMUNITY],
            "名称": ["西社区", "东社区"],
            "街道代码": ["420106003"] * 2,
            "常住人口": [9, 9],
        },
        [box(0, 0, 300, 200), box(300, 0, 600, 200)],
    )
    cells = [(column, row) for row in (1, 0) for column in range(6)]
    community = [WEST_COMMUNITY if column < 3 else EAST_COMMUNITY for column, _ in cells]
    codes = [
        f"{name}{column % 3 + 1 + 3 * (1 - row):03d}"
        for name, (column, row) in zip(community, cells, strict=True)
    ]
    columns = {"网格编码": codes, "社区代码": community}
    columns |= {name: [None] * 12 for name in ("网格名称", "初始日期", "终止日期", "备注")}
    shapes = [sketch(*cell) for cell in cells]
    write_geojson(tmp_path / "区城市运行管理中心/万米单元网格.geojson", columns, shapes)
    with cloned_store(postgis, database_template) as opened:
        for name in ("district", "street", "community", "unit_grid"):
            run_job(opened, find_job(name), tmp_path)
        yield opened


def west(number: int) -> str:
    return f"{WEST_COMMUNITY}{number:03d}"


def east(number: int) -> str:
    return f"{EAST_COMMUNITY}{number:03d}"


def reshape(connection: Connection[Any], code: str, shape: Any) -> None:
    connection.execute(
        "UPDATE ioc.unit_grid SET geom = ST_SetSRID(ST_GeomFromWKB(%s), 4490) WHERE code = %s",
        [shapely.to_wkb(shape), code],
    )


def checked(store: Store, change: Callable[[Connection[Any]], None], **options: Any) -> GridCheck:
    """What a check finds after a change, which is taken back."""
    with store.owner_connection() as connection:
        change(connection)
        found = check_unit_grids(connection, **options)
        connection.rollback()
    return found


def expect(found: GridCheck, rule: str, codes: tuple[str, ...], shape: Any) -> None:
    """One violation of the rule, of these grids, with this geometry and area."""
    (one,) = [one for one in found.violations if one.rule == rule]
    assert one.codes == codes
    assert one.area_m2 == pytest.approx(square_metres(shape), rel=1e-4)
    assert one.geometry is not None
    # Edges that are straight in metres and in degrees are some millimetres apart.
    assert shapely.hausdorff_distance(one.geometry, shape) < 5e-7
    assert one.reason_zh
    assert one.reason_en


def rules(found: GridCheck) -> list[str]:
    return sorted(one.rule for one in found.violations)


def test_sound_grids_have_no_violation(town: Store) -> None:
    found = checked(town, lambda _: None, managed_area="district")
    assert (found.grids, found.communities, found.violations) == (12, 2, ())


def test_an_overlap_is_the_part_that_two_grids_share(town: Store) -> None:
    found = checked(town, lambda db: reshape(db, west(1), box(0, 100, 110, 200)))
    assert rules(found) == ["overlap"]
    expect(found, "overlap", (west(1), west(2)), box(100, 100, 110, 200))


def test_a_gap_is_the_part_without_a_grid(town: Store) -> None:
    def shorten(db: Connection[Any]) -> None:
        reshape(db, west(1), box(0, 100, 100, 150))

    found = checked(town, shorten)
    assert rules(found) == ["gap"]
    expect(found, "gap", (), box(0, 150, 100, 200))
    lake = checked(town, shorten, excluded=box(-50, 140, 100, 250))
    assert rules(lake) == []


def test_a_gap_outside_all_communities_counts_in_the_district_only(town: Store) -> None:
    def widen(db: Connection[Any]) -> None:
        db.execute(
            "UPDATE ioc.district SET geom = ST_SetSRID(ST_GeomFromWKB(%s), 4490)",
            [shapely.to_wkb(box(0, 0, 650, 200))],
        )

    assert rules(checked(town, widen)) == []
    expect(checked(town, widen, managed_area="district"), "gap", (), box(600, 0, 650, 200))


def test_a_straddling_grid_is_shown_by_its_part_elsewhere(town: Store) -> None:
    def shift(db: Connection[Any]) -> None:
        reshape(db, west(3), box(200, 100, 340, 200))
        reshape(db, east(1), box(340, 100, 400, 200))

    found = checked(town, shift)
    assert rules(found) == ["straddling"]
    expect(found, "straddling", (west(3),), box(300, 100, 340, 200))


def test_a_wrong_prefix_shows_the_whole_grid(town: Store) -> None:
    def rename(db: Connection[Any]) -> None:
        db.execute("UPDATE ioc.unit_grid SET code = %s WHERE code = %s", [east(9), west(1)])

    found = checked(town, rename)
    assert rules(found) == ["prefix"]
    expect(found, "prefix", (east(9),), sketch(0, 1))


def test_a_grid_outside_and_one_that_states_another_community(town: Store) -> None:
    def change(db: Connection[Any]) -> None:
        reshape(db, west(1), box(-30, 100, 100, 200))
        db.execute("UPDATE ioc.unit_grid SET community_code = %s WHERE code = %s", [EAST_COMMUNITY, west(2)])

    found = checked(town, change)
    assert rules(found) == ["outside", "stated_community"]
    expect(found, "outside", (west(1),), box(-30, 100, 0, 200))
    expect(found, "stated_community", (west(2),), sketch(1, 1))


def test_a_code_used_twice_shows_both_grids(town: Store) -> None:
    def repeat(db: Connection[Any]) -> None:
        db.execute("UPDATE ioc.unit_grid SET code = %s WHERE code = %s", [west(1), west(2)])

    found = checked(town, repeat)
    assert rules(found) == ["duplicate"]
    expect(found, "duplicate", (west(1),), box(0, 100, 200, 200))


@pytest.mark.parametrize("code", ["42010600300101", "420106003001000", "42010600300100A", "420106000001001"])
def test_a_code_that_cannot_be_one_is_shown(town: Store, code: str) -> None:
    def spoil(db: Connection[Any]) -> None:
        db.execute("UPDATE ioc.unit_grid SET code = %s WHERE code = %s", [code, west(1)])

    found = checked(town, spoil)
    expect(found, "code", (code,), sketch(0, 1))


def test_an_area_beyond_the_limits_is_a_warning(town: Store) -> None:
    found = checked(town, lambda _: None, limits=Limits(largest=9_000.0))
    assert rules(found) == ["area"] * 12
    assert found.errors == 0
    drowned = box(0, 0, 600, 150)
    found = checked(town, lambda _: None, limits=Limits(largest=9_000.0), excluded=drowned)
    assert rules(found) == []


def test_slivers_are_counted_and_not_reported(town: Store) -> None:
    def nudge(db: Connection[Any]) -> None:
        reshape(db, west(1), box(0, 100, 100.02, 200))

    found = checked(town, nudge)
    assert found.violations == ()
    assert found.slivers["overlap"] >= 1
    strict = checked(town, nudge, limits=Limits(sliver_area=0, sliver_width=0))
    assert "overlap" in rules(strict)


def test_an_invalid_geometry_is_named_and_stops_no_other_check(town: Store) -> None:
    def twist(db: Connection[Any]) -> None:
        west_edge, south, east_edge, north = sketch(0, 1).bounds
        bow = shapely.Polygon(
            [(west_edge, south), (east_edge, north), (east_edge, south), (west_edge, north)]
        )
        reshape(db, west(1), bow)

    found = checked(town, twist)
    assert "geometry" in rules(found)
    assert "gap" in rules(found)


def test_violations_are_geojson_in_degrees(town: Store) -> None:
    found = checked(town, lambda db: reshape(db, west(1), box(0, 100, 110, 200)))
    collection = found.as_geojson()
    (feature,) = collection["features"]
    assert collection["summary"]["by_rule"] == {"overlap": 1}
    assert feature["properties"]["rule_zh"] == "网格重叠"
    assert shapely.geometry.shape(feature["geometry"]).equals(found.violations[0].geometry)


def test_only_large_water_is_left_out(town: Store) -> None:
    with town.owner_connection() as connection:
        assert large_water(connection, 1.0) is None
