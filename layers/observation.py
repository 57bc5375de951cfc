"""What stations measure, as far as the viewer may see the devices: courses, sums, raw readings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from geodata.store import Store
from geodata.viewer import Viewer
from layers.problem import NotFoundError

MOST_RAW = 40_000
"""Readings that are read one by one for a course; of more, the extremes of hours or days are."""
RAW_SPAN = timedelta(days=40)
"""Up to this span readings are, each day a table of its own; a point of 2,000 then stands for an hour."""
HOURLY_SPAN = timedelta(days=3 * 366)
"""Up to this span hours are read, beyond it days."""
LOCAL = timedelta(hours=8)
"""Days are those of Asia/Shanghai, which has no summer time."""

COURSE_OF = b"""
    SELECT s.id, d.code, m.name, m.unit, m.lower_limit, m.upper_limit, coalesce(t.name, d.name),
        t.guard_level, t.warning_level, t.design_level
    FROM ioc.series s
    JOIN ioc.device d ON d.code = s.device_code
    LEFT JOIN ioc.station t ON t.code = d.station_code
    LEFT JOIN ioc.metric m ON m.device_code = d.code AND m.metric = s.metric
    WHERE (d.station_code = %(code)s OR d.code = %(code)s) AND s.metric = %(metric)s
        AND (%(device)s = '' OR d.code = %(device)s)
    ORDER BY d.code LIMIT 1
"""
READINGS_IN = b"""
    SELECT coalesce(sum(n), 0) FROM ioc.observation_day
    WHERE series_id = %(series)s AND day BETWEEN %(first_day)s AND %(last_day)s
"""

FIRST_HOUR = b"""
    SELECT extract(epoch FROM min(hour))::float8 FROM ioc.observation_hour
    WHERE series_id = %(series)s AND hour >= %(begin)s AND hour < %(end)s
"""

# Columns of big-endian doubles: a year's extremes in one value each, decoded without a loop.
READINGS = b"""
    SELECT string_agg(float8send(extract(epoch FROM observed_at)::float8), ''::bytea),
        string_agg(float8send(value), ''::bytea)
    FROM (
        SELECT observed_at, value FROM ioc.observation
        WHERE series_id = %(series)s AND observed_at >= %(begin)s AND observed_at < %(end)s
            AND value IS NOT NULL
        ORDER BY observed_at
    ) AS given
"""
EXTREMES = """
    SELECT string_agg(float8send(extract(epoch FROM minimum_at)::float8), ''::bytea),
        string_agg(float8send(minimum), ''::bytea),
        string_agg(float8send(extract(epoch FROM maximum_at)::float8), ''::bytea),
        string_agg(float8send(maximum), ''::bytea), sum(n)
    FROM (SELECT * FROM ioc.{table} WHERE series_id = %(series)s AND {within} ORDER BY {time}) AS given
"""
HOURS = EXTREMES.format(
    table="observation_hour", within="hour >= %(begin)s AND hour < %(end)s", time="hour"
).encode()
DAYS = EXTREMES.format(
    table="observation_day", within="day BETWEEN %(first_day)s AND %(last_day)s", time="day"
).encode()
SUMS = b"""
    SELECT string_agg(float8send(extract(epoch FROM hour)::float8), ''::bytea),
        string_agg(float8send(sum), ''::bytea), sum(n)
    FROM (
        SELECT * FROM ioc.observation_hour
        WHERE series_id = %(series)s AND hour >= %(begin)s AND hour < %(end)s ORDER BY hour
    ) AS given
"""


@dataclass(frozen=True)
class CourseQuestion:
    """Which course: of a station's (or device's) metric, between two moments, in at most so many points."""

    code: str
    metric: str
    begin: datetime
    end: datetime
    points: int = 2000
    device: str = ""


async def course(store: Store, viewer: Viewer, question: CourseQuestion) -> dict[str, Any]:
    """A metric's course in at most ``points`` points that keep every peak: minima and maxima of equal spans.

    Raises:
        NotFoundError: the station reports no such metric, as far as the viewer may see.
    """
    found = await _series(store, viewer, question)
    parameters = _parameters(found["series"], question)
    ((readings,),) = (await store.read(viewer, [(READINGS_IN, parameters)]))[0]
    span = question.end - question.begin
    source, row = await _rows(store, viewer, parameters, readings, span)
    columns = [_doubles(column) for column in row[:4]]
    low_at, low = columns[:2]
    high_at, high = columns[2:] if source != "raw" else (low_at, low)
    times, values = extremes(low_at, low, high_at, high, question.points)
    return {
        **found["about"],
        "source": source,
        "readings": len(low) if source == "raw" else int(row[4] or 0),
        "points": _pairs(times, values),
    }


async def _rows(
    store: Store, viewer: Viewer, parameters: dict[str, Any], readings: int, span: timedelta
) -> tuple[str, Any]:
    """The source that a course is read from, and its columns."""
    if readings <= MOST_RAW and span <= RAW_SPAN:
        (raw,), ((hour,),) = await store.read(viewer, [(READINGS, parameters), (FIRST_HOUR, parameters)])
        first = _doubles(raw[0])[:1]
        # Hours are kept longer than readings: of the time before the first of these there are only hours.
        if hour is None or (len(first) and first[0] <= hour + 3600):
            return "raw", raw
    source, statement = ("hour", HOURS) if span <= HOURLY_SPAN else ("day", DAYS)
    (row,) = (await store.read(viewer, [(statement, parameters)]))[0]
    return source, row


async def sums(store: Store, viewer: Viewer, question: CourseQuestion, per: str) -> dict[str, Any]:
    """A metric's sums by ``hour`` or ``day`` (of Asia/Shanghai), as rain is shown.

    Raises:
        NotFoundError: as ``course``.
    """
    found = await _series(store, viewer, question)
    parameters = _parameters(found["series"], question)
    (row,) = (await store.read(viewer, [(SUMS, parameters)]))[0]
    times, values = _doubles(row[0]), _doubles(row[1])
    if per == "day" and len(times):
        zone = LOCAL.total_seconds()
        days, place = np.unique((times + zone) // 86_400, return_inverse=True)
        times, values = days * 86_400 - zone, np.bincount(place, weights=values)
    return {**found["about"], "source": per, "readings": int(row[2] or 0), "points": _pairs(times, values)}


def readings_of(
    store: Store, viewer: Viewer, series: int, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, float | None, str]]:
    """Raw readings in their order, from the server as they are taken."""
    with store.connect(viewer) as connection, connection.cursor("readings") as cursor:
        cursor.itersize = 5000
        yield from cursor.execute(
            """
            SELECT observed_at, value, quality FROM ioc.observation
            WHERE series_id = %s AND observed_at >= %s AND observed_at < %s ORDER BY observed_at
            """,
            [series, begin, end],
        )


async def series_about(store: Store, viewer: Viewer, question: CourseQuestion) -> tuple[int, dict[str, Any]]:
    """The number of a series, and what it is.

    Raises:
        NotFoundError: as ``course``.
    """
    found = await _series(store, viewer, question)
    return found["series"], found["about"]


async def _series(store: Store, viewer: Viewer, question: CourseQuestion) -> dict[str, Any]:
    asked = {"code": question.code, "metric": question.metric, "device": question.device}
    rows = (await store.read(viewer, [(COURSE_OF, asked)]))[0]
    if not rows:
        raise NotFoundError(
            f"No station or device “{question.code[:64]}” has reported the metric “{question.metric[:64]}”."
        )
    series, device, name, unit, lower, upper, station, guard, warning, design = rows[0]
    about = {
        "code": question.code,
        "station": station,
        "device": device,
        "metric": question.metric,
        "name": name,
        "unit": unit,
        "from": question.begin.astimezone(UTC).isoformat(),
        "to": question.end.astimezone(UTC).isoformat(),
        "limits": {
            "lower": lower,
            "upper": upper,
            **({"guard": guard, "warning": warning, "design": design} if question.metric == "Z" else {}),
        },
    }
    return {"series": series, "about": about}


def _parameters(series: int, question: CourseQuestion) -> dict[str, Any]:
    return {
        "series": series,
        "begin": question.begin,
        "end": question.end,
        "first_day": (question.begin.astimezone(UTC) + LOCAL).date(),
        "last_day": (question.end.astimezone(UTC) + LOCAL).date(),
    }


def _doubles(column: bytes | None) -> np.ndarray:
    return np.frombuffer(column or b"", dtype=">f8").astype(np.float64)


def _pairs(times: np.ndarray, values: np.ndarray) -> list[list[float]]:
    return np.column_stack([np.rint(times * 1000), values]).tolist()


def extremes(
    low_at: np.ndarray, low: np.ndarray, high_at: np.ndarray, high: np.ndarray, points: int
) -> tuple[np.ndarray, np.ndarray]:
    """At most ``points`` (at least 2) moments and values: the lowest and highest of spans of equal length.

    Args:
        low_at, high_at: seconds, of the minimum and the maximum of each reading, hour or day, in its order.
    """
    if not len(low):
        return low_at, low
    if np.array_equal(low_at, high_at) and len(low) <= points:
        return low_at, low
    begin, end = low_at[0], max(low_at[-1], high_at[-1])
    width = max((end - begin) / (points // 2), 1e-6) * (1 + 1e-9)
    span = ((low_at - begin) // width).astype(np.int64)
    first = np.flatnonzero(np.r_[True, span[1:] != span[:-1]]) if np.all(span[1:] >= span[:-1]) else None
    if first is None:
        order = np.argsort(span, kind="stable")
        low_at, low, high_at, high, span = (a[order] for a in (low_at, low, high_at, high, span))
        first = np.flatnonzero(np.r_[True, span[1:] != span[:-1]])
    lowest = np.lexsort((low_at, low, span))[first]
    highest = np.lexsort((high_at, -high, span))[first]
    times = np.concatenate([low_at[lowest], high_at[highest]])
    values = np.concatenate([low[lowest], high[highest]])
    order = np.lexsort((values, times))
    times, values = times[order], values[order]
    single = np.r_[True, (times[1:] != times[:-1]) | (values[1:] != values[:-1])]
    return times[single], values[single]
