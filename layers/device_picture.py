"""Pictures that the devices of a station took, as far as the viewer may see the devices."""

from datetime import UTC, datetime
from typing import Any

from geodata.store import Store
from geodata.viewer import Viewer
from layers.problem import NotFoundError

MOST_PICTURES = 48
PICTURES = b"""
    SELECT p.id, p.device_code, p.taken_at, p.width, p.height
    FROM ioc.device d JOIN ioc.device_picture p ON p.device_code = d.code
    WHERE (d.station_code = %(code)s OR d.code = %(code)s) AND p.taken_at <= %(until)s
    ORDER BY p.taken_at DESC, p.id DESC LIMIT %(most)s
"""
PICTURE = b"""
    SELECT p.media_type, p.body
    FROM ioc.device d JOIN ioc.device_picture p ON p.device_code = d.code
    WHERE (d.station_code = %(code)s OR d.code = %(code)s) AND p.id = %(id)s
"""


async def pictures_of(store: Store, viewer: Viewer, code: str, until: datetime) -> list[dict[str, Any]]:
    """The newest pictures that were taken until a moment, the newest first; sizes in pixels.

    Args:
        code: of a station, or of a device that belongs to none.
    """
    asked = {"code": code, "until": until, "most": MOST_PICTURES}
    rows = (await store.read(viewer, [(PICTURES, asked)]))[0]
    return [
        {
            "id": number,
            "device": device,
            "at": taken_at.astimezone(UTC).isoformat(),
            "width": width,
            "height": height,
        }
        for number, device, taken_at, width, height in rows
    ]


async def picture_of(store: Store, viewer: Viewer, code: str, picture_id: int) -> tuple[str, bytes]:
    """The media type and the file of a picture.

    Raises:
        NotFoundError: the station has no such picture, as far as the viewer may see.
    """
    rows = (await store.read(viewer, [(PICTURE, {"code": code, "id": picture_id})]))[0]
    if not rows:
        raise NotFoundError(f"The station “{code[:64]}” has no picture {picture_id}.")
    return rows[0]
