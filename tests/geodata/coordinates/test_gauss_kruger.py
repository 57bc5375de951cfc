import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geodata.coordinates import (
    Zone,
    convert,
    epsg_of_zone,
    geodesic_distance,
    zone_numbers,
    zone_of,
    zone_of_epsg,
)
from geodata.coordinates.gauss_kruger import ZONES, ZoneWidth, zone_of_central_meridian
from geodata.errors import UserError

# X north, Y east, as surveyors write them; from the EPSG database.
CHECK_VALUES = [
    ("武汉", 114.2999512, 30.5955177, 4547, 3386169.315, 528766.881),
    ("宜昌", 111.2808211, 30.6944096, 4546, 3397128.137, 526904.808),
    ("黄冈", 114.8671306, 30.4563256, 4547, 3371019.422, 583282.331),
    ("黄石", 115.0334618, 30.2024661, 4547, 3343009.124, 599514.534),
    ("武汉，带带号", 114.2999512, 30.5955177, 4526, 3386169.315, 38528766.881),
]


@pytest.mark.parametrize(("place", "lon", "lat", "epsg", "north", "east"), CHECK_VALUES)
def test_check_values(place: str, lon: float, lat: float, epsg: int, north: float, east: float) -> None:
    x, y = convert(lon, lat, "CGCS2000", f"EPSG:{epsg}")
    assert (float(x), float(y)) == pytest.approx((east, north), abs=0.00051, rel=0), place
    assert convert(east, north, f"EPSG:{epsg}", "CGCS2000") == pytest.approx((lon, lat), abs=1e-8, rel=0)


ALL_ZONES = [
    Zone(width, number, numbered)
    for width, numbers in ZONES.items()
    for number in numbers
    for numbered in (False, True)
]


def test_the_zones_are_exactly_epsg_4491_to_4554() -> None:
    assert sorted(zone.epsg for zone in ALL_ZONES) == list(range(4491, 4555))


@pytest.mark.parametrize("zone", ALL_ZONES, ids=lambda zone: str(zone.epsg))
def test_every_zone_means_what_epsg_says(zone: Zone) -> None:
    operation = CRS.from_epsg(zone.epsg).coordinate_operation
    assert operation is not None
    values = {parameter.name: parameter.value for parameter in operation.params}
    assert values["Longitude of natural origin"] == zone.central_meridian
    assert values["False easting"] == zone.false_easting
    assert zone_of_epsg(zone.epsg) == zone
    assert zone_of(zone.central_meridian, zone.width, numbered=zone.numbered) == zone


@given(st.sampled_from(ALL_ZONES), st.floats(-2.9, 2.9), st.floats(4, 53))
def test_round_trip_through_every_zone(zone: Zone, off_meridian: float, lat: float) -> None:
    lon = zone.central_meridian + off_meridian
    back = convert(*convert(lon, lat, "CGCS2000", f"EPSG:{zone.epsg}"), f"EPSG:{zone.epsg}", "CGCS2000")
    assert float(geodesic_distance(lon, lat, *back)) < 0.0001


@given(st.sampled_from(ALL_ZONES), st.sampled_from(ALL_ZONES), st.floats(-1.5, 1.5), st.floats(18, 53))
def test_neighbouring_zones_hold_the_same_place(
    one: Zone, other: Zone, off_meridian: float, lat: float
) -> None:
    if abs(one.central_meridian - other.central_meridian) > 6:
        other = one
    lon = one.central_meridian + off_meridian
    x, y = convert(lon, lat, "CGCS2000", f"EPSG:{one.epsg}")
    there = convert(x, y, f"EPSG:{one.epsg}", f"EPSG:{other.epsg}")
    straight = convert(lon, lat, "CGCS2000", f"EPSG:{other.epsg}")
    assert (float(there[0]), float(there[1])) == pytest.approx(tuple(map(float, straight)), abs=0.0001, rel=0)


@pytest.mark.parametrize(
    ("lon", "width", "number"),
    [
        (109.4999, 3, 36),
        (109.5, 3, 37),
        (112.5, 3, 38),
        (115.5, 3, 39),
        (114, 6, 20),
        (113.9999, 6, 19),
        (120, 6, 21),
    ],
)
def test_a_point_on_an_edge_belongs_to_the_eastern_zone(lon: float, width: ZoneWidth, number: int) -> None:
    assert zone_of(lon, width).number == number
    assert zone_numbers(np.array([lon]), width).tolist() == [number]


@pytest.mark.parametrize("lon", [0.0, 200.0, -114.3, float("nan")])
def test_a_longitude_outside_china_has_no_zone(lon: float) -> None:
    with pytest.raises(UserError):
        zone_of(lon)


def test_unknown_zones_are_refused() -> None:
    with pytest.raises(UserError, match="25 to 45"):
        epsg_of_zone(46)
    with pytest.raises(UserError, match="nearest is 114°"):
        zone_of_central_meridian(114.5)
    assert zone_of_epsg(4490) is None
    assert zone_of_epsg(4555) is None
