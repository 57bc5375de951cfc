import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.coordinates import convert, detect_by_magnitude


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (114.3, 30.6, [("CGCS2000", False)]),
        (30.6, 114.3, [("CGCS2000", True)]),
        (528766.881, 3386169.315, [(None, False)]),
        (3386169.315, 528766.881, [(None, True)]),
        (38528766.881, 3386169.315, [("EPSG:4526", False)]),
        (3386169.315, 37528766.881, [("EPSG:4525", True)]),
        (19528766.0, 3386169.0, [("EPSG:4497", False)]),
        (20500000.0, 3386169.0, [("EPSG:4498", False)]),
        (12723812.365, 3580330.079, [("EPSG:3857", False)]),
        (13528766.0, 4186169.0, [("EPSG:4491", False), ("EPSG:3857", False)]),
        (1.0, 2.0, []),
        (0.0, 0.0, []),
        (np.nan, 30.0, []),
    ],
)
def test_single_pairs(x: float, y: float, expected: list[tuple[str | None, bool]]) -> None:
    assert [(found.frame, found.swapped) for found in detect_by_magnitude(x, y)] == expected


def test_offset_frames_are_said_to_look_alike() -> None:
    (found,) = detect_by_magnitude(114.3, 30.6)
    assert "GCJ-02" in found.reason_zh
    assert "GCJ-02" in found.reason_en


def test_a_column_with_a_few_bad_rows() -> None:
    x, y = np.full(100, 38528766.0), np.full(100, 3386169.0)
    x[:7], y[90:] = 0.0, np.nan
    (found,) = detect_by_magnitude(x, y)
    assert found.frame == "EPSG:4526"
    assert found.share == pytest.approx(83 / 90)


def test_a_column_over_two_zones_names_both() -> None:
    x = np.r_[np.full(60, 38528766.0), np.full(40, 39428766.0)]
    found = detect_by_magnitude(x, np.full(100, 3386169.0), least_share=0.3)
    assert [(one.frame, one.share) for one in found] == [("EPSG:4526", 0.6), ("EPSG:4527", 0.4)]


@given(st.floats(74, 134), st.floats(18.5, 53), st.sampled_from(["CGCS2000", "EPSG:3857"]))
def test_positions_in_china_are_recognised(lon: float, lat: float, frame: str) -> None:
    x, y = convert(lon, lat, "CGCS2000", frame)
    assert (frame, False) in [(found.frame, found.swapped) for found in detect_by_magnitude(x, y)]
    assert (frame, True) in [(found.frame, found.swapped) for found in detect_by_magnitude(y, x)]
