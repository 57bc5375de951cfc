import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.coordinates import Fault, format_dms, parse_angle, parse_degrees, parse_position
from geodata.errors import UserError

HALF_SECOND_PAST = 114 + 18 / 60 + 0.5 / 3600


@pytest.mark.parametrize(
    ("text", "degrees", "axis"),
    [
        ("114°18′00.5″E", HALF_SECOND_PAST, "lon"),
        ("东经114度18分0.5秒", HALF_SECOND_PAST, "lon"),
        ("E114°18'00.5\"", HALF_SECOND_PAST, "lon"),
        ("E 114°18'00.5''", HALF_SECOND_PAST, "lon"),
        ("114° 18’ 00.5”", HALF_SECOND_PAST, None),
        ("114º18´00.5″", HALF_SECOND_PAST, None),
        ("114:18:00.5", HALF_SECOND_PAST, None),
        ("114：18：00.5", HALF_SECOND_PAST, None),
        ("114-18-00.5", HALF_SECOND_PAST, None),
        ("114 18 0.5", HALF_SECOND_PAST, None),
        ("１１４°１８′００．５″", HALF_SECOND_PAST, None),
        ("１１４度１８分０.５秒", HALF_SECOND_PAST, None),
        ("114.30013889", 114.30013889, None),
        ("经度：114.3", 114.3, "lon"),
        ("114.3°", 114.3, None),
        ("114度", 114.0, None),
        ("北纬30°35'", 30 + 35 / 60, "lat"),
        ("N30°35.5'", 30 + 35.5 / 60, "lat"),
        ("30°35", 30 + 35 / 60, None),
        ("南纬30度", -30.0, "lat"),
        ("30°30′S", -30.5, "lat"),
        ("西经114.3", -114.3, "lon"),
        ("-114°30′", -114.5, None),
        ("−30.5", -30.5, None),
        ("+30.5", 30.5, None),
    ],
)
def test_forms_that_staff_type(text: str, degrees: float, axis: str | None) -> None:
    angle = parse_angle(text)
    assert angle.degrees == pytest.approx(degrees, abs=1e-12)
    assert angle.axis == axis


def test_packed_forms_only_when_flagged() -> None:
    assert parse_angle("1141800.5", packed="DDDMMSS").degrees == pytest.approx(HALF_SECOND_PAST, abs=1e-12)
    assert parse_angle("303544", packed="DDDMMSS").degrees == pytest.approx(30 + 35 / 60 + 44 / 3600)
    assert parse_angle("114.18005", packed="D.MMSS").degrees == pytest.approx(HALF_SECOND_PAST, abs=1e-12)
    assert parse_angle("114.18005").degrees == 114.18005
    with pytest.raises(UserError, match="out of range"):
        parse_angle("1141800.5")
    with pytest.raises(UserError, match="60 or more"):
        parse_angle("114.6000", packed="D.MMSS")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault.EMPTY),
        ("  ", Fault.EMPTY),
        ("武昌", Fault.NOT_AN_ANGLE),
        ("114°18′00.5″30", Fault.NOT_AN_ANGLE),
        ("114.5°18′", Fault.NOT_AN_ANGLE),
        ("114°18.5′30″", Fault.NOT_AN_ANGLE),
        ("--114", Fault.NOT_AN_ANGLE),
        ("114°60′", Fault.SIXTY),
        ("114:18:60", Fault.SIXTY),
        ("180.0001", Fault.OUT_OF_RANGE),
        ("N90.1", Fault.OUT_OF_RANGE),
        ("E30N", Fault.WRONG_AXIS),
        ("西经-114", Fault.CONTRADICTORY),
        ("x" * 200, Fault.NOT_AN_ANGLE),
    ],
)
def test_rubbish_is_refused_with_its_fault(text: str, fault: Fault) -> None:
    with pytest.raises(UserError, match=fault.en):
        parse_angle(text)
    values, faults = parse_degrees([text, "30"])
    assert np.isnan(values[0])
    assert faults.tolist() == [fault, None]


def test_a_column_of_mixed_forms() -> None:
    column = ["114.3", "114°18′00.5″E", None, "N30", 114.3, "190", "inf", "nan"]
    values, faults = parse_degrees(column, "lon")
    assert values[[0, 1, 4]] == pytest.approx([114.3, HALF_SECOND_PAST, 114.3], abs=1e-12)
    assert np.isnan(values[[2, 3, 5, 6, 7]]).all()
    assert faults.tolist() == [
        None,
        None,
        Fault.EMPTY,
        Fault.WRONG_AXIS,
        None,
        Fault.OUT_OF_RANGE,
        Fault.OUT_OF_RANGE,
        Fault.NOT_AN_ANGLE,
    ]
    assert all(fault.zh and fault.en for fault in Fault)


@pytest.mark.parametrize("dtype", ["float64", "Float64", "float32"])
def test_a_column_of_numbers(dtype: str) -> None:
    values, faults = parse_degrees(pd.Series([30.5, None, -12.0], dtype=dtype, index=[7, 8, 9]), "lat")
    assert values[[0, 2]].tolist() == [30.5, -12.0]
    assert faults.tolist() == [None, Fault.EMPTY, None]


def test_a_packed_column() -> None:
    values, faults = parse_degrees(["1141800.5", "1146000"], "lon", "DDDMMSS")
    assert values[0] == pytest.approx(HALF_SECOND_PAST, abs=1e-12)
    assert faults.tolist() == [None, Fault.SIXTY]


@given(st.text(max_size=80) | st.text("0123456789 .,°′″度分秒EN东经北纬:-'", max_size=30))
def test_reading_never_crashes(text: str) -> None:
    values, faults = parse_degrees([text])
    assert np.isnan(values[0]) == (faults[0] is not None)
    if faults[0] is Fault.SIXTY:
        with pytest.raises(UserError):
            parse_angle(text)


@given(st.floats(-180, 180), st.floats(-90, 90), st.sampled_from(["zh", "en"]))
def test_what_is_written_can_be_read(lon: float, lat: float, language) -> None:
    position = parse_position(format_dms(lon, lat, decimals=4, language=language))
    assert position is not None
    assert (position.lon, position.lat) == pytest.approx((lon, lat), abs=0.00006 / 3600)


def test_writing_carries_into_minutes_and_degrees() -> None:
    assert format_dms(113.99999999, 30.59999999) == "东经114°00′00.00″ 北纬30°36′00.00″"
    assert format_dms(-114.5, -0.25, 0, "en") == "114°30′00″W 0°15′00″S"
    assert format_dms(114.3, 30.6, 1) == "东经114°18′00.0″ 北纬30°36′00.0″"
    with pytest.raises(UserError):
        format_dms(float("nan"), 30.0)
