"""What the readings of a batch come to by series and hour: found in columns, added to the store's own."""

from dataclasses import dataclass

import numpy as np

from geodata.binary_array import BinaryArray, float8_array, int4_array, timestamp_array

LOCAL = np.timedelta64(8, "h")
"""Days are those of Asia/Shanghai, which has no summer time."""


@dataclass(frozen=True)
class HourAggregates:
    """One row for each series and hour; times are datetime64[us] in UTC, ``day`` counts from 1970-01-01."""

    series: np.ndarray
    hour: np.ndarray
    day: np.ndarray
    n: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    minimum_at: np.ndarray
    maximum_at: np.ndarray
    sum: np.ndarray
    last: np.ndarray
    last_at: np.ndarray

    def arrays(self) -> list[BinaryArray]:
        """In the order ``ioc.add_readings`` takes them."""
        return [
            int4_array(self.series),
            timestamp_array(self.hour),
            int4_array(self.day),
            int4_array(self.n),
            float8_array(self.minimum),
            float8_array(self.maximum),
            timestamp_array(self.minimum_at),
            timestamp_array(self.maximum_at),
            float8_array(self.sum),
            float8_array(self.last),
            timestamp_array(self.last_at),
        ]


def hour_aggregates(series: np.ndarray, observed_at: np.ndarray, value: np.ndarray) -> HourAggregates:
    """Aggregates of readings that are ordered by series and time, at least one; values are finite.

    The extremes are at the first moment they are reached.
    """
    hour = observed_at.astype("datetime64[h]").astype("datetime64[us]")
    begins = np.r_[True, (series[1:] != series[:-1]) | (hour[1:] != hour[:-1])]
    first = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    ends = np.r_[first[1:], len(series)] - 1
    lowest = np.lexsort((observed_at, value, group))[first]
    highest = np.lexsort((observed_at, -value, group))[first]
    return HourAggregates(
        series[first],
        hour[first],
        (hour[first] + LOCAL).astype("datetime64[D]").astype(np.int32),
        ends - first + 1,
        value[lowest],
        value[highest],
        observed_at[lowest],
        observed_at[highest],
        np.add.reduceat(value, first),
        value[ends],
        observed_at[ends],
    )
