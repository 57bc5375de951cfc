import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.coordinates import (
    bd09_to_gcj02,
    convert,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    geodesic_distance,
    wgs84_to_gcj02,
)
from geodata.coordinates.gcj02 import EAST, NORTH, SOUTH, WEST


def vectors() -> list[dict[str, str]]:
    with (Path(__file__).parent / "offset_vectors.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


longitudes = st.floats(72.1, 137.7)
latitudes = st.floats(0.9, 55.7)
MILLIMETRE = 0.001


@pytest.mark.parametrize(
    "row", vectors(), ids=lambda row: f"{row['source']} {row['from']}-{row['to']} {row['place']}"
)
def test_agrees_with_the_public_test_points(row: dict[str, str]) -> None:
    lon, lat = convert(float(row["in_lon"]), float(row["in_lat"]), row["from"], row["to"])
    assert lon == pytest.approx(float(row["out_lon"]), abs=float(row["tolerance"]), rel=0)
    assert lat == pytest.approx(float(row["out_lat"]), abs=float(row["tolerance"]), rel=0)


def test_wuhan_is_moved_by_half_a_kilometre_towards_east_south_east() -> None:
    lon, lat = convert(114.2999512, 30.5955177, "CGCS2000", "GCJ-02")
    there = convert([114.2999512, float(lon)], [30.5955177, float(lat)], "CGCS2000", "EPSG:4547")
    assert np.diff(there[0])[0] == pytest.approx(520, abs=5)
    assert np.diff(there[1])[0] == pytest.approx(-268, abs=5)


@given(longitudes, latitudes)
def test_gcj02_inverse_closes_below_a_millimetre(lon: float, lat: float) -> None:
    back = gcj02_to_wgs84(*wgs84_to_gcj02(lon, lat))
    assert float(geodesic_distance(lon, lat, *back)) < MILLIMETRE


@given(longitudes, latitudes)
def test_gcj02_forward_of_the_inverse_closes_below_a_millimetre(lon: float, lat: float) -> None:
    origin = gcj02_to_wgs84(lon, lat)
    assert float(geodesic_distance(lon, lat, *wgs84_to_gcj02(*origin, everywhere=True))) < MILLIMETRE


@given(longitudes, latitudes)
def test_bd09_inverse_closes_below_a_millimetre(lon: float, lat: float) -> None:
    back = bd09_to_gcj02(*gcj02_to_bd09(lon, lat))
    assert float(geodesic_distance(lon, lat, *back)) < MILLIMETRE


@pytest.mark.parametrize(
    ("bd09", "wrong"),
    [
        ((120.019809, 29.199786), (120.00877901149691, 29.196131605295484)),
        ((120.036455, 29.210504), (120.0253853970846, 29.206795749156136)),
    ],
)
def test_eviltransforms_bd09_points_are_not_matched(
    bd09: tuple[float, float], wrong: tuple[float, float]
) -> None:
    """Its published BD-09 points come from π in place of π·3000/180 and are off from all other libraries."""
    metres = float(geodesic_distance(*wrong, *convert(*bd09, "BD-09", "WGS84")))
    assert 1 < metres < 60


def test_outside_the_box_nothing_moves_unless_asked() -> None:
    lon, lat = [-73.98, 71.99, 114.0, 114.0], [40.75, 30.0, 0.5, 56.0]
    for mapping in (wgs84_to_gcj02, gcj02_to_wgs84):
        x, y = mapping(lon, lat)
        np.testing.assert_array_equal(x, lon)
        np.testing.assert_array_equal(y, lat)
    assert wgs84_to_gcj02(71.99, 30.0, everywhere=True)[0] != 71.99
    assert gcj02_to_wgs84(71.99, 30.0, everywhere=True)[0] != 71.99


@pytest.mark.parametrize("corner", [(WEST, SOUTH), (EAST, NORTH), (WEST, NORTH), (EAST, SOUTH)])
def test_the_box_includes_its_corners(corner: tuple[float, float]) -> None:
    assert tuple(map(float, wgs84_to_gcj02(*corner))) != corner


def test_arrays_keep_their_shape_and_their_gaps() -> None:
    lon, lat = np.full((3, 2), 114.3), np.full((3, 2), 30.6)
    lon[1, 1] = np.nan
    for mapping in (wgs84_to_gcj02, gcj02_to_wgs84, gcj02_to_bd09, bd09_to_gcj02):
        x, y = mapping(lon, lat)
        assert x.shape == y.shape == (3, 2)
        assert np.isnan(x[1, 1])
        assert np.isfinite(x).sum() == 5


def test_large_arrays_equal_single_points() -> None:
    random = np.random.default_rng(7)
    lon, lat = random.uniform(73, 135, 40_000), random.uniform(18, 53, 40_000)
    x, y = gcj02_to_wgs84(lon, lat)
    for row in (0, 16_383, 16_384, 39_999):
        alone = gcj02_to_wgs84(lon[row], lat[row])
        assert float(geodesic_distance(x[row], y[row], *alone)) < MILLIMETRE


def test_where_the_formula_has_no_inverse_the_answer_is_nan() -> None:
    assert np.isnan(gcj02_to_wgs84(100.0, 90.0, everywhere=True)).all()
