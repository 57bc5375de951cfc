"""A course drawn in few points keeps its peaks, at the moments they were reached."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from layers.observation import extremes


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=400), st.integers(2, 60))
def test_the_extremes_of_a_course_are_among_its_points(values: list[int], points: int) -> None:
    value = np.array(values, dtype=float)
    times = 1.8e9 + 60.0 * np.arange(len(value))
    at, shown = extremes(times, value, times, value, points)
    assert len(shown) <= max(points, 2)
    assert np.all(np.diff(at) >= 0)
    assert (shown.min(), shown.max()) == (value.min(), value.max())
    drawn = set(zip(at.tolist(), shown.tolist(), strict=True))
    assert drawn <= set(zip(times.tolist(), value.tolist(), strict=True))
    assert (times[int(value.argmax())], value.max()) in drawn


def test_extremes_of_hours_keep_each_hours_own_moments() -> None:
    low_at, high_at = np.array([30.0, 3700.0, 7300.0]), np.array([10.0, 7100.0, 7201.0])
    at, shown = extremes(low_at, np.array([1.0, 2.0, 3.0]), high_at, np.array([5.0, 9.0, 4.0]), 100)
    assert list(zip(at.tolist(), shown.tolist(), strict=True)) == [
        (10.0, 5.0),
        (30.0, 1.0),
        (3700.0, 2.0),
        (7100.0, 9.0),
        (7201.0, 4.0),
        (7300.0, 3.0),
    ]
