"""Messages as readings and positions; the expected values are those that the frames' publishers print."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from etl.feeds import hj212, jt808, jt808_body, sl651
from etl.feeds.frame import FrameError
from etl.feeds.hj212_readings import hj212_readings
from etl.feeds.jt808_positions import Track, locations_in, vehicle_code
from etl.feeds.reading import Reading
from etl.feeds.sl651_readings import sl651_readings
from etl.feeds.sl651_report import read_report
from tests.etl.feeds import published_frames as published

BEIJING = timezone(timedelta(hours=8))


def _upload(command: str, *items: tuple[tuple[str, str], ...], mn: str = "A1") -> list[Reading]:
    return hj212_readings(hj212.Message("22", command, (*items,), mn=mn))


def test_the_published_air_frame() -> None:
    readings = hj212_readings(hj212.decode(published.HJ212_AIR.encode()))
    at = datetime(2019, 10, 12, 13, 37, 10, tzinfo=BEIJING)
    assert [(one.metric, one.value) for one in readings] == [
        ("a21005", 0.0),
        ("a21004", 0.0),
        ("a21007", 0.033),
        ("a21006", 0.036),
        ("a21001", 25.4),
        ("a21003", 101.94),
        ("a21002", 49.2),
    ]
    assert {(one.device, one.observed_at, one.quality) for one in readings} == {("Y80110010000010", at, "")}


def test_statistics_of_one_moment_are_named_apart() -> None:
    time = (("DataTime", "20260701140000"),)
    statistics = (
        ("w01018-Min", "11.2"),
        ("w01018-Avg", "12.5"),
        ("w01018-Max", "14.1"),
        ("w01018-Flag", "N"),
    )
    minute = {one.metric: one.value for one in _upload("2051", time, statistics)}
    assert minute == {"w01018-MinuteMin": 11.2, "w01018-MinuteAvg": 12.5, "w01018-MinuteMax": 14.1}
    assert {one.metric for one in _upload("2061", time, statistics)}.isdisjoint(minute)
    assert [one.metric for one in _upload("2031", time, (("w00000-Cou", "86.4"),))] == ["w00000-DayCou"]
    assert [one.metric for one in _upload("2031", time, (("LA-NightData", "44"),))] == ["LA-NightData"]


def test_flags_are_the_quality_and_codes_of_2005_the_present_ones() -> None:
    time = (("DataTime", "20260701140000"),)
    fault = (("011-Rtd", "0.0"), ("011-Flag", "D"))
    silent = (("060-Rtd", ""), ("060-Flag", "B"))
    text = (("i11001-Info", "on site"),)
    readings = _upload("2011", time, fault, silent, text)
    assert [(one.metric, one.value, one.quality) for one in readings] == [
        ("w01018", 0.0, "D"),
        ("w21003", None, "B"),
    ]


def test_a_factor_with_a_time_of_its_own() -> None:
    time = (("DataTime", "20260701140000"),)
    sampled = (("w21011-Rtd", "0.3"), ("w21011-SampleTime", "20260701120000"))
    (reading,) = _upload("2011", time, sampled)
    assert reading.observed_at == datetime(2026, 7, 1, 12, tzinfo=BEIJING)


def _hydrological(frame: str) -> list[Reading]:
    decoded = sl651.decode(bytes.fromhex(frame))
    return sl651_readings(decoded.station, read_report(decoded))


def test_the_published_timed_report() -> None:
    at = datetime(2017, 7, 18, 11, tzinfo=BEIJING)
    assert _hydrological(published.SL651_TIMED) == [
        Reading("0011223344", "PJ", at, 4.0),
        Reading("0011223344", "PT", at, 4.0),
        Reading("0011223344", "Z", at, 10.49),
        Reading("0011223344", "VT", at, 10.99),
    ]


def test_the_rows_of_an_hourly_report_are_unrolled_and_missing_values_left_out() -> None:
    begin = datetime(2017, 7, 18, 10, 5, tzinfo=BEIJING)
    readings = _hydrological(published.SL651_HOURLY)
    rain = [
        ((one.observed_at - begin) / timedelta(minutes=5), one.value)
        for one in readings
        if one.metric == "DRP"
    ]
    level = {
        (one.observed_at - begin) / timedelta(minutes=5): one.value
        for one in readings
        if one.metric == "DRZ1"
    }
    assert rain == [(0, 0.5), (1, 0.0), (2, 0.0), (3, 0.0), (4, 2.0), (10, 0.0), (11, 0.0)]
    assert level == {0: 0.12, 1: 0.12, 2: 0.28, 3: 0.49, 4: 0.49, 10: 0.49, 11: 0.49}


def _location(at: datetime, longitude: float, latitude: float) -> jt808_body.Location:
    fixed = jt808_body.FIXED | jt808_body.ACC
    return jt808_body.Location(0, fixed, longitude, latitude, 24, 36.5, 90, at)


def test_a_vehicle_is_the_same_in_both_editions() -> None:
    assert vehicle_code("013942000001") == vehicle_code("00000000013942000001") == "013942000001"


def test_the_published_position() -> None:
    message = jt808.decode(bytes.fromhex(published.JT808_BOTH_ESCAPES))
    (location,) = locations_in(message, message.body)
    position = Track().position("1", location, location.at)
    assert position[2:8] == (132.444444, 12.222222, 6.0, 0.0, 40.0, "00000002")


def test_an_exchanged_position_and_one_of_the_future_are_not_believed() -> None:
    message = jt808.decode(bytes.fromhex(published.JT808_EXCHANGED))
    (location,) = locations_in(message, message.body)
    with pytest.raises(FrameError, match="exchanged"):
        Track().position("1", location, location.at)
    now = datetime(2026, 7, 1, 14, tzinfo=BEIJING)
    late = _location(now - timedelta(days=3), 114.3, 30.5)
    assert Track().position("1", late, now).observed_at == late.at
    with pytest.raises(FrameError, match="24 h"):
        Track().position("1", replace(late, at=now + timedelta(hours=25)), now)


def test_a_leap_is_doubted_and_one_wrong_fix_shuts_out_no_other() -> None:
    now = datetime(2026, 7, 1, 14, tzinfo=BEIJING)
    # A hundredth of a degree of longitude at 30.5° N is 959 m: 345 km/h in 10 s.
    steps = [0.0, 0.01, 0.0002, 0.02, 0.0201, 0.0202]
    track, believed = Track(), []
    for number, step in enumerate(steps):
        try:
            track.position("1", _location(now + timedelta(seconds=10 * number), 114.3 + step, 30.5), now)
            believed.append(step)
        except FrameError:
            continue
    assert believed == [0.0, 0.0002, 0.0201, 0.0202]
