"""The grids are one coverage: unit grids fill their community, and these the streets and the district."""

import geopandas as gpd
import numpy as np
import shapely

from geodata.area_code import AreaCode
from ioc.demo.areas import read_names
from tests.ioc.demo.conftest import DemoFolder

UNIT = "区城市运行管理中心/万米单元网格.geojson"
DUTY = "区城市运行管理中心/责任网格.geojson"
COMMUNITY = "区民政局/行政区划_社区.geojson"
STREET = "区民政局/行政区划_街道.geojson"
DISTRICT = "区民政局/行政区划_区.geojson"


def in_metres(demo: DemoFolder, file: str) -> gpd.GeoDataFrame:
    frame = demo.read(file)
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 4490
    return frame.to_crs(4547)


def test_unit_grids_are_a_coverage_without_gaps(demo: DemoFolder):
    grids = demo.read(UNIT).geometry.to_numpy()
    assert shapely.coverage_is_valid(grids)
    outline = shapely.coverage_union_all(grids)
    assert outline.geom_type == "Polygon"
    assert shapely.get_num_interior_rings(outline) == 0


def test_unit_grids_do_not_overlap(demo: DemoFolder):
    grids = in_metres(demo, UNIT).geometry.to_numpy()
    one, other = shapely.STRtree(grids).query(grids, predicate="overlaps")
    assert shapely.area(shapely.intersection(grids[one], grids[other])).sum() < 0.5


def assert_fills(parts: gpd.GeoDataFrame, above: str, wholes: gpd.GeoDataFrame):
    """The areas of the parts add up to those of the wholes that they name in column `above`, within 1 m²."""
    total = dict.fromkeys(wholes["代码"], 0.0)
    for code, area in zip(parts[above], shapely.area(parts.geometry.to_numpy()), strict=True):
        total[code] += area
    assert np.allclose(list(total.values()), shapely.area(wholes.geometry.to_numpy()), atol=1.0)


def test_each_level_fills_the_one_above(demo: DemoFolder):
    communities, streets, district = (in_metres(demo, file) for file in (COMMUNITY, STREET, DISTRICT))
    assert_fills(in_metres(demo, UNIT), "社区代码", communities)
    assert_fills(in_metres(demo, DUTY), "社区代码", communities)
    assert_fills(communities, "街道代码", streets)
    assert_fills(streets, "区代码", district)
    assert abs(district.area.sum() - 64e6) < 10_000


def test_duty_grids_have_codes_of_their_own(demo: DemoFolder):
    assert demo.read(DUTY)["网格编码"].is_unique


def test_codes_are_valid_and_nest(demo: DemoFolder):
    names = read_names()
    communities = demo.read(COMMUNITY)
    assert dict(zip(communities["代码"], communities["名称"], strict=True)) == names.communities
    assert set(communities["代码"].map(lambda code: AreaCode.parse(code).level)) == {"community"}
    grids = demo.read(UNIT)
    assert grids["网格编码"].is_unique
    assert grids["网格编码"].str.fullmatch(r"420106\d{9}").all()
    assert (grids["网格编码"].str[:12] == grids["社区代码"]).all()


def test_grids_are_numbered_from_north_to_south(demo: DemoFolder):
    grids = in_metres(demo, UNIT).sort_values("网格编码")
    north = grids.geometry.centroid.y
    for _, group in north.groupby(grids["社区代码"]):
        assert group.iloc[0] >= group.max() - 100.0
