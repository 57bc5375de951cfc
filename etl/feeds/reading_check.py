"""What is kept of what devices send: readings, positions and pictures, and why others are refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from etl.feeds.device_register import MOST_WAITING, DeviceRegister, Pair
from etl.feeds.reading import PICTURE_METRIC, POSITION_METRIC, Picture, Position, Reading, Refusal
from geodata.coordinates.gcj02 import gcj02_to_wgs84

AHEAD_TOLERATED = timedelta(minutes=5)
"""A clock may be ahead so far; later readings are kept, marked, and never the latest."""
AHEAD_KEPT = timedelta(days=2)
"""Readings of further ahead are refused."""
CLOCK_QUALITY = "clock"
LARGEST_VALUE = 1e15
LONGEST_CODE = 64
LONGEST_QUALITY = 40

Reason = tuple[str, str]


@dataclass(frozen=True)
class TimeLimits:
    """When a reading may have been observed; ``received`` is now."""

    received: datetime
    oldest: datetime

    @classmethod
    def at(cls, received: datetime, kept_days: int) -> "TimeLimits":
        """Of readings that come now and are kept for so many days."""
        return cls(received, received - timedelta(days=kept_days))


@dataclass(frozen=True)
class ReadingColumns:
    """Readings to be kept; ``row`` is their place among those handed in, ``value`` NaN for none."""

    row: np.ndarray
    pairs: list[Pair]
    observed_at: np.ndarray
    value: np.ndarray
    quality: np.ndarray
    """Of ``qualities``, from 1."""
    qualities: list[str]


@dataclass(frozen=True)
class PositionColumns:
    """Positions to be kept, in CGCS2000; NaN where a number was not sent."""

    row: np.ndarray
    pairs: list[Pair]
    observed_at: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    speed: np.ndarray
    direction: np.ndarray
    altitude: np.ndarray
    status: list[str]
    plate: list[str]


@dataclass(frozen=True)
class PictureColumns:
    """Pictures to be kept."""

    row: np.ndarray
    pairs: list[Pair]
    pictures: list[Picture]


def reading_columns(
    readings: Sequence[Reading], register: DeviceRegister, limits: TimeLimits
) -> tuple[ReadingColumns, list[Refusal]]:
    """Readings that may be kept, and the others with the reason."""
    if not readings:
        nothing = np.zeros(0)
        return ReadingColumns(nothing, [], nothing, nothing, nothing, []), []
    devices, metrics, times, values, notes = zip(*readings, strict=True)
    value = np.array([np.nan if one is None else one for one in values], dtype=np.float64)
    observed = _microseconds(times)
    pairs = list(zip(devices, metrics, strict=True))
    reasons = _time_reasons(observed, limits)
    given = np.array([one is not None for one in values])
    for row in np.flatnonzero(given & ~(np.abs(value) <= LARGEST_VALUE)):
        reasons[int(row)] = (
            f"数值 {values[row]} 不是可用的数；没有值时请填空（null）",
            f"the value {values[row]} is no usable number; send null where there is none",
        )
    _pair_reasons(pairs, register, reasons)
    kept = _kept(len(readings), reasons)
    ahead = observed > _utc(limits.received + AHEAD_TOLERATED)
    marks = [
        f"{note[:LONGEST_QUALITY]} {CLOCK_QUALITY}".strip() if late else note[:LONGEST_QUALITY]
        for note, late in zip(notes, ahead, strict=True)
    ]
    names = sorted(set(marks))
    places = {name: place for place, name in enumerate(names, start=1)}
    codes = np.array([places[mark] for mark in marks], dtype=np.int16)
    columns = ReadingColumns(
        kept,
        [pairs[row] for row in kept],
        observed[kept],
        value[kept],
        codes[kept],
        names,
    )
    return columns, _refusals("reading", reasons)


def position_columns(
    positions: Sequence[Position], register: DeviceRegister, limits: TimeLimits
) -> tuple[PositionColumns, list[Refusal]]:
    """Positions that may be kept, brought to CGCS2000, and the others with the reason."""
    if not positions:
        nothing = np.zeros(0)
        return PositionColumns(nothing, [], nothing, nothing, nothing, nothing, nothing, nothing, [], []), []
    devices, times, lons, lats, speeds, directions, altitudes, statuses, frames, plates = zip(
        *positions, strict=True
    )
    lon, lat = np.array(lons, dtype=np.float64), np.array(lats, dtype=np.float64)
    observed = _microseconds(times)
    pairs = [(code, POSITION_METRIC) for code in devices]
    reasons = _time_reasons(observed, limits, AHEAD_TOLERATED)
    nowhere = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90)) | ((lon == 0) & (lat == 0))
    for row in np.flatnonzero(nowhere):
        reasons[int(row)] = (
            f"坐标（{lons[row]}，{lats[row]}）不是有效的经纬度",
            f"({lons[row]}, {lats[row]}) is no place: send degrees of longitude and latitude",
        )
    _pair_reasons(pairs, register, reasons)
    kept = _kept(len(positions), reasons)
    shifted = [row for row in kept if (frames[row] or register.device(devices[row]).frame) == "GCJ-02"]
    if shifted:
        lon[shifted], lat[shifted] = gcj02_to_wgs84(lon[shifted], lat[shifted])
    columns = PositionColumns(
        kept,
        [pairs[row] for row in kept],
        observed[kept],
        lon[kept],
        lat[kept],
        _numbers(speeds)[kept],
        _numbers(directions)[kept],
        _numbers(altitudes)[kept],
        [statuses[row][:LONGEST_QUALITY] for row in kept],
        [plates[row][:LONGEST_QUALITY] for row in kept],
    )
    return columns, _refusals("position", reasons)


def picture_columns(
    pictures: Sequence[Picture], register: DeviceRegister, limits: TimeLimits
) -> tuple[PictureColumns, list[Refusal]]:
    """Pictures that may be kept, and the others with the reason."""
    pairs = [(one.device, PICTURE_METRIC) for one in pictures]
    reasons = _time_reasons(_microseconds(one.taken_at for one in pictures), limits, AHEAD_TOLERATED)
    _pair_reasons(pairs, register, reasons)
    kept = _kept(len(pictures), reasons)
    columns = PictureColumns(kept, [pairs[row] for row in kept], [pictures[row] for row in kept])
    return columns, _refusals("picture", reasons)


def _numbers(values: Iterable[Any]) -> np.ndarray:
    numbers = np.array([np.nan if one is None else one for one in values], dtype=np.float64)
    numbers[~(np.abs(numbers) < 1e6)] = np.nan
    return numbers


def _microseconds(times: Iterable[datetime]) -> np.ndarray:
    seconds = np.array([at.timestamp() for at in times], dtype=np.float64)
    return np.rint(seconds * 1e6).astype(np.int64).view("datetime64[us]")


def _utc(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def _time_reasons(
    observed: np.ndarray, limits: TimeLimits, ahead: timedelta = AHEAD_KEPT
) -> dict[int, Reason]:
    reasons: dict[int, Reason] = {}
    for row in np.flatnonzero(observed > _utc(limits.received + ahead)):
        reasons[int(row)] = (
            f"观测时间 {observed[row]}Z 在未来，请校准设备时钟",
            f"observed at {observed[row]}Z, which is in the future: set the device's clock",
        )
    for row in np.flatnonzero(observed < _utc(limits.oldest)):
        reasons[int(row)] = (
            f"观测时间 {observed[row]}Z 早于原始数据保留期（自 {limits.oldest:%Y-%m-%d} 起）",
            f"observed at {observed[row]}Z, before the time that readings are kept for "
            f"(from {limits.oldest:%Y-%m-%d}): check the device's clock",
        )
    return reasons


def _pair_reasons(pairs: list[Pair], register: DeviceRegister, reasons: dict[int, Reason]) -> None:
    faulty = {pair: reason for pair in set(pairs) if (reason := _pair_reason(pair, register))}
    if faulty:
        reasons.update({row: faulty[pair] for row, pair in enumerate(pairs) if pair in faulty})


def _pair_reason(pair: Pair, register: DeviceRegister) -> Reason | None:
    device, _metric = pair
    if not all(0 < len(text) <= LONGEST_CODE and text.isprintable() for text in pair):
        return (
            f"设备编码和指标代码应为 1 到 {LONGEST_CODE} 个可见字符",
            f"device and metric are 1 to {LONGEST_CODE} printable characters each",
        )
    if register.is_refused(device):
        return (f"设备 {device} 已被拒绝接入", f"a steward has refused the device {device}: see /devices")
    if not register.has_room(device):
        return (
            f"待接入设备已满 {MOST_WAITING} 台，请先在“设备接入”处理",
            f"{MOST_WAITING} unknown devices wait already: a steward decides on them at /devices first",
        )
    return None


def _kept(length: int, reasons: dict[int, Reason]) -> np.ndarray:
    keep = np.ones(length, dtype=bool)
    keep[list(reasons)] = False
    return np.flatnonzero(keep)


def _refusals(kind: str, reasons: dict[int, Reason]) -> list[Refusal]:
    return [Refusal(kind, row, *reasons[row]) for row in sorted(reasons)]
