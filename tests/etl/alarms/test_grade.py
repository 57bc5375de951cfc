"""Grades by limits, hysteresis and hold, worked through by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etl.alarms.grade import Watch, grades

NOON = datetime(2026, 7, 6, 4, 0, tzinfo=UTC)
# Depth of water on a road, cm: blue, yellow, orange, red.
DEPTHS = (15.0, 27.0, 40.0, 60.0)
HYSTERESIS = 2.0


def grade_of(value: float) -> int:
    return int(grades(np.array([value]), np.array([DEPTHS]))[0])


def walk(values: list[float], hold_s: float = 0, step_s: float = 60) -> list[int]:
    """Grades after each value, the values ``step_s`` apart."""
    watch, seen = Watch(), []
    for number, value in enumerate(values):
        at = NOON + timedelta(seconds=step_s * number)
        watch = watch.judged(grade_of(value), grade_of(value + HYSTERESIS), at, timedelta(seconds=hold_s))
        seen.append(watch.grade)
    return seen


def test_a_limit_is_reached_at_its_value() -> None:
    assert [grade_of(value) for value in (0, 14.9, 15, 26.9, 27, 40, 59.9, 60, 200)] == [
        0, 0, 1, 1, 2, 3, 3, 4, 4,
    ]  # fmt: skip


def test_a_missing_value_and_a_missing_limit_reach_nothing() -> None:
    none = np.nan
    assert grades(np.array([none, 50.0]), np.array([DEPTHS, (none, none, none, 60.0)])).tolist() == [0, 0]


def test_a_value_that_swings_around_a_limit_makes_one_alarm() -> None:
    assert walk([14, 15.2, 14.8, 15.1, 14.1, 15.0, 13.1, 12.9]) == [0, 1, 1, 1, 1, 1, 1, 0]


def test_a_splash_shorter_than_the_hold_is_no_alarm() -> None:
    assert walk([16, 3, 16, 16, 16], hold_s=120) == [0, 0, 0, 0, 1]


def test_an_alarm_ends_when_values_stayed_low_throughout_the_hold() -> None:
    assert walk([16, 16, 16, 3, 16, 3, 3, 3], hold_s=120) == [0, 0, 1, 1, 1, 1, 1, 0]


def test_an_alarm_rises_and_falls_by_its_grades() -> None:
    assert walk([28, 41, 61, 59, 57, 39, 14, 12]) == [2, 3, 4, 4, 3, 3, 1, 0]


@given(st.lists(st.floats(0, 100), max_size=40), st.integers(0, 300))
def test_the_grade_is_never_one_that_no_value_asked_for(values: list[float], hold: int) -> None:
    for place, grade in enumerate(walk(values, hold)):
        asked = {0} | {grade_of(v) for v in values[: place + 1]}
        asked |= {grade_of(v + HYSTERESIS) for v in values[: place + 1]}
        assert grade in asked


@given(st.lists(st.floats(0, 100), max_size=40))
def test_without_a_hold_the_grade_lies_within_the_hysteresis_of_the_value(values: list[float]) -> None:
    for value, grade in zip(values, walk(values), strict=True):
        assert grade_of(value) <= grade <= grade_of(value + HYSTERESIS)
