import contextlib

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geodata.coordinates import (
    CGCS2000,
    WGS84,
    Frame,
    HelmertShift,
    LocalFrame,
    PlaneShift,
    PlaneSimilarity,
    convert,
    convert_geometries,
    explain,
    geodesic_distance,
)
from geodata.errors import UserError

WUHAN = (114.2999512, 30.5955177)
BEIJING54 = Frame.parse("EPSG:4214")


def test_web_mercator_check_value() -> None:
    x, y = convert(*WUHAN, "WGS84", "EPSG:3857")
    assert (float(x), float(y)) == pytest.approx((12723812.365, 3580330.079), abs=0.00051, rel=0)


def test_cgcs2000_is_wgs84_and_the_record_says_so() -> None:
    assert tuple(map(float, convert(*WUHAN, "CGCS2000", "WGS84"))) == WUHAN
    (note,) = explain("CGCS2000", "WGS84")
    assert "CGCS2000 taken as WGS 84 unchanged" in note
    assert explain("EPSG:4547", "EPSG:4526") == ("EPSG:4547 to EPSG:4526, datum CGCS2000 kept",)


@pytest.mark.parametrize("old", ["4214", "4610", "4555", "2434", "2435", "2414", "2382", "2383", "21413"])
@pytest.mark.parametrize("modern", ["CGCS2000", "WGS84", "GCJ-02", "BD-09", "EPSG:4547", "EPSG:3857"])
def test_old_datums_are_refused_without_parameters(old: str, modern: str) -> None:
    for source, target in ((old, modern), (modern, old)):
        with pytest.raises(UserError, match="up to 100 m off") as refusal:
            convert(*WUHAN, source, target)
        assert "seven or four parameters" in str(refusal.value)


def test_one_old_datum_to_another_is_refused_too() -> None:
    with pytest.raises(UserError, match="Beijing 1954"):
        convert(*WUHAN, "EPSG:4214", "EPSG:4610")


def test_planes_of_one_old_datum_convert_among_themselves() -> None:
    east, north = convert(*WUHAN, "EPSG:4214", "EPSG:2435")
    assert convert(east, north, "EPSG:2435", "EPSG:4214") == pytest.approx(WUHAN, abs=1e-9, rel=0)


def test_other_datums_need_an_operation_of_known_accuracy() -> None:
    lon, lat = convert(836694.05, 819069.80, "EPSG:2326", "CGCS2000")  # origin of the Hong Kong 1980 grid
    # Published shift of the origin between HK80 and WGS 84: 5.5″ south, 8.8″ east.
    assert lon == pytest.approx(114 + 10 / 60 + 42.80 / 3600 + 8.8 / 3600, abs=0.1 / 3600)
    assert lat == pytest.approx(22 + 18 / 60 + 43.68 / 3600 - 5.5 / 3600, abs=0.1 / 3600)
    with pytest.raises(UserError, match="known accuracy"):
        convert(*WUHAN, "EPSG:4001", "CGCS2000")  # an ellipsoid with no datum


def test_seven_parameters_as_the_textbook_computes_them() -> None:
    """Krassowsky ellipsoid to geocentric, Bursa–Wolf, and back on CGCS2000, written out by hand."""
    shift = HelmertShift(BEIJING54, "position_vector", 15.8, -154.4, -82.3, 0.1, -0.2, 0.3, 1.5)
    lon, lat = np.radians(WUHAN)
    a, f = 6378245.0, 1 / 298.3
    normal = a / np.sqrt(1 - f * (2 - f) * np.sin(lat) ** 2)
    x, y = normal * np.cos(lat) * np.cos(lon), normal * np.cos(lat) * np.sin(lon)
    z = normal * (1 - f) ** 2 * np.sin(lat)
    rx, ry, rz = np.radians(np.array([0.1, -0.2, 0.3]) / 3600)
    scale = 1 + 1.5e-6
    moved_x = 15.8 + scale * (x - rz * y + ry * z)
    moved_y = -154.4 + scale * (rz * x + y - rx * z)
    moved_z = -82.3 + scale * (-ry * x + rx * y + z)
    a, f = 6378137.0, 1 / 298.257222101
    squared, distance = f * (2 - f), np.hypot(moved_x, moved_y)
    latitude = np.arctan2(moved_z, distance)
    for _ in range(10):
        normal = a / np.sqrt(1 - squared * np.sin(latitude) ** 2)
        latitude = np.arctan2(moved_z + squared * normal * np.sin(latitude), distance)
    expected = float(np.degrees(np.arctan2(moved_y, moved_x))), float(np.degrees(latitude))
    converted = convert(*WUHAN, "EPSG:4214", "CGCS2000", shift)
    assert tuple(map(float, converted)) == pytest.approx(expected, abs=1e-10, rel=0)


def test_rotation_conventions_are_opposite() -> None:
    position = HelmertShift(BEIJING54, "position_vector", 20, -150, -80, 0.5, -0.3, 0.7, 1.5)
    frame = HelmertShift(BEIJING54, "coordinate_frame", 20, -150, -80, -0.5, 0.3, -0.7, 1.5)
    one = convert(*WUHAN, "EPSG:4214", "CGCS2000", position)
    other = convert(*WUHAN, "EPSG:4214", "CGCS2000", frame)
    assert tuple(map(float, one)) == pytest.approx(tuple(map(float, other)), abs=1e-12)
    assert float(geodesic_distance(*WUHAN, *one)) > 10


def test_seven_parameters_lead_back_within_millimetres() -> None:
    shift = HelmertShift(BEIJING54, "coordinate_frame", 15.8, -154.4, -82.3, 0.1, -0.2, 0.3, 1.5)
    there = convert(528766.881, 3386169.315, "EPSG:2435", "EPSG:4547", shift)
    back = convert(*there, "EPSG:4547", "EPSG:2435", shift)
    assert tuple(map(float, back)) == pytest.approx((528766.881, 3386169.315), abs=0.005, rel=0)
    assert any("seven stated parameters" in step for step in explain("EPSG:2435", "BD-09", shift))


def test_four_parameters_between_stated_planes() -> None:
    quarter_turn = PlaneShift(
        Frame.parse("2435"), Frame.parse("4547"), PlaneSimilarity(500_000, 3_000_000, rotation=90 * 3600)
    )
    x, y = convert(500_010.0, 20.0, "EPSG:2435", "EPSG:4547", quarter_turn)
    assert (float(x), float(y)) == pytest.approx((500_000 - 20, 3_000_000 + 500_010), abs=1e-6, rel=0)
    back = convert(x, y, "EPSG:4547", "EPSG:2435", quarter_turn)
    assert tuple(map(float, back)) == pytest.approx((500_010.0, 20.0), abs=1e-6, rel=0)


def test_parameters_that_do_not_apply_are_refused() -> None:
    shift = HelmertShift(BEIJING54, "position_vector", 1, 2, 3)
    with pytest.raises(UserError, match="parameters are for Beijing 1954"):
        convert(*WUHAN, "WGS84", "CGCS2000", shift)
    with pytest.raises(UserError, match="already"):
        HelmertShift(WGS84, "position_vector", 1, 2, 3)
    with pytest.raises(UserError, match="convention"):
        HelmertShift(BEIJING54, "bursa", 1, 2, 3)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="in degrees"):
        PlaneShift(BEIJING54, CGCS2000, PlaneSimilarity())


def test_a_local_frame_on_a_zones_meridian_is_that_zone() -> None:
    local = Frame.of_local(LocalFrame("试验", 114.0))
    x, y = convert(*WUHAN, "CGCS2000", local)
    assert (float(x), float(y)) == pytest.approx((528766.881, 3386169.315), abs=0.00051, rel=0)


@given(
    st.floats(113.5, 115.2),
    st.floats(29.5, 31.5),
    st.floats(-1e5, 1e5),
    st.floats(-3600, 3600),
    st.floats(-50, 50),
)
def test_a_local_frame_leads_back(lon: float, lat: float, east: float, turn: float, ppm: float) -> None:
    similarity = PlaneSimilarity(east, -3_000_000.0, turn, ppm)
    local = Frame.of_local(LocalFrame("试验", 114.333, 800_000, scale=1.00001, similarity=similarity))
    back = convert(*convert(lon, lat, "GCJ-02", local), local, "GCJ-02")
    assert float(geodesic_distance(lon, lat, *back)) < 0.001


def test_what_cannot_be_of_the_source_becomes_nan() -> None:
    x = [528766.881, 38528766.881, 3386169.315, np.nan, np.inf]
    y = [3386169.315, 3386169.315, 528766.881, 1.0, 1.0]
    lon, lat = convert(x, y, "EPSG:4547", "CGCS2000")
    assert np.isfinite(lon).tolist() == [True, False, False, False, False]
    assert np.isnan(lat[1:]).all()
    assert np.isnan(convert([114.3, 181.0], [91.0, 0.0], "WGS84", "CGCS2000")).all()


def test_arrays_keep_their_shape_and_inputs_stay_untouched() -> None:
    lon, lat = np.full((4, 5), 114.3), np.full((4, 5), 30.6)
    x, y = convert(lon, lat, "BD-09", "EPSG:4547")
    assert x.shape == y.shape == (4, 5)
    assert (lon == 114.3).all()
    assert convert(114.3, [30.1, 30.2], "WGS84", "EPSG:3857")[1].shape == (2,)
    assert convert([], [], "GCJ-02", "EPSG:4547")[0].shape == (0,)


def test_geometries_are_converted_vertex_by_vertex() -> None:
    line = shapely.LineString([WUHAN, (114.4, 30.5)])
    moved = convert_geometries([line, None, shapely.Point(528766.0, 1.0)], "CGCS2000", "EPSG:4547")
    assert moved[0].coords[0] == pytest.approx((528766.881, 3386169.315), abs=0.001)
    assert moved[1] is None
    assert np.isnan(shapely.get_coordinates(moved[2])).all()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CGCS2000", "CGCS2000"),
        ("cgcs 2000", "CGCS2000"),
        ("国家2000", "CGCS2000"),
        ("4490", "CGCS2000"),
        ("urn:ogc:def:crs:EPSG::4490", "CGCS2000"),
        ("WGS-84", "WGS84"),
        ("epsg:4326", "WGS84"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "WGS84"),
        ("gcj02", "GCJ-02"),
        ("GCJ 02", "GCJ-02"),
        ("高德", "GCJ-02"),
        ("bd09", "BD-09"),
        ("百度坐标系", "BD-09"),
        ("EPSG：4547", "EPSG:4547"),
        (" 4547 ", "EPSG:4547"),
        ("http://www.opengis.net/def/crs/EPSG/0/4547", "EPSG:4547"),
        ("CGCS2000 / 3-degree Gauss-Kruger zone 38", "EPSG:4526"),
        ("CGCS2000_3_Degree_GK_CM_114E", "EPSG:4547"),
        ("CGCS2000 6-degree zone 20", "EPSG:4498"),
    ],
)
def test_frames_by_name(text: str, name: str) -> None:
    assert Frame.parse(text).name == name


@pytest.mark.parametrize(
    "text", ["", "x", "EPSG:", "99999", "EPSG:5737", "EPSG:4479", "CGCS2000 3-degree zone 99"]
)
def test_unknown_frames_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError) as refusal:
        Frame.parse(text)
    assert "\n" not in str(refusal.value)


@given(st.text(max_size=40))
def test_a_frame_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(UserError):
        assert Frame.parse(text) == Frame.parse(f" {text} ")


def test_the_frame_of_a_shapefiles_prj() -> None:
    esri = CRS.from_epsg(4547).to_wkt("WKT1_ESRI")
    assert Frame.of_crs(CRS.from_wkt(esri)).name == "EPSG:4547"
    own_plane = CRS.from_wkt(esri.replace("114.0", "114.25").replace("CM_114E", "own"))
    frame = Frame.of_crs(own_plane)
    assert frame.datum == "CGCS2000"
    assert convert(500_000, 3_386_169.315, frame, "CGCS2000")[0] == pytest.approx(114.25)
    old = Frame.of_crs(CRS.from_wkt(CRS.from_epsg(2435).to_wkt("WKT1_ESRI")))
    with pytest.raises(UserError, match="Beijing 1954"):
        convert(500_000, 3_386_169.315, old, "CGCS2000")
