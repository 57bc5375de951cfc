import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.coordinates import format_dms, parse_position

PLACE = (114.2999512, 30.5955177)


@pytest.mark.parametrize(
    "text",
    [
        "114.2999512,30.5955177",
        "30.5955177, 114.2999512",
        "114.2999512 30.5955177",
        "114.2999512、30.5955177",
        "114.2999512，30.5955177",
        "114.2999512；30.5955177",
        "(114.2999512, 30.5955177)",
        "POINT(114.2999512 30.5955177)",
        "E114.2999512 N30.5955177",
        "30.5955177N,114.2999512E",
        "lat: 30.5955177, lng: 114.2999512",
        "经度114.2999512 纬度30.5955177",
        "纬度：30.5955177，经度：114.2999512",
        "114°17′59.8243″E，30°35′43.8637″N",
        "北纬30度35分43.8637秒 东经114度17分59.8243秒",
        "东经114度17分59.8243秒北纬30度35分43.8637秒",
        "30°35′43.8637″ 114°17′59.8243″",
        "114 17 59.8243 30 35 43.8637",
        "114:17:59.8243,30:35:43.8637",
        "国家2000 114.2999512 30.5955177",
        "WGS84 114.2999512,30.5955177",
        "GCJ-02 114.30538899,30.59310006",
        "高德：114.30538899,30.59310006",
        "百度地图坐标 114.31197031 30.59876888",
        "X=3386169.315,Y=528766.881",
        "X：3386169.315，Y：38528766.881",
        "x=528766.881 y=3386169.315",
        "纵坐标3386169.315 横坐标528766.881",
        "528766.881米 3386169.315米",
        "38528766.881,3386169.315",
        "3386169.315 38528766.881",
        "EPSG:4526 38528766.881,3386169.315",
        "EPSG：4547 3386169.315 528766.881",
        "12723812.365,3580330.079",
        "web mercator 12723812.365,3580330.079",
    ],
)
def test_every_way_of_writing_the_same_place(text: str) -> None:
    position = parse_position(text)
    assert position is not None
    assert (position.lon, position.lat) == pytest.approx(PLACE, abs=2e-8)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "积水",
        "武珞路 114",
        "4201060001",
        "420106001,420106002",
        "11,22",
        "20 30",
        "1,2,3",
        "99999,99999",
        "N30.6",
        "E114.3 E30.6",
        "114.3E 95N",
        "EPSG:4526 528766 3386169",
        "EPSG:2435 528766 3386169",
        "EPSG:99999 528766 3386169",
        "GCJ-02 528766 3386169",
        "114.3,30.6" + " " * 200,
    ],
)
def test_what_is_no_position_is_left_to_the_other_searches(text: str) -> None:
    assert parse_position(text) is None


def test_it_says_what_the_text_was_read_as() -> None:
    plain, amap, survey = map(parse_position, ("114.3,30.6", "高德 114.3,30.6", "X=3386169,Y=38528766"))
    assert plain
    assert amap
    assert survey
    assert plain.read_as_zh == "CGCS2000 经纬度"
    assert amap.read_as_en == "GCJ-02 degrees"
    assert amap.lon != plain.lon
    assert survey.read_as_zh == "EPSG:4526 3 度带第 38 带，中央经线 114°"


def test_metres_without_zone_number_are_the_districts() -> None:
    wuhan, yichang = parse_position("528766,3386169"), parse_position("528766,3386169", "EPSG:4546")
    numbered = parse_position("528766,3386169", "EPSG:4526")
    assert wuhan
    assert yichang
    assert numbered
    assert yichang.lon == pytest.approx(wuhan.lon - 3)
    assert numbered == wuhan


def test_of_two_readings_the_one_near_the_district_is_taken() -> None:
    east, west = parse_position("13528766,4186169"), parse_position("13528766,4186169", "EPSG:4534")
    assert east
    assert west
    assert east.frame.name == "EPSG:3857"
    assert west.frame.name == "EPSG:4491"


@given(st.text(max_size=60) | st.text("0123456789 .,°′″度分秒EN东经北纬XY=:-()GCJ百度EPSG", max_size=60))
def test_reading_never_crashes(text: str) -> None:
    position = parse_position(text)
    assert position is None or (-180 <= position.lon <= 180 and -90 <= position.lat <= 90)


@given(st.floats(73, 135), st.floats(18, 53))
def test_unmarked_degrees_in_either_order(lon: float, lat: float) -> None:
    for text in (f"{lon:.9f},{lat:.9f}", format_dms(lon, lat, 5), format_dms(lon, lat, 5, "en")):
        position = parse_position(text)
        assert position is not None
        assert (position.lon, position.lat) == pytest.approx((lon, lat), abs=1e-8)
