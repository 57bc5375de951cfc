"""What the JSON of a type of device means, declared in `mappings/*.toml`: topic, time, values, position.

A file says in which topics the devices publish (``{device}`` stands for the device's code, ``+`` for any
other level), where in the payload the time and each metric stand (a path of names and list numbers with
dots), and by what a number is multiplied to be in the metric's unit. ``words`` gives the numbers of texts.
"""

import json
import math
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl.feeds.frame import BEIJING, FrameError, beijing_time
from etl.feeds.reading import Position, Reading
from geodata.errors import UserError

PACKAGED = Path(__file__).parent / "mappings"
_EPOCHS = {"epoch_s": 1, "epoch_ms": 1000}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Time(_Part):
    """``format``: iso, epoch_s, epoch_ms or a form of strptime; what says no zone is Beijing time."""

    path: str
    format: str = "iso"


class Value(_Part):
    """A metric's number; ``unit`` is the one it is stored in."""

    path: str
    unit: str = ""
    factor: float = 1.0
    words: dict[str, float] = {}


class Place(_Part):
    """Paths of degrees in the frame, km/h, degrees clockwise from north, metres."""

    lon: str
    lat: str
    speed: str | None = None
    direction: str | None = None
    altitude: str | None = None
    frame: Literal["", "CGCS2000", "GCJ-02"] = ""
    """Empty: as the device's record says."""


@dataclass(frozen=True)
class Payload:
    """What a message holds."""

    readings: Sequence[Reading] = ()
    positions: Sequence[Position] = ()


class MqttMapping(_Part):
    """How one type of device speaks."""

    title_zh: str
    title_en: str
    topic: str = Field(pattern=r"^[^#]+$")
    device: str | None = None
    """Path of the device's code in the payload, where the topic does not say it."""
    records: str | None = None
    """Path of a list of records, where a message holds several."""
    time: Time | None = None
    """Without it a message holds for the moment it arrives."""
    metrics: dict[str, Value] = {}
    position: Place | None = None

    @property
    def subscription(self) -> str:
        """The topic filter of MQTT."""
        return self.topic.replace("{device}", "+")

    def fits(self, topic: str) -> bool:
        """Whether a message's topic is one of this type."""
        return self._form.fullmatch(topic) is not None

    def read(self, topic: str, payload: bytes, received: datetime) -> Payload:
        """Readings and positions of a message.

        Raises:
            FrameError: it is no JSON, names no device, has no time, or a value is no number.
        """
        try:
            content = json.loads(payload)
        except (ValueError, RecursionError):
            raise FrameError("内容不是JSON", "the payload is not JSON") from None
        found = self._form.fullmatch(topic)
        named = found.groupdict().get("device") if found else None
        records = _at(content, self.records) if self.records else [content]
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise FrameError("内容不是JSON对象", "the payload holds no JSON objects")
        parts = [
            self._read(named or _device(content, record, self.device), record, received) for record in records
        ]
        return Payload(
            tuple(reading for part in parts for reading in part.readings),
            tuple(position for part in parts for position in part.positions),
        )

    @cached_property
    def _form(self) -> re.Pattern[str]:
        form = re.escape(self.topic).replace(r"\{device\}", "(?P<device>[^/]+)").replace(r"\+", "[^/]+")
        return re.compile(form)

    def _read(self, device: str, record: dict[str, Any], received: datetime) -> Payload:
        at = _time(self.time, record) if self.time else received
        readings = [
            Reading(device, metric, at, _number(value, sent))
            for metric, value in self.metrics.items()
            if (sent := _at(record, value.path)) is not None
        ]
        if self.position is None or _at(record, self.position.lon) is None:
            return Payload(tuple(readings))
        return Payload(tuple(readings), (_position(self.position, device, at, record),))


def read_mappings(folders: Sequence[Path]) -> list[MqttMapping]:
    """The mappings of all files of the folders; a later folder's file replaces one of the same name.

    Raises:
        UserError: a file is no TOML or does not say what it must.
    """
    found = {path.name: path for folder in folders for path in sorted(folder.glob("*.toml"))}
    return [_mapping(path) for path in found.values()]


def _mapping(path: Path) -> MqttMapping:
    try:
        mapping = MqttMapping(**tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file in UTF-8 ({error}): correct it.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise UserError(f"{path}: the key “{key}” does not fit ({fault['msg']}); correct it.") from error
    if mapping.topic.count("{device}") != (mapping.device is None):
        raise UserError(
            f"{path}: say where the device's code stands, by {{device}} in the topic or by the key “device”."
        )
    return mapping


def _at(content: Any, path: str) -> Any:
    """What stands at a path; None when it leads nowhere."""
    for name in path.split("."):
        if isinstance(content, dict):
            content = content.get(name)
        elif isinstance(content, list) and name.isdecimal() and int(name) < len(content):
            content = content[int(name)]
        else:
            return None
    return content


def _device(content: Any, record: dict[str, Any], path: str | None) -> str:
    code = (_at(record, path) or _at(content, path)) if path else None
    if not isinstance(code, str | int) or not str(code).strip():
        raise FrameError(f"没有设备编码（{path}）", f"there is no device code at {path}")
    return str(code).strip()


def _time(time: Time, record: dict[str, Any]) -> datetime:
    sent = _at(record, time.path)
    try:
        if time.format == "iso":
            at = datetime.fromisoformat(sent)
            return at if at.tzinfo else at.replace(tzinfo=BEIJING)
        if time.format in _EPOCHS:
            return datetime.fromtimestamp(float(sent) / _EPOCHS[time.format], UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise FrameError(f"时间“{sent}”有误", f"the time {sent!r} is wrong") from None
    return beijing_time(str(sent), time.format, "时间")


def _number(value: Value, sent: Any) -> float:
    if isinstance(sent, str) and sent.strip() in value.words:
        return value.words[sent.strip()]
    try:
        number = float(sent) if isinstance(sent, bool | int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise FrameError(f"“{value.path}”的值“{sent}”不是数字", f"{value.path} is {sent!r}, no number")
    return number * value.factor


def _position(place: Place, device: str, at: datetime, record: dict[str, Any]) -> Position:
    lon, lat = (_number(Value(path=path), _at(record, path)) for path in (place.lon, place.lat))
    if abs(lon) > 180 or abs(lat) > 90:
        raise FrameError(f"坐标{lon}, {lat}超出范围", f"coordinates {lon}, {lat} are out of range")
    speed, direction, altitude = (
        _number(Value(path=path), sent) if path and (sent := _at(record, path)) is not None else None
        for path in (place.speed, place.direction, place.altitude)
    )
    return Position(device, at, lon, lat, speed, direction, altitude, frame=place.frame)
