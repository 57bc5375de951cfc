"""What devices send, whatever protocol it came by: readings, positions, pictures, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
from psycopg import Connection

from etl.photo import Photo

POSITION_METRIC = "position"
"""The metric of the series that a device's positions make."""
PICTURE_METRIC = "picture"
"""What pictures are called beside a waiting device's metrics; they make no series."""


class Reading(NamedTuple):
    """A value that a device observed; ``value`` is None where it reports that it has none.

    ``observed_at`` has a zone. ``quality`` is empty where nothing speaks against the value.
    """

    device: str
    metric: str
    observed_at: datetime
    value: float | None
    quality: str = ""


class Position(NamedTuple):
    """Where a device was: degrees, km/h, degrees from north, metres.

    ``frame`` is CGCS2000 or GCJ-02; empty: that of the device's record, CGCS2000 where that says nothing.
    ``plate`` is what its terminal registered with, where that was heard.
    """

    device: str
    observed_at: datetime
    lon: float
    lat: float
    speed: float | None = None
    direction: float | None = None
    altitude: float | None = None
    status: str = ""
    frame: str = ""
    plate: str = ""


class Picture(NamedTuple):
    """What a device's camera saw at a moment, which has a zone."""

    device: str
    taken_at: datetime
    photo: Photo


class Submission(NamedTuple):
    """What is handed in at once; ``source`` is the protocol and, behind a colon, who sent it."""

    readings: Sequence[Reading]
    positions: Sequence[Position]
    source: str
    pictures: Sequence[Picture] = ()


class Refusal(NamedTuple):
    """A reading, position or picture that is not kept: its place (from 0) among those handed in, and why."""

    kind: str
    row: int
    zh: str
    en: str


@dataclass(frozen=True)
class Receipt:
    """What became of what was handed in: said only when it is durable.

    ``waiting`` were stored too, but their devices are on the waiting list. ``shed`` positions were dropped
    because more came than can be kept.
    """

    stored: int = 0
    duplicates: int = 0
    waiting: int = 0
    shed: int = 0
    refused: Sequence[Refusal] = ()


class Device(NamedTuple):
    """A device of the store; ``right`` (dataset, sensitivity, area code) is None while it waits."""

    code: str
    right: tuple[int, int, str] | None = None
    id: int | None = None
    name: str | None = None
    kind: str | None = None
    frame: str | None = None
    station: str | None = None
    station_id: int | None = None


class Series(NamedTuple):
    """What one device reports of one metric."""

    id: int
    device: Device
    metric: str
    unit: str | None


@dataclass(frozen=True)
class ReadingBatch:
    """New readings of known devices, ordered by series and time; arrays of one length.

    Readings of the future, without a value, or kept before are not among them. Those that came late are:
    ``newest`` tells the readings that are now the latest of their series.
    """

    series: np.ndarray
    """int32: keys of ``known``."""
    observed_at: np.ndarray
    """datetime64[us], UTC."""
    value: np.ndarray
    """float64, finite."""
    newest: np.ndarray
    """bool."""
    known: Mapping[int, Series]


class Judge(Protocol):
    """Judges readings in the transaction that keeps them, after the latest values are brought up.

    The connection is that of the intake: the owner's, or ``ioc_app`` without a viewer where the process has
    no other, so what it reads and writes goes through functions that are granted to that role.
    """

    def judge(self, connection: Connection[Any], batch: ReadingBatch) -> None:
        """Judge a batch; after an error it is kept unjudged, and the error logged and counted."""
        ...
