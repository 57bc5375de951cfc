"""The body of a request that hands something in: bounded, unpacked, its rows read one by one."""

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from etl.feeds.reading import Picture, Position, Reading, Refusal
from etl.photo import read_photo
from geodata.errors import UserError

MOST_ROWS = 10_000
MOST_BYTES = 16 << 20
FRAMES = ("CGCS2000", "GCJ-02")

Row = TypeVar("Row")
Reason = tuple[str, str]


class TooMuchError(UserError):
    """More than one request may bring."""


class RowError(ValueError):
    """A row that is no reading or position: why, in Chinese and English."""


async def unpacked_body(request: Request) -> bytes:
    """The body, unpacked if it is gzip.

    Raises:
        TooMuchError: more than ``MOST_BYTES``, packed or not.
        UserError: it is not the gzip it says it is, or whoever sends it has hung up.
    """
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip"):
        raise UserError(f"The Content-Encoding “{packed[:20]}” is not read here: send gzip, or none.")
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                raise _too_much()
    except ClientDisconnect as error:
        raise UserError("The connection ended before the body had come: send it again.") from error
    if packed == "identity":
        return bytes(content)
    stream = zlib.decompressobj(wbits=31)
    try:
        unpacked = stream.decompress(bytes(content), MOST_BYTES + 1)
    except zlib.error as error:
        raise UserError("The body is not the gzip that its Content-Encoding says: pack it again.") from error
    if len(unpacked) > MOST_BYTES:
        raise _too_much()
    if not stream.eof:
        raise UserError("The body is gzip that ends too early: send it whole.")
    return unpacked


def _too_much() -> TooMuchError:
    return TooMuchError(
        f"A request holds at most {MOST_ROWS} rows and {MOST_BYTES >> 20} MB: send it in several."
    )


def rows_of(
    body: bytes, key: str, read: Callable[[dict[str, Any]], Row]
) -> tuple[list[Row], list[int], list[Refusal]]:
    """The rows under ``key``, their places in the request, and those that are none.

    Raises:
        UserError: the body is not the JSON that is asked for.
        TooMuchError: too many rows.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UserError(f'The body is not JSON: send {{"{key}": […]}} in UTF-8.') from error
    given = content.get(key) if isinstance(content, dict) else None
    if not isinstance(given, list):
        raise UserError(f'The body has no list “{key}”: send {{"{key}": […]}}.')
    if len(given) > MOST_ROWS:
        raise _too_much()
    rows, places, refused = [], [], []
    for place, one in enumerate(given):
        try:
            if not isinstance(one, dict):
                raise RowError("不是 JSON 对象", "is no JSON object")
            rows.append(read(one))
            places.append(place)
        except RowError as error:
            refused.append(Refusal(key.removesuffix("s"), place, *error.args))
    return rows, places, refused


def read_reading(row: dict[str, Any]) -> Reading:
    """A reading of a request.

    Raises:
        RowError: a field is missing or not what it must be.
    """
    value = row.get("value")
    if value is None and "value" not in row:
        raise RowError("缺少 value（没有值时请填 null）", "has no value; send null where there is none")
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise RowError("value 应为数字或 null", "value must be a number or null")
    return Reading(
        _text(row, "device"), _text(row, "metric"), _moment(row), _finite(value), _text(row, "quality", "")
    )


def read_position(row: dict[str, Any]) -> Position:
    """A position of a request.

    Raises:
        RowError: a field is missing or not what it must be.
    """
    lon, lat = _number(row, "lon"), _number(row, "lat")
    if lon is None or lat is None:
        raise RowError("缺少 lon 或 lat", "has no lon or lat")
    frame = _text(row, "frame", "")
    if frame and frame not in FRAMES:
        raise RowError(f"frame 应为 {' 或 '.join(FRAMES)}", f"frame must be {' or '.join(FRAMES)}")
    return Position(
        _text(row, "device"),
        _moment(row),
        lon,
        lat,
        _number(row, "speed"),
        _number(row, "direction"),
        _number(row, "altitude"),
        _text(row, "status", ""),
        frame,
    )


def read_picture(parameters: Mapping[str, str], body: bytes) -> Picture:
    """A picture: ``device`` and ``at`` are parameters of the address, the body is the file.

    Raises:
        UserError: a parameter is not what it must be, or the file is no picture that can be kept.
    """
    try:
        device, taken_at = _text(parameters, "device"), _moment(parameters)
    except RowError as error:
        raise UserError(f"In the address, {error.args[1]}.", zh=f"地址参数：{error.args[0]}。") from error
    return Picture(device, taken_at, read_photo(body))


def _text(row: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = row.get(name, default)
    if not isinstance(text, str):
        raise RowError(f"{name} 应为文本", f"{name} must be a text")
    return text


def _number(row: dict[str, Any], name: str) -> float | None:
    number = row.get(name)
    if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
        raise RowError(f"{name} 应为数字", f"{name} must be a number")
    return _finite(number)


def _finite(number: float | None) -> float | None:
    try:
        return None if number is None else float(number)
    except OverflowError as error:
        raise RowError("数字过大", "a number is too large") from error


def _moment(row: Mapping[str, Any]) -> datetime:
    text = _text(row, "at")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise RowError(
            f"时间 at「{text[:40]}」应形如 2026-07-01T08:00:00+08:00",
            f"at “{text[:40]}” must be a time such as 2026-07-01T08:00:00+08:00",
        ) from error
    if at.tzinfo is None:
        raise RowError(
            "时间 at 缺少时区，应形如 2026-07-01T08:00:00+08:00",
            "at has no zone: send a time such as 2026-07-01T08:00:00+08:00",
        )
    return at
