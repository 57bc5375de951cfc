"""Unit grids of made-up communities: exact coverage, sizes, roads and buildings, numbers."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.errors import UserError
from geodata.unit_grid_generation import Barriers, generate
from geodata.unit_grid_numbering import unit_grid_codes

EAST, NORTH = 530_000.0, 3_380_000.0
COMMUNITY = "420106003001"


def lines(*paths: list[tuple[float, float]]) -> np.ndarray:
    return np.array([shapely.LineString([(EAST + x, NORTH + y) for x, y in path]) for path in paths])


def area(*corners: tuple[float, float]) -> shapely.Polygon:
    return shapely.Polygon([(EAST + x, NORTH + y) for x, y in corners])


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return area((west, south), (east, south), (east, north), (west, north))


def array(*shapes: shapely.Polygon) -> np.ndarray:
    return np.array(shapes, dtype=object)


def roads(*paths: list[tuple[float, float]], main: bool = False) -> Barriers:
    return Barriers(lines(*paths), np.full(len(paths), main))


coordinate = st.integers(-200, 1_800)
path = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=4, unique=True)


@st.composite
def split_town(draw: st.DrawFn) -> np.ndarray:
    """Two to four communities side by side whose common borders are bent."""
    wests = sorted(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True)))
    edges = [0, *(200 * west for west in wests), 2_000]
    bends = [0, *(draw(st.integers(-90, 90)) for _ in wests), 0]
    height = draw(st.integers(150, 1_500))
    return array(
        *(
            area((w, 0), (e, 0), (e + be, height / 2), (e, height), (w, height), (w + bw, height / 2))
            for w, e, bw, be in zip(edges, edges[1:], bends, bends[1:], strict=False)
        )
    )


@settings(max_examples=30)
@given(split_town(), st.lists(path, max_size=8), st.integers(2_000, 40_000))
def test_every_community_is_covered_exactly(
    communities: np.ndarray, paths: list[list[tuple[float, float]]], target: int
) -> None:
    grids = generate(communities, roads(*paths), target)
    assert shapely.is_valid(grids.polygons).all()
    assert shapely.coverage_is_valid(grids.polygons)
    tree = shapely.STRtree(grids.polygons)
    one, other = tree.query(grids.polygons, "intersects")
    assert not shapely.relate_pattern(
        grids.polygons[one[one < other]], grids.polygons[other[one < other]], "2********"
    ).any()
    for number, community in enumerate(communities):
        members = grids.polygons[grids.community == number]
        whole = shapely.union_all(members)
        # Rounding to the millimetre moves no border farther than that.
        assert shapely.area(whole) == pytest.approx(community.area, abs=0.002 * community.length)
        assert shapely.hausdorff_distance(whole.boundary, community.boundary) < 0.01
    assert shapely.area(grids.polygons).max() <= 3 * target


@settings(max_examples=30)
@given(split_town(), st.integers(5_000, 20_000))
def test_without_roads_all_are_of_about_the_size(communities: np.ndarray, target: int) -> None:
    grids = generate(communities, Barriers(), target)
    sizes = shapely.area(grids.polygons)
    alone = np.bincount(grids.community)[grids.community] == 1
    assert sizes.max() <= 1.9 * target
    assert sizes[~alone].min() >= 0.4 * target


@settings(max_examples=15)
@given(split_town(), st.lists(path, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_roads_does_not_matter(communities: np.ndarray, paths: list, random) -> None:
    shuffled = random.sample(paths, len(paths))
    one, other = generate(communities, roads(*paths)), generate(communities, roads(*shuffled))
    assert shapely.to_wkb(one.polygons).tolist() == shapely.to_wkb(other.polygons).tolist()


def test_main_roads_are_crossed_by_no_grid_and_lanes_only_by_small_remains() -> None:
    town = array(box(0, 0, 400, 300))
    # A strip of 3,000 m² south of the main road, a triangle of 450 m² cut off by a lane.
    main = roads([(-10, 10), (410, 10)], main=True)
    lane = roads([(370, 300), (400, 270)])
    both = Barriers(np.concatenate([main.roads, lane.roads]), np.array([True, False]))
    grids = generate(town, both)
    assert not shapely.crosses(main.roads[0], grids.polygons).any()
    assert sorted(shapely.area(grids.polygons))[0] == pytest.approx(4_000)
    # What is left of land beyond the main road is too little for a grid of its own.
    remains = generate(town, roads([(-10, 1.5), (410, 1.5)], main=True))
    assert shapely.area(remains.polygons).min() > 4_000


def test_a_road_that_ends_just_short_is_led_on() -> None:
    grids = generate(array(box(0, 0, 100, 200)), roads([(8, 90), (92, 90)]))
    assert sorted(shapely.area(grids.polygons)) == pytest.approx([9_000, 11_000], abs=1)


def test_water_stays_whole_and_apart_from_land() -> None:
    lake = box(150, 100, 450, 400)
    grids = generate(array(box(0, 0, 600, 500)), Barriers(water=array(lake)))
    assert shapely.area(grids.polygons[grids.water]).tolist() == pytest.approx([90_000])
    assert shapely.area(shapely.intersection(grids.polygons[~grids.water], lake)).max() < 1e-3


def test_cuts_go_between_buildings() -> None:
    houses = array(box(80, 20, 110, 80), box(112, 20, 140, 80))
    grids = generate(array(box(0, 0, 200, 100)), Barriers(buildings=houses))
    assert len(grids.polygons) == 2
    assert grids.buildings_cut == 0
    wall = array(box(10, 40, 190, 60))
    assert generate(array(box(0, 0, 200, 100)), Barriers(buildings=wall)).buildings_cut == 1


def test_a_cut_makes_for_a_junction() -> None:
    town = array(box(0, 0, 200, 100), box(0, 100, 94, 220), box(94, 100, 200, 220))
    grids = generate(town, Barriers())
    assert sorted(shapely.area(grids.polygons[grids.community == 0])) == pytest.approx([9_400, 10_600])


def test_a_community_without_area_is_refused() -> None:
    with pytest.raises(UserError, match="community number 2 has no area"):
        generate(array(box(0, 0, 200, 100), shapely.Polygon()), Barriers())
    with pytest.raises(UserError, match="target area of 0"):
        generate(array(box(0, 0, 200, 100)), Barriers(), 0)


def test_numbers_run_west_to_east_and_north_to_south() -> None:
    cells = [box(100 * x, 100 * y, 100 * x + 100, 100 * y + 100) for x in range(3) for y in range(2)]
    codes = unit_grid_codes(array(*cells), [COMMUNITY] * 6)
    # Columns of two, the southern first: the north row is 1 2 3, the south row 4 5 6.
    assert [code[12:] for code in codes] == ["004", "001", "005", "002", "006", "003"]
    assert {code[:12] for code in codes} == {COMMUNITY}


@settings(max_examples=20)
@given(split_town(), st.randoms(use_true_random=False))
def test_numbering_is_complete_ordered_and_independent_of_the_input_order(towns: np.ndarray, random) -> None:
    grids = generate(towns, Barriers())
    names = [f"420106003{number + 1:03d}" for number in grids.community]
    codes = unit_grid_codes(grids.polygons, names)
    mixed = random.sample(range(len(names)), len(names))
    again = unit_grid_codes(grids.polygons[mixed], [names[row] for row in mixed])
    assert again.tolist() == codes[mixed].tolist()
    for name in set(names):
        rows = sorted(row for row, other in enumerate(names) if other == name)
        rows.sort(key=lambda row: codes[row])
        assert [int(codes[row][12:]) for row in rows] == list(range(1, len(rows) + 1))
        middles = shapely.get_coordinates(shapely.centroid(grids.polygons[rows])).round(2)
        bands = np.floor((middles[:, 1].max() - middles[:, 1]) / 100)
        assert (np.diff(bands) >= 0).all()
        assert (np.diff(middles[:, 0])[np.diff(bands) == 0] >= 0).all()


def test_a_thousandth_grid_is_refused() -> None:
    cells = array(*(box(10 * x, 10 * y, 10 * x + 10, 10 * y + 10) for x in range(40) for y in range(25)))
    assert len(set(unit_grid_codes(cells[:999], [COMMUNITY] * 999))) == 999
    with pytest.raises(UserError, match=f"community {COMMUNITY} has 1000 unit grids"):
        unit_grid_codes(cells, [COMMUNITY] * 1000)
    with pytest.raises(UserError, match="not a code of 12 digits"):
        unit_grid_codes(cells[:1], ["42010"])
