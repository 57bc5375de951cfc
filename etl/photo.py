"""Photographs as cameras and phones write them, taken apart: the picture, when and where it was taken.

What is kept holds nothing but the picture, its colours and which way is up; everything else that a file may
carry (owner, device, thumbnails, edits, data after the end) is left behind. Formats after ITU-T T.81 (JPEG),
the PNG specification and RFC 9649 (WebP); Exif after CIPA DC-008.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.errors import UserError

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 100_000_000
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT"}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"}
_EXIF_FLAGS = 0x04 | 0x08 | 0x02  # XMP, Exif, animation


class PhotoError(UserError):
    """A file that is no photograph which can be kept."""


@dataclass(frozen=True)
class Photo:
    """``taken_at`` is the camera's local time; ``lon`` and ``lat`` are degrees as it wrote them (WGS84)."""

    media_type: str
    body: bytes
    width: int
    height: int
    taken_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None


def read_photo(file: bytes) -> Photo:
    """The photograph in a file.

    Raises:
        PhotoError: too large, damaged, or in another format.
    """
    if len(file) > MOST_BYTES:
        raise PhotoError(
            f"The photograph is larger than {MOST_BYTES >> 20} MB: send a smaller picture.",
            zh=f"照片超过 {MOST_BYTES >> 20} MB，请换小一些的。",
        )
    try:
        photo = _read(file)
    except (struct.error, IndexError) as error:
        raise _damaged() from error
    if not (photo.width and photo.height) or photo.width * photo.height > MOST_PIXELS:
        raise PhotoError(
            "The photograph has no size, or more than 100 million pixels: send a smaller one.",
            zh="照片没有尺寸，或超过一亿像素，请换小一些的。",
        )
    return photo


def _read(file: bytes) -> Photo:
    if file[:3] == b"\xff\xd8\xff":
        return _jpeg(file)
    if file[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(file)
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return _webp(file)
    if file[4:8] == b"ftyp":
        raise PhotoError(
            "This is a HEIC or video file: set the phone's camera to “most compatible” (JPEG).",
            zh="这是 HEIC 或视频文件，请把手机相机设为“兼容性最佳”（JPEG）。",
        )
    raise PhotoError(
        "This file is no photograph in JPEG, PNG or WebP: save it as JPEG and send that.",
        zh="这不是 JPEG、PNG 或 WebP 照片，请另存为 JPEG 再上传。",
    )


def _damaged() -> PhotoError:
    return PhotoError(
        "The photograph is damaged: open it, save it as JPEG and send that.",
        zh="照片文件已损坏，请打开后另存为 JPEG 再上传。",
    )


def _jpeg(file: bytes) -> Photo:
    kept, exif, size, at = [], b"", (0, 0), 2
    while True:
        if file[at] != 0xFF:
            raise _damaged()
        marker = file[at + 1]
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", file, at + 2)
        segment = file[at : at + 2 + length]
        if len(segment) < 2 + length or length < 2:
            raise IndexError
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", segment, 5)
            size = (width, height)
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            exif = segment[10:]
        at += len(segment)
        if marker == 0xDA:
            end = _MARKER.search(file, at)
            if end is None:
                raise IndexError
            segment += file[at : end.start()]
            at = end.start()
        if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE) or _is_profile(segment):
            kept.append(segment)
    found = _exif(exif)
    body = b"".join([b"\xff\xd8", _orientation(found.get("orientation", 1)), *kept, b"\xff\xd9"])
    return Photo("image/jpeg", body, *size, *_when_and_where(found))


def _is_profile(segment: bytes) -> bool:
    return segment[1] == 0xE2 and segment[4:16] == b"ICC_PROFILE\0"


def _orientation(value: int) -> bytes:
    """An Exif segment that says which way is up and nothing else."""
    if not 2 <= value <= 8:
        return b""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff


def _png(file: bytes) -> Photo:
    kept, exif, at = [file[:8]], b"", 8
    while True:
        (length,) = struct.unpack_from(">I", file, at)
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", file, at + 8 + length)
        if zlib.crc32(kind + data) != checksum:
            raise IndexError
        if kind in _PNG_KEPT:
            kept.append(file[at : at + 12 + length])
        if kind == b"eXIf":
            exif = data
        at += 12 + length
        if kind == b"IEND":
            break
    width, height = struct.unpack_from(">II", file, 16)
    return Photo("image/png", b"".join(kept), width, height, *_when_and_where(_exif(exif)))


def _webp(file: bytes) -> Photo:
    kept, exif, size = [], b"", (0, 0)
    for kind, data in _webp_chunks(file):
        size = size if size != (0, 0) else _webp_size(kind, data)
        if kind == b"EXIF":
            exif = data.removeprefix(b"Exif\0\0")
        if kind == b"VP8X":
            data = bytes([data[0] & ~_EXIF_FLAGS]) + data[1:]
        if kind in _WEBP_KEPT:
            kept.append(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))
    content = b"WEBP" + b"".join(kept)
    body = b"RIFF" + struct.pack("<I", len(content)) + content
    return Photo("image/webp", body, *size, *_when_and_where(_exif(exif)))


def _webp_chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    (whole,) = struct.unpack_from("<I", file, 4)
    end, at = whole + 8, 12
    if len(file) < end:
        raise IndexError
    while at + 8 <= end:
        (length,) = struct.unpack_from("<I", file, at + 4)
        data = file[at + 8 : at + 8 + length]
        if len(data) < length:
            raise IndexError
        yield file[at : at + 4], data
        at += 8 + length + length % 2


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def _exif(tiff: bytes) -> dict[str, Any]:
    """Orientation, time and place; a damaged Exif part says nothing."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return {}
    try:
        main = _directory(tiff, order, struct.unpack_from(f"{order}I", tiff, 4)[0])
        own = _directory(tiff, order, main[0x8769]) if 0x8769 in main else {}
        place = _directory(tiff, order, main[0x8825]) if 0x8825 in main else {}
    except (struct.error, IndexError, ValueError, KeyError, TypeError, ZeroDivisionError):
        return {}
    return {
        "orientation": main.get(0x0112, 1),
        "time": own.get(0x9003) or main.get(0x0132),
        "lat": _degrees(place.get(2), place.get(1), "S", 90),
        "lon": _degrees(place.get(4), place.get(3), "W", 180),
    }


def _directory(tiff: bytes, order: str, at: int) -> dict[int, Any]:
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    values: dict[int, Any] = {}
    for entry in range(at + 2, at + 2 + 12 * min(count, 200), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", tiff, entry)
        if kind == 2 and number <= 64:
            where = entry + 8 if number <= 4 else struct.unpack_from(f"{order}I", tiff, entry + 8)[0]
            values[tag] = tiff[where : where + number].split(b"\0")[0].decode("ascii", "replace")
        elif kind == 3 and number == 1:
            values[tag] = struct.unpack_from(f"{order}H", tiff, entry + 8)[0]
        elif kind == 4 and number == 1:
            values[tag] = struct.unpack_from(f"{order}I", tiff, entry + 8)[0]
        elif kind == 5 and number <= 3:
            (where,) = struct.unpack_from(f"{order}I", tiff, entry + 8)
            parts = struct.unpack_from(f"{order}{2 * number}I", tiff, where)
            values[tag] = [
                top / bottom for top, bottom in zip(parts[::2], parts[1::2], strict=True) if bottom
            ]
    return values


def _degrees(parts: Any, side: Any, negative: str, most: float) -> float | None:
    if not isinstance(parts, list) or len(parts) != 3:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    if degrees > most:
        return None
    return -degrees if side == negative else degrees


def _when_and_where(found: dict[str, Any]) -> tuple[datetime | None, float | None, float | None]:
    try:
        taken = datetime.strptime(str(found.get("time")), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        taken = None
    return taken, found.get("lon"), found.get("lat")
