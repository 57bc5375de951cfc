"""Devices and series as the intake knows them: read once, and again when a dataset or a decision changed."""

import json
from collections.abc import Iterable
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from etl.feeds.reading import Device, Series
from geodata.binary_array import text_array

MOST_WAITING = 5000
"""Devices on the waiting list; beyond it a steward must decide first, or rubbish would fill the store."""

Pair = tuple[str, str]


class DeviceRegister:
    """What is known of devices, of those that wait, and of series; one writer uses it."""

    def __init__(self) -> None:
        self.by_id: dict[int, Series] = {}
        self.dataset_id: int | None = None
        """Of the devices; what concerns all of them is told with its right."""
        self._state: str | None = None
        self._devices: dict[str, Device] = {}
        self._refused: set[str] = set()
        self._waiting: set[str] = set()
        self._units: dict[Pair, str] = {}
        self._by_pair: dict[Pair, int] = {}
        self._heads: dict[int, str] = {}

    def refresh(self, connection: Connection[Any]) -> None:
        """Bring the register up to what this transaction sees."""
        row = connection.execute("SELECT ioc.feed_devices_state()").fetchone()
        state = row[0] if row else None
        if state == self._state:
            return
        with connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("SELECT * FROM ioc.feed_devices()").fetchall()
        self._devices = {row["code"]: _device(row) for row in found if row["state"] == "known"}
        self._refused = {row["code"] for row in found if row["state"] == "refused"}
        self._waiting = {row["code"] for row in found if row["state"] == "waiting"}
        self.dataset_id = min((row["dataset_id"] for row in found if row["state"] == "known"), default=None)
        units = connection.execute("SELECT device_code, metric, unit FROM ioc.feed_units()").fetchall()
        self._units = {(code, metric): unit for code, metric, unit in units}
        self.by_id.clear()
        self._by_pair.clear()
        self._heads.clear()
        self._state = state

    def forget(self) -> None:
        """What was found in a transaction that was rolled back may not be there."""
        self._state = None

    def is_refused(self, code: str) -> bool:
        """Whether a steward has refused the device."""
        return code in self._refused

    def has_room(self, code: str) -> bool:
        """Whether the device is known, or waits, or may still be put on the waiting list."""
        return code in self._devices or code in self._waiting or len(self._waiting) < MOST_WAITING

    def device(self, code: str) -> Device:
        """The device; without a right where it is not known."""
        return self._devices.get(code) or Device(code)

    def note_waiting(self, codes: Iterable[str]) -> None:
        """These are on the waiting list now."""
        self._waiting.update(codes)

    def series_ids(self, connection: Connection[Any], pairs: list[Pair]) -> list[int]:
        """The series of each pair of device and metric, made where they are new."""
        missing = list({pair for pair in pairs if pair not in self._by_pair})
        if missing:
            missing.sort()
            codes, metrics = zip(*missing, strict=True)
            rows = connection.execute(
                "SELECT id, device_code, metric FROM ioc.series_of(%s, %s)",
                [text_array(codes), text_array(metrics)],
            ).fetchall()
            for number, code, metric in rows:
                self._by_pair[code, metric] = number
                unit = self._units.get((code, metric))
                self.by_id[number] = Series(number, self.device(code), metric, unit)
        return [self._by_pair[pair] for pair in pairs]

    def item_head(self, series: int) -> str:
        """The beginning of a live item of the series, as JSON: its right, device, station, metric."""
        head = self._heads.get(series)
        if head is None:
            head = self._heads[series] = _item_head(self.by_id[series])
        return head


def _item_head(series: Series) -> str:
    device = series.device
    content = {
        "r": device.right,
        "device": device.code,
        "device_id": device.id,
        "station": device.station,
        "station_id": device.station_id,
        "metric": series.metric,
    }
    if series.unit:
        content["unit"] = series.unit
    return json.dumps(content, ensure_ascii=False)[:-1]


def _device(row: dict[str, Any]) -> Device:
    return Device(
        row["code"],
        (row["dataset_id"], row["sensitivity"], row["area_code"] or ""),
        row["device_id"],
        row["name"],
        row["device_type"],
        row["position_frame"],
        row["station_code"],
        row["station_id"],
    )
