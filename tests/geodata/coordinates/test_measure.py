import numpy as np
import pytest
import shapely

from geodata.coordinates import bearing, geodesic_area, geodesic_distance, geodesic_length

# Meridian arc from the equator to 1° N: ∫ a(1 − e²)(1 − e² sin²φ)^(−3/2) dφ, integrated numerically.
ONE_DEGREE_OF_MERIDIAN = 110574.388554
# One degree of the equator: a π / 180.
ONE_DEGREE_OF_EQUATOR = 6378137.0 * np.pi / 180
# Surface of the ellipsoid: 2πa² (1 + (1 − e²)/e · artanh e).
_E2 = (2 - 1 / 298.257222101) / 298.257222101
SURFACE = 2 * np.pi * 6378137.0**2 * (1 + (1 - _E2) / np.sqrt(_E2) * np.arctanh(np.sqrt(_E2)))

MERIDIAN = shapely.LineString([(114, 0), (114, 1)])
OCTANT = shapely.Polygon([(0, 0), (90, 0), (90, 90), (0, 90)])
SQUARE = shapely.box(114, 30, 114.03, 30.03)
HOLE = shapely.box(114.01, 30.01, 114.02, 30.02)


def test_lengths_of_every_kind_of_geometry() -> None:
    two = shapely.MultiLineString([[(114, 0), (114, 1)], [(115, 0), (115, 1)]])
    nested = shapely.GeometryCollection([shapely.Point(1, 1), shapely.GeometryCollection([two]), MERIDIAN])
    lengths = geodesic_length([MERIDIAN, two, nested, shapely.Point(1, 1), shapely.LineString(), None])
    np.testing.assert_allclose(lengths[:5] / ONE_DEGREE_OF_MERIDIAN, [1, 2, 3, 0, 0], atol=1e-11)
    assert np.isnan(lengths[5])


def test_a_polygon_is_measured_along_all_its_rings() -> None:
    with_hole = SQUARE.difference(HOLE)
    outer, inner, both = geodesic_length([SQUARE, HOLE, with_hole])
    assert both == pytest.approx(outer + inner)
    assert outer == pytest.approx(geodesic_length(SQUARE.exterior)[0])


def test_the_octant_is_an_eighth_of_the_ellipsoid() -> None:
    assert geodesic_area(OCTANT)[0] == pytest.approx(SURFACE / 8, rel=1e-12)
    assert geodesic_area(OCTANT.reverse())[0] == pytest.approx(SURFACE / 8, rel=1e-12)


def test_holes_are_taken_off_and_parts_added() -> None:
    with_hole = SQUARE.difference(HOLE)
    apart = shapely.MultiPolygon([HOLE, shapely.box(115, 30, 115.01, 30.01)])
    square, hole, holed, parts, line, gap = geodesic_area([SQUARE, HOLE, with_hole, apart, MERIDIAN, None])
    assert holed == pytest.approx(square - hole)
    assert parts == pytest.approx(hole + geodesic_area(shapely.box(115, 30, 115.01, 30.01))[0])
    assert line == 0
    assert np.isnan(gap)


def test_nothing_has_no_measures() -> None:
    assert geodesic_length([]).shape == (0,)
    assert geodesic_area([]).shape == (0,)


def test_distance_and_bearing() -> None:
    assert float(geodesic_distance(114, 0, 115, 0)) == pytest.approx(ONE_DEGREE_OF_EQUATOR, abs=1e-6)
    directions = bearing(0, 0, [0, 1, 0, -1], [1, 0, -1, 0])
    np.testing.assert_allclose(directions, [0, 90, 180, 270], atol=1e-9)
