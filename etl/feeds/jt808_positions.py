"""Positions in JT/T 808 messages, and what speaks against one of them."""

import math
from datetime import datetime, timedelta

from etl.feeds.frame import FrameError
from etl.feeds.jt808 import Message
from etl.feeds.jt808_body import (
    LOCATION,
    LOCATION_BATCH,
    Location,
    implausible,
    read_location,
    read_location_batch,
)
from etl.feeds.reading import Position

FASTEST = 250.0
"""km/h between two fixes; more is a leap of the receiver."""
_NOISE_KM = 0.1
_EARTH_KM = 6371.0


def vehicle_code(phone: str) -> str:
    """The code of a vehicle: its phone number in the 12 digits of 2013, from the 20 digits of 2019 too."""
    return phone.lstrip("0").zfill(12)


def locations_in(message: Message, body: bytes) -> list[Location]:
    """Locations of 0x0200 or 0x0704; ``body`` is that of all packets.

    Raises:
        FrameError: the body is cut off, or its time is none.
    """
    if message.message_id == LOCATION:
        return [read_location(body)]
    return read_location_batch(body) if message.message_id == LOCATION_BATCH else []


class Track:
    """Judges the fixes of one vehicle in their order."""

    def __init__(self) -> None:
        self._believed: Location | None = None
        self._doubted: Location | None = None

    def position(self, vehicle: str, location: Location, received: datetime) -> Position:
        """The location as a position in the terminal's datum.

        A leap is doubted; a fix behind it that agrees with it is believed, so that a wrong one cannot shut
        out all others. Late locations hold at their time.

        Raises:
            FrameError: no fix, out of range, from the future, too fast, or a leap.
        """
        faults = implausible(location, min(received, location.at))
        if faults:
            raise FrameError("；".join(zh for zh, _en in faults), "; ".join(en for _zh, en in faults))
        if _leaps(self._believed, location) and (self._doubted is None or _leaps(self._doubted, location)):
            self._doubted = location
            raise FrameError("与上一位置相距过远", "too far from the fix before")
        if self._believed is None or location.at >= self._believed.at:
            self._believed, self._doubted = location, None
        return Position(
            vehicle,
            location.at,
            location.longitude,
            location.latitude,
            location.speed,
            float(location.direction),
            float(location.altitude),
            f"{location.status:08X}",
        )


def _leaps(before: Location | None, location: Location) -> bool:
    if before is None:
        return False
    hours = abs(location.at - before.at) / timedelta(hours=1)
    return _distance_km(before, location) > FASTEST * hours + _NOISE_KM


def _distance_km(one: Location, other: Location) -> float:
    middle = math.radians((one.latitude + other.latitude) / 2)
    east = math.radians(other.longitude - one.longitude) * math.cos(middle)
    return _EARTH_KM * math.hypot(east, math.radians(other.latitude - one.latitude))
