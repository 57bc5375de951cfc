"""What was handed in together, stored in one transaction: who is answered what, and who is told."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import structlog
from prometheus_client import Counter
from psycopg import Connection, OperationalError
from psycopg.errors import CheckViolation

from etl.feeds import intake_metrics as metrics
from etl.feeds.device_register import DeviceRegister
from etl.feeds.picture_store import keep_pictures
from etl.feeds.reading import PICTURE_METRIC, Judge, Receipt, Refusal, Submission
from etl.feeds.reading_check import (
    PictureColumns,
    PositionColumns,
    ReadingColumns,
    TimeLimits,
    picture_columns,
    position_columns,
    reading_columns,
)
from etl.feeds.reading_store import NOTHING, Kept, keep_positions, keep_readings, note_waiting, tell
from geodata.binary_array import understand_arrays

log = structlog.get_logger(__name__)

PLATE = "plate"
"""Beside the metrics of a device that waits: the plate its terminal registered with."""


@dataclass(frozen=True)
class _Fate:
    """What became of the readings, the positions or the pictures of all submissions one after the other."""

    fresh: np.ndarray
    again: np.ndarray
    waiting: np.ndarray
    refused: list[Refusal]

    def of(self, begin: int, end: int) -> Receipt:
        """Of those in a range; refusals count from its beginning."""
        return Receipt(
            int(self.fresh[begin:end].sum()),
            int(self.again[begin:end].sum()),
            int(self.waiting[begin:end].sum()),
            0,
            [one._replace(row=one.row - begin) for one in self.refused if begin <= one.row < end],
        )

    def count(self, counter: Counter) -> None:
        """Tell the metrics."""
        for outcome, number in (
            ("stored", self.fresh.sum()),
            ("duplicate", self.again.sum()),
            ("refused", len(self.refused)),
        ):
            counter.labels(outcome).inc(int(number))


class BatchWriter:
    """Stores batches over a connection of its own, which it opens again after it broke."""

    def __init__(self, url: str, judge: Judge | None, kept_days: int) -> None:
        self._url = url
        self._judge = judge
        self._kept_days = kept_days
        self._register = DeviceRegister()
        self._days: set[int] = set()
        self._connection: Connection[Any] | None = None

    def write(self, batch: Sequence[Submission], notices: Sequence[dict[str, Any]] = ()) -> list[Receipt]:
        """Store a batch and commit; a receipt for each submission.

        Args:
            notices: items for the topic ``device``, without their right: for all who see all devices.

        Raises:
            OperationalError: the database went away, or another transaction stood in the way: write again.
        """
        try:
            return self._write(batch, notices)
        except CheckViolation:
            # Maintenance has removed a day that was made before.
            self._forget()
            return self._write(batch, notices)
        except OperationalError:
            self.close()
            raise
        except Exception:
            self._forget()
            raise

    def close(self) -> None:
        """Give the connection back; the next batch opens another."""
        self._forget()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _forget(self) -> None:
        """What a transaction found that was rolled back may not be there."""
        self._register.forget()
        self._days.clear()

    def _write(self, batch: Sequence[Submission], notices: Sequence[dict[str, Any]]) -> list[Receipt]:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
            understand_arrays(self._connection)
        begun = time.perf_counter()
        with self._connection.transaction():
            fates = self._store(self._connection, batch, notices)
        metrics.BATCH_SECONDS.observe(time.perf_counter() - begun)
        metrics.BATCH_ROWS.observe(sum(len(fate.fresh) for fate in fates))
        counters = (metrics.READINGS, metrics.POSITIONS, metrics.PICTURES)
        for fate, counter in zip(fates, counters, strict=True):
            fate.count(counter)
        return list(_receipts(batch, fates))

    def _store(
        self,
        connection: Connection[Any],
        batch: Sequence[Submission],
        notices: Sequence[dict[str, Any]],
    ) -> tuple[_Fate, _Fate, _Fate]:
        readings = [reading for one in batch for reading in one.readings]
        positions = [position for one in batch for position in one.positions]
        pictures = [picture for one in batch for picture in one.pictures]
        register = self._register
        register.refresh(connection)
        limits = TimeLimits.at(datetime.now(UTC), self._kept_days)
        columns, refused = reading_columns(readings, register, limits)
        places, misplaced = position_columns(positions, register, limits)
        views, unseen = picture_columns(pictures, register, limits)
        self._make_days(connection, columns, places)
        kept, moved, seen = NOTHING, NOTHING, NOTHING
        if len(columns.row):
            kept = keep_readings(connection, register, columns, limits, self._judge)
        if len(places.row):
            moved = keep_positions(connection, register, places)
        if len(views.row):
            seen = keep_pictures(connection, register, views)
        unknown = _Waiting(register, [one.source for one in batch])
        unknown.add_readings(columns, kept.fresh, _submissions(len(one.readings) for one in batch))
        unknown.add_positions(places, moved.fresh, _submissions(len(one.positions) for one in batch))
        unknown.add_pictures(views, seen.fresh, _submissions(len(one.pictures) for one in batch))
        new = note_waiting(connection, register, unknown.devices)
        if kept.ahead:
            connection.execute(
                "SELECT ioc.note_clocks(%s::text[], %s::float8[])",
                [list(kept.ahead), list(kept.ahead.values())],
            )
        tell(connection, "device", [*self._device_items(new, kept.ahead, notices), *seen.items])
        tell(connection, "reading", kept.items)
        tell(connection, "position", moved.items)
        return (
            _fate(len(readings), columns, kept, refused, register),
            _fate(len(positions), places, moved, misplaced, register),
            _fate(len(pictures), views, seen, unseen, register),
        )

    def _make_days(
        self, connection: Connection[Any], columns: ReadingColumns, places: PositionColumns
    ) -> None:
        times = [one.observed_at for one in (columns, places) if len(one.row)]
        if not times:
            return
        days = np.unique(np.concatenate(times).astype("datetime64[D]"))
        for day in (day for day in days if int(day.astype(int)) not in self._days):
            connection.execute("SELECT ioc.make_reading_partitions(%s, %s)", [str(day), str(day)])
            self._days.add(int(day.astype(int)))

    def _device_items(
        self, new: list[str], ahead: dict[str, float], notices: Sequence[dict[str, Any]]
    ) -> list[str]:
        dataset = self._register.dataset_id
        if dataset is None:
            return []
        items = [{"r": [dataset, 3, ""], "device": code, "state": "waiting"} for code in new]
        items += [
            {"r": right, "device": code, "state": "clock", "ahead_s": round(seconds)}
            for code, seconds in ahead.items()
            if (right := self._register.device(code).right)
        ]
        items += [{"r": [dataset, 1, ""], **notice} for notice in notices]
        return [json.dumps(item, ensure_ascii=False) for item in items]


class _Waiting:
    """Devices of a batch that nobody knows: how much they sent, and what last."""

    def __init__(self, register: DeviceRegister, sources: list[str]) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self._register = register
        self._sources = sources

    def add_readings(self, columns: ReadingColumns, fresh: np.ndarray, submission: np.ndarray) -> None:
        """Count those that are new; ``submission`` tells of each row handed in where it came from."""
        for row in self._unknown(columns.pairs, fresh):
            code, metric = columns.pairs[row]
            entry = self._entry(code, int(submission[columns.row[row]]))
            entry["readings"] += 1
            value = float(columns.value[row])
            at = f"{np.datetime_as_string(columns.observed_at[row], unit='s')}Z"
            entry["last_payload"][metric] = {"at": at, "value": value if np.isfinite(value) else None}

    def add_positions(self, columns: PositionColumns, fresh: np.ndarray, submission: np.ndarray) -> None:
        """As ``add_readings``."""
        for row in self._unknown(columns.pairs, fresh):
            entry = self._entry(columns.pairs[row][0], int(submission[columns.row[row]]))
            entry["positions"] += 1
            at = f"{np.datetime_as_string(columns.observed_at[row], unit='s')}Z"
            lon, lat = float(columns.lon[row]), float(columns.lat[row])
            entry["last_payload"][columns.pairs[row][1]] = {"at": at, "lon": lon, "lat": lat}
            if columns.plate[row]:
                entry["last_payload"][PLATE] = {"at": at, "value": columns.plate[row]}

    def add_pictures(self, columns: PictureColumns, fresh: np.ndarray, submission: np.ndarray) -> None:
        """Note when a picture that is new was taken."""
        for row in self._unknown(columns.pairs, fresh):
            picture = columns.pictures[row]
            entry = self._entry(picture.device, int(submission[columns.row[row]]))
            at = f"{picture.taken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
            entry["last_payload"][PICTURE_METRIC] = {"at": at, "value": None}

    def _unknown(self, pairs: list[tuple[str, str]], fresh: np.ndarray) -> Iterable[int]:
        unknown = {pair for pair in set(pairs) if self._register.device(pair[0]).right is None}
        return (row for row, pair in enumerate(pairs) if fresh[row] and pair in unknown) if unknown else ()

    def _entry(self, code: str, submission: int) -> dict[str, Any]:
        source = self._sources[submission]
        protocol = source.partition(":")[0]
        empty = {"protocol": protocol, "source": source, "readings": 0, "positions": 0, "last_payload": {}}
        return self.devices.setdefault(code, empty)


def _submissions(lengths: Iterable[int]) -> np.ndarray:
    """Which submission each row came with."""
    counts = list(lengths)
    return np.repeat(np.arange(len(counts)), counts)


def _fate(
    length: int,
    columns: ReadingColumns | PositionColumns | PictureColumns,
    kept: Kept,
    refused: list[Refusal],
    register: DeviceRegister,
) -> _Fate:
    fresh, again, waiting = (np.zeros(length, dtype=bool) for _ in range(3))
    if len(columns.row):
        fresh[columns.row] = kept.fresh
        again[columns.row] = ~kept.fresh
        unknown = {pair for pair in set(columns.pairs) if register.device(pair[0]).right is None}
        if unknown:
            waiting[columns.row] = kept.fresh & [pair in unknown for pair in columns.pairs]
    return _Fate(fresh, again, waiting, refused)


def _receipts(batch: Sequence[Submission], fates: Sequence[_Fate]) -> Iterable[Receipt]:
    """What each submission is answered: of its readings, positions and pictures together."""
    begins = [0] * len(fates)
    for one in batch:
        ends = [
            begin + len(rows)
            for begin, rows in zip(begins, (one.readings, one.positions, one.pictures), strict=True)
        ]
        parts = [fate.of(begin, end) for fate, begin, end in zip(fates, begins, ends, strict=True)]
        yield Receipt(
            sum(part.stored for part in parts),
            sum(part.duplicates for part in parts),
            sum(part.waiting for part in parts),
            0,
            [refusal for part in parts for refusal in part.refused],
        )
        begins = ends
