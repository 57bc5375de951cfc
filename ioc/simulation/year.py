"""The demo district's year before its past: synthetic (演示) courses of level, rain, water quality and gas.

Only aggregates are made, each of one value, as hydrological and water-quality stations hand in at fixed
hours; there are no raw readings of it, and no alarms are judged. The year ends as the past begins.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg import Connection

from etl.feeds.reading_aggregate import hour_aggregates
from geodata.binary_array import understand_arrays
from geodata.store import Store
from ioc.demo.landscape import Floats
from ioc.simulation import district as kinds
from ioc.simulation.roster import Devices
from ioc.simulation.water import Levels

DAYS = 366
LEVEL_HOURS, QUALITY_HOURS, GAS_HOURS = 3, 4, 24
"""Hours between two values: eight levels a day (八段制), six of water quality."""
# Wuhan by month, rounded: millimetres and days of rain (long-term means as commonly published; unverified).
RAIN_MM = np.array([43, 59, 95, 131, 164, 225, 190, 112, 80, 93, 52, 26], dtype=float)
RAIN_DAYS = np.array([8, 9, 12, 12, 12, 12, 11, 9, 8, 9, 8, 6], dtype=float)
MOST_MM_A_DAY = 180.0
DRY_HOURS = 120
"""Before the past begins no rain fell for so long: the past begins dry."""
# The Yangtze at Hankou in the middle of each month, metres against the guard level: plausible, no record.
RIVER_M = np.array([-8.5, -8.8, -7.5, -5.5, -3.2, -1.0, 1.6, 0.4, -1.0, -3.0, -5.5, -7.8])
FLOOD_M, FLOOD_DAY, FLOOD_DAYS = 1.4, 193, 6.0
"""A flood wave of the Meiyu: height over the season's level, its day of the year, half its width."""
RATING = (21_500.0, 13.8, 1.6)
"""m³/s at the level that the past begins with, metres of that above the bed, and the exponent."""
LAKE_RECESSION = 0.45
"""Of the rise of a lake so much is gone after a day: over weeks of rain gates do not keep up."""
SETTLING_DAYS = 45
"""Within so many days the courses go over into what the past begins with."""

LACKING = "SELECT NOT EXISTS (SELECT FROM ioc.observation_hour)"
PARTITIONS = """
    SELECT ioc.make_reading_partitions(month::date, month::date)
    FROM generate_series(date_trunc('month', %s::timestamptz), %s, interval '1 month') AS month
"""
SERIES = "SELECT id, device_code FROM ioc.series_of(%s, %s)"
ADD = "SELECT ioc.add_readings(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

Course = tuple[str, list[str], np.ndarray, Floats]
"""A metric, codes of its devices, hours of UTC, and values: a row for each hour, a column for each device."""


def ensure_demo_year(store: Store, devices: Mapping[str, Devices], seed: int, past: timedelta) -> int:
    """Fill a store without readings with a year that ends ``past`` ago; gives the rows made."""
    end = datetime.now(UTC) - past
    with store.owner_connection() as connection:
        if connection.execute(LACKING).fetchone() != (True,):
            return 0
        connection.execute(PARTITIONS, [end - timedelta(days=DAYS), end])
        understand_arrays(connection)
        courses = make_year(devices, np.random.default_rng(seed), end)
        return sum(_add(connection, course) for course in courses)


def make_year(devices: Mapping[str, Devices], rng: np.random.Generator, end: datetime) -> Iterator[Course]:
    """Courses of the year that ends at a moment, of the kinds of devices there are."""
    last = np.datetime64(end.replace(tzinfo=None), "h")
    hours = last - np.arange(DAYS * 24, 0, -1) * np.timedelta64(1, "h")
    rain = rain_of(rng, hours)
    if kinds.GAUGES in devices:
        yield "PN05", list(devices[kinds.GAUGES].codes), hours, _gauges(rng, rain, devices[kinds.GAUGES])
    if kinds.LEVELS in devices:
        found = devices[kinds.LEVELS]
        river = river_of(rng, hours)
        level = _levels(rng, hours, rain, river, found)[::LEVEL_HOURS]
        yield "Z", list(found.codes), hours[::LEVEL_HOURS], np.round(level, 3)
        if kinds.FLOW in devices:
            codes = list(devices[kinds.FLOW].codes)
            most, depth, power = RATING
            above = depth + river[::LEVEL_HOURS, None] + kinds.RIVER_BELOW_GUARD
            flow = most * (np.maximum(above, 1.0) / depth) ** power
            flow = flow + rng.normal(0, 60, (len(flow), len(codes)))
            yield "Q", codes, hours[::LEVEL_HOURS], np.round(flow)
    if kinds.QUALITY in devices:
        yield from _quality(rng, hours, rain, list(devices[kinds.QUALITY].codes))
    if kinds.GAS in devices:
        codes = list(devices[kinds.GAS].codes)
        shape = (len(hours[::GAS_HOURS]), len(codes))
        whiffs = (rng.random(shape) < 0.004) * rng.uniform(3, 9, shape)
        yield "CH4", codes, hours[::GAS_HOURS], np.round(np.abs(rng.normal(0, 0.8, shape)) + whiffs, 1)


def rain_of(rng: np.random.Generator, hours: np.ndarray) -> Floats:
    """Millimetres of rain in the district in each hour: wet days by month, most rain in the Meiyu."""
    month = _month(hours)
    rain = np.zeros(len(hours))
    for first in range(0, len(hours) - 24, 24):
        m = month[first]
        if rng.random() >= RAIN_DAYS[m] / 30.4:
            continue
        amount = min(rng.gamma(0.7, RAIN_MM[m] / RAIN_DAYS[m] / 0.7), MOST_MM_A_DAY)
        length = int(min(1 + rng.integers(0, 5) + amount / 12, 14))
        begin = first + int(rng.integers(0, 24))
        shares = rng.dirichlet(np.full(length, 1.2))
        rain[begin : begin + length] += amount * shares[: len(rain) - begin]
    rain[-DRY_HOURS:] = 0.0
    return rain


def river_of(rng: np.random.Generator, hours: np.ndarray) -> Floats:
    """The river's level against its guard level, metres: low in winter, over the warning level in July."""
    day = _day_of_year(hours)
    middles = np.arange(12) * 30.44 + 15.2
    level = np.interp(day, middles, RIVER_M, period=365.25)
    level += FLOOD_M * np.exp(-0.5 * ((day - FLOOD_DAY) / FLOOD_DAYS) ** 2)
    # What comes down from upstream: days long, so made day by day and drawn through.
    days = np.zeros(len(hours) // 24 + 2)
    for number in range(1, len(days)):
        days[number] = 0.88 * days[number - 1] + rng.normal(0, 0.16)
    level += np.interp(np.arange(len(hours)) / 24, np.arange(len(days)), days)
    return _settled(level, -kinds.RIVER_BELOW_GUARD)


def _gauges(rng: np.random.Generator, rain: Floats, gauges: Devices) -> Floats:
    """Each gauge has its own share of each day's rain; NaN in hours without any."""
    shares = np.exp(rng.normal(0, 0.22, (len(rain) // 24 + 1, len(gauges.codes))))
    fallen = np.round(rain[:, None] * shares[np.arange(len(rain)) // 24], 1)
    return np.where(fallen > 0, fallen, np.nan)


def _levels(
    rng: np.random.Generator, hours: np.ndarray, rain: Floats, river: Floats, found: Devices
) -> Floats:
    guard = np.nan_to_num(found.guard, nan=19.15)
    lakes = Levels(guard - kinds.LAKE_BELOW_GUARD, np.full(len(guard), kinds.LAKE_GAIN), LAKE_RECESSION)
    summer = -np.cos(2 * np.pi * (_day_of_year(hours) - 20) / 365.25)
    level = np.empty((len(hours), len(guard)))
    for number, fallen in enumerate(rain):
        lakes.step(np.full(len(guard), fallen), 3600)
        level[number] = lakes.level
    level += _settled(0.07 * summer, 0.0)[:, None]
    own = _settled(1.0, 0.0, len(hours))[:, None] * rng.normal(0, 0.15, len(guard))
    level = np.where(found.on_river, guard + river[:, None] + own, level)
    return level + rng.normal(0, 0.004, level.shape)


def _quality(rng: np.random.Generator, hours: np.ndarray, rain: Floats, codes: list[str]) -> Iterator[Course]:
    """Oxygen falls and ammonia rises while rain washes the streets; cold water holds more oxygen."""
    washed = np.minimum(np.convolve(rain, np.ones(8))[: len(rain)] / 30, 1.0)
    winter = np.cos(2 * np.pi * (_day_of_year(hours) - 20) / 365.25)
    means = {
        "w01001": (_settled(7.6 - 0.25 * winter, 7.5), 0.05, 2),
        "w01009": (_settled(7.6 + 1.7 * winter, 7.2) - 2.5 * washed, 0.15, 1),
        "w21003": (_settled(0.55 + 0.1 * winter, 0.5) + 1.1 * washed, 0.04, 2),
    }
    own = rng.normal(0, 1, len(codes))
    for metric, (mean, size, digits) in means.items():
        value = mean[::QUALITY_HOURS, None] + size * own
        value = value + rng.normal(0, size, value.shape)
        yield metric, codes, hours[::QUALITY_HOURS], np.round(np.maximum(value, 0.02), digits)


def _settled(course: Floats | float, goal: float, length: int = 0) -> Floats:
    """The course of hours, going over into what the past begins with."""
    given = np.broadcast_to(course, (length or np.size(course),))
    left = np.arange(len(given), 0, -1) / (SETTLING_DAYS * 24)
    weight = np.clip(1 - left, 0, 1) ** 2
    return given * (1 - weight) + goal * weight


def _month(hours: np.ndarray) -> np.ndarray:
    """0 for January, in the district."""
    return (hours + np.timedelta64(8, "h")).astype("datetime64[M]").astype(int) % 12


def _day_of_year(hours: np.ndarray) -> Floats:
    return (hours - hours.astype("datetime64[Y]")) / np.timedelta64(1, "D")


def _add(connection: Connection[tuple[object, ...]], course: Course) -> int:
    metric, codes, hours, values = course
    ids = {code: number for number, code in connection.execute(SERIES, [codes, [metric] * len(codes)])}
    number = np.repeat(np.array([ids[code] for code in codes], dtype=np.int32), len(hours))
    at = np.tile(hours.astype("datetime64[us]"), len(codes))
    value = values.T.ravel()
    known = np.isfinite(value)
    number, at, value = number[known], at[known], value[known]
    order = np.lexsort((at, number))
    if len(order):
        connection.execute(ADD, hour_aggregates(number[order], at[order], value[order]).arrays())
    return len(order)
