"""A batch of readings and positions into the store: raw, latest, aggregates, waiting list, and who is told.

All within the caller's transaction, a few statements for the whole batch.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from psycopg import Connection, OperationalError
from psycopg.types.json import Jsonb

from etl.feeds.device_register import DeviceRegister
from etl.feeds.intake_metrics import JUDGE_FAILURES
from etl.feeds.reading import Judge, ReadingBatch
from etl.feeds.reading_aggregate import hour_aggregates
from etl.feeds.reading_check import AHEAD_TOLERATED, PositionColumns, ReadingColumns, TimeLimits
from geodata.binary_array import float8_array, int2_array, int4_array, text_array, timestamp_array

log = structlog.get_logger(__name__)

TELL = "SELECT ioc.tell(%s, %s::jsonb)"


@dataclass(frozen=True)
class Kept:
    """Of the rows of some columns, which were new (bool), and what live screens are to be told (JSON)."""

    fresh: np.ndarray
    items: list[str]
    ahead: dict[str, float]
    """Seconds that devices' clocks are ahead, by device."""


NOTHING = Kept(np.zeros(0, dtype=bool), [], {})


def keep_readings(
    connection: Connection[Any],
    register: DeviceRegister,
    columns: ReadingColumns,
    limits: TimeLimits,
    judge: Judge | None,
) -> Kept:
    """Store readings; those that are newest become the latest, and all new ones are judged."""
    series = np.array(register.series_ids(connection, columns.pairs), dtype=np.int32)
    order, single = _ordered(series, columns.observed_at)
    series, observed, value = series[order], columns.observed_at[order], columns.value[order]
    quality = columns.quality[order]
    answer = connection.execute(
        "SELECT ioc.keep_readings(%s, %s, %s, %s, %s)",
        [
            int4_array(series),
            timestamp_array(observed),
            float8_array(value),
            int2_array(quality),
            text_array(columns.qualities),
        ],
    ).fetchone()
    new = _all_but(answer, len(order))
    fresh = np.zeros(len(single), dtype=bool)
    fresh[order[new]] = True
    ahead = observed > _until(limits)
    counted = new & ~ahead & np.isfinite(value)
    items: list[str] = []
    if counted.any():
        batch = (series[counted], observed[counted], value[counted])
        connection.execute(
            "SELECT ioc.add_readings(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            hour_aggregates(*batch).arrays(),
        )
        marks = [columns.qualities[code - 1] for code in quality[counted]]
        newest, items = _keep_latest(connection, register, *batch, marks)
        if judge is not None:
            _judge(connection, register, judge, *batch, newest)
    return Kept(fresh, items, _clocks(register, series[ahead], observed[ahead], limits))


def _ordered(series: np.ndarray, observed_at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by series and time without repetitions of a moment, and which rows these are."""
    order = np.lexsort((observed_at, series))
    again = (series[order][1:] == series[order][:-1]) & (observed_at[order][1:] == observed_at[order][:-1])
    order = order[np.r_[True, ~again]] if len(order) else order
    single = np.zeros(len(series), dtype=bool)
    single[order] = True
    return order, single


def _all_but(answer: tuple[Any, ...] | None, length: int) -> np.ndarray:
    new = np.ones(length, dtype=bool)
    if answer and answer[0]:
        new[np.array(answer[0]) - 1] = False
    return new


def _until(limits: TimeLimits) -> np.datetime64:
    return np.datetime64((limits.received + AHEAD_TOLERATED).replace(tzinfo=None), "us")


def _keep_latest(
    connection: Connection[Any],
    register: DeviceRegister,
    series: np.ndarray,
    observed: np.ndarray,
    value: np.ndarray,
    marks: Sequence[str],
) -> tuple[np.ndarray, list[str]]:
    """Bring the latest up; gives which of the readings are newest now, and their live items."""
    last = np.flatnonzero(np.r_[series[1:] != series[:-1], True])
    changed = connection.execute(
        "SELECT changed, direction FROM ioc.keep_latest(%s, %s, %s, %s)",
        [
            int4_array(series[last]),
            timestamp_array(observed[last]),
            float8_array(value[last]),
            text_array([marks[row] for row in last.tolist()]),
        ],
    ).fetchall()
    trends = dict(changed)
    newest = np.zeros(len(series), dtype=bool)
    newest[last[np.isin(series[last], list(trends))]] = True
    rows = np.flatnonzero(newest)
    times = np.datetime_as_string(observed[rows], unit="ms")
    items = []
    for row, at in zip(rows.tolist(), times, strict=True):
        number = int(series[row])
        if register.by_id[number].device.right is None:
            continue
        mark = f', "quality": {json.dumps(marks[row], ensure_ascii=False)}' if marks[row] else ""
        items.append(
            f'{register.item_head(number)}, "at": "{at}Z", "value": {float(value[row])!r}, '
            f'"trend": {trends[number]}{mark}}}'
        )
    return newest, items


def _judge(
    connection: Connection[Any],
    register: DeviceRegister,
    judge: Judge,
    series: np.ndarray,
    observed: np.ndarray,
    value: np.ndarray,
    newest: np.ndarray,
) -> None:
    waiting = [n for n in np.unique(series).tolist() if register.by_id[n].device.right is None]
    known = ~np.isin(series, waiting)
    if known.any():
        batch = ReadingBatch(series[known], observed[known], value[known], newest[known], register.by_id)
        try:
            with connection.transaction():
                judge.judge(connection, batch)
        except OperationalError:
            raise
        except Exception as error:
            log.error("intake: readings are kept unjudged", exc_info=error)
            JUDGE_FAILURES.inc()


def _clocks(
    register: DeviceRegister, series: np.ndarray, observed: np.ndarray, limits: TimeLimits
) -> dict[str, float]:
    """Seconds that devices are ahead, by device."""
    now = np.datetime64(limits.received.replace(tzinfo=None), "us")
    ahead: dict[str, float] = {}
    for number, at in zip(series.tolist(), observed, strict=True):
        code = register.by_id[number].device.code
        ahead[code] = max(ahead.get(code, 0.0), float((at - now) / np.timedelta64(1, "s")))
    return ahead


def keep_positions(connection: Connection[Any], register: DeviceRegister, columns: PositionColumns) -> Kept:
    """Store positions; those that are newest become the latest."""
    series = np.array(register.series_ids(connection, columns.pairs), dtype=np.int32)
    order, single = _ordered(series, columns.observed_at)
    answer = connection.execute(
        "SELECT ioc.keep_positions(%s, %s, %s, %s, %s, %s, %s, %s)", _position_arrays(series, columns, order)
    ).fetchone()
    new = _all_but(answer, len(order))
    fresh = np.zeros(len(single), dtype=bool)
    fresh[order[new]] = True
    order = order[new]
    if not len(order):
        return Kept(fresh, [], {})
    last = order[np.r_[series[order][1:] != series[order][:-1], True]]
    changed = connection.execute(
        "SELECT changed FROM ioc.keep_latest_positions(%s, %s, %s, %s, %s, %s, %s, %s)",
        _position_arrays(series, columns, last),
    ).fetchall()
    told = {number for (number,) in changed}
    rows = [int(row) for row in last if int(series[row]) in told]
    return Kept(fresh, list(_position_items(register, series, columns, rows)), {})


def _position_arrays(series: np.ndarray, columns: PositionColumns, rows: np.ndarray) -> list[Any]:
    numbers = (columns.lon, columns.lat, columns.speed, columns.direction, columns.altitude)
    return [
        int4_array(series[rows]),
        timestamp_array(columns.observed_at[rows]),
        *(float8_array(column[rows]) for column in numbers),
        text_array([columns.status[row] for row in rows]),
    ]


def _position_items(
    register: DeviceRegister, series: np.ndarray, columns: PositionColumns, rows: Iterable[int]
) -> Iterable[str]:
    for row in rows:
        device = register.by_id[int(series[row])].device
        if device.right is None:
            continue
        content = {
            "r": device.right,
            "vehicle": device.code,
            "vehicle_id": device.id,
            "name": device.name,
            "kind": device.kind,
            "lon": round(float(columns.lon[row]), 7),
            "lat": round(float(columns.lat[row]), 7),
            "speed": _number(columns.speed[row]),
            "direction": _number(columns.direction[row]),
            "at": f"{np.datetime_as_string(columns.observed_at[row], unit='ms')}Z",
            "state": columns.status[row] or None,
        }
        yield json.dumps({key: one for key, one in content.items() if one is not None}, ensure_ascii=False)


def _number(value: float) -> float | None:
    return round(float(value), 1) if np.isfinite(value) else None


def note_waiting(
    connection: Connection[Any], register: DeviceRegister, seen: dict[str, dict[str, Any]]
) -> list[str]:
    """Count devices that nobody knows; gives those that are new on the list."""
    if not seen:
        return []
    content = [{"code": code, **entry} for code, entry in seen.items()]
    rows = connection.execute("SELECT * FROM ioc.note_waiting_devices(%s)", [Jsonb(content)]).fetchall()
    register.note_waiting(seen)
    return [code for (code,) in rows if code is not None]


def tell(connection: Connection[Any], topic: str, items: Sequence[str]) -> None:
    """Tell everybody who is watching; the last thing in a transaction."""
    if items:
        connection.execute(TELL, [topic, f"[{', '.join(items)}]"])
