"""Pictures of water gauges as cameras at the demo's lakes and rivers would take them: drawn, and so signed.

A picture shows a staff with a mark every ten centimetres, how high the water stands at it, and the words
DEMO, time and level. Cameras hand them in over HTTP.
"""

import struct
import zlib
from datetime import datetime

import httpx2
import numpy as np
import structlog

from etl.feeds.frame import BEIJING

log = structlog.get_logger(__name__)

WIDTH, HEIGHT = 480, 270
STAFF = slice(206, 274)
WATERLINE = 150
"""Row of the water's edge: the camera follows it, and the staff moves behind."""
METRE = 110
"""Rows."""
ANSWER_SECONDS = 10.0
# 5 × 7 dots, a row in the low five bits of each byte.
GLYPHS = {
    "0": "0E11131519110E", "1": "040C040404040E", "2": "0E11010204081F", "3": "1F02040201110E",
    "4": "02060A121F0202", "5": "1F101E0101110E", "6": "0608101E11110E", "7": "1F010204080808",
    "8": "0E11110E11110E", "9": "0E11110F01020C", "-": "0000001F000000", ".": "00000000000C0C",
    ":": "000C0C000C0C00", " ": "00000000000000", "D": "1C12111111121C", "E": "1F10101E10101F",
    "M": "111B1515111111", "O": "0E11111111110E", "m": "00001A15151111",
}  # fmt: skip


class GaugeCamera:
    """Hands in a picture of each gauge; one that is not taken is not sent again."""

    def __init__(self, address: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS
        )

    def take(self, device: str, level: float, at: datetime) -> None:
        """A picture of the water at a level in metres."""
        parameters = {"device": device, "at": at.isoformat()}
        try:
            answer = self._client.post(
                "/ingest/pictures", params=parameters, content=gauge_picture(level, at)
            )
        except httpx2.HTTPError as error:
            log.warning("simulate: a picture is lost", reason=str(error))
            return
        if answer.status_code != 200:
            log.warning("simulate: a picture is refused", status=answer.status_code, answer=answer.text[:200])

    def close(self) -> None:
        self._client.close()


def gauge_picture(level: float, at: datetime) -> bytes:
    """A PNG of a gauge with the water at a level in metres."""
    local = at.astimezone(BEIJING)
    rows = np.arange(HEIGHT)[:, None]
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = np.where(rows < 60, (168, 184, 196), (122, 128, 112))[:, None]
    heights = level + (WATERLINE - np.arange(HEIGHT)) / METRE
    tenths = np.floor(heights * 10 + 1e-6).astype(int)
    picture[:, STAFF] = (238, 238, 232)
    for row, tenth in enumerate(tenths):
        if tenth % 2 == 0:
            side = slice(STAFF.start, STAFF.start + 26) if tenth % 4 else slice(STAFF.stop - 26, STAFF.stop)
            picture[row, side] = (176, 36, 32) if tenth // 10 % 2 else (28, 52, 150)
    for metre in range(int(heights[-1]), int(heights[0]) + 1):
        _write(picture, str(metre), WATERLINE - round((metre - level) * METRE) - 10, STAFF.start + 22, 2, 20)
    picture[WATERLINE:] = (picture[WATERLINE:] * 0.25 + np.array((44, 66, 74)) * 0.75).astype(np.uint8)
    picture[WATERLINE : WATERLINE + 2] = (190, 204, 208)
    if not 6 <= local.hour < 18:
        picture = (picture * 0.6).astype(np.uint8)
    picture[HEIGHT - 24 :] = 0
    _write(picture, f"DEMO {local:%Y-%m-%d %H:%M} {level:.2f} m", HEIGHT - 19, 10, 2, 255)
    return _png(picture)


def _write(picture: np.ndarray, words: str, top: int, left: int, scale: int, ink: int) -> None:
    """Dots of words, as far as they lie within the picture."""
    for letter in words:
        dots = np.unpackbits(np.frombuffer(bytes.fromhex(GLYPHS[letter]), np.uint8)[:, None], axis=1)[:, 3:]
        for row, column in np.argwhere(np.kron(dots, np.ones((scale, scale), np.uint8))):
            if 0 <= top + row < HEIGHT and left + column < WIDTH:
                picture[top + row, left + column] = ink
        left += 6 * scale


def _png(picture: np.ndarray) -> bytes:
    lines = b"".join(b"\0" + line.tobytes() for line in picture)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
