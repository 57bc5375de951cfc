"""Pictures that devices took into the store, and who is told of them."""

import json
from typing import Any

import numpy as np
from psycopg import Connection

from etl.feeds.device_register import DeviceRegister
from etl.feeds.reading_check import PictureColumns
from etl.feeds.reading_store import Kept

KEEP = "SELECT ioc.keep_picture(%s, %s, %s, %s, %s, %s)"


def keep_pictures(connection: Connection[Any], register: DeviceRegister, columns: PictureColumns) -> Kept:
    """Store pictures, one by one: they are few, and large."""
    fresh = np.zeros(len(columns.row), dtype=bool)
    items = []
    for place, (device, taken_at, photo) in enumerate(columns.pictures):
        answer = connection.execute(
            KEEP, [device, taken_at, photo.media_type, photo.width, photo.height, photo.body], binary=True
        ).fetchone()
        fresh[place] = bool(answer and answer[0])
        right = register.device(device).right
        if fresh[place] and right is not None:
            item = {"r": right, "device": device, "state": "picture", "at": taken_at.isoformat()}
            items.append(json.dumps(item, ensure_ascii=False))
    return Kept(fresh, items, {})
