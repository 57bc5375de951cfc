"""What devices send: readings and positions, the latest of each, aggregates, and who hands them in.

Rows refer to ``Series`` without foreign keys, which would cost as much as the reading itself.
"""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from geodata.models.base import Base

Timestamp = DateTime(timezone=True)


def _time(**options: Any) -> Any:
    return mapped_column(Timestamp, **options)


def _number(**options: Any) -> Any:
    return mapped_column(Double, **options)


class Series(Base):
    """What one device reports of one metric; where it is, is its metric ``position``."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("device_code", "metric"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    device_code: Mapped[str]
    metric: Mapped[str]
    first_seen: Mapped[datetime] = _time(server_default=func.now())


class Observation(Base):
    """A reading at the time it was observed; ``quality`` is empty where nothing speaks against it."""

    __tablename__ = "observation"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "observed_at"),
        {"postgresql_partition_by": "RANGE (observed_at)"},
    )
    observed_at: Mapped[datetime] = _time()
    value: Mapped[float | None] = _number()
    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    quality: Mapped[str] = mapped_column(server_default=text("''"))


class Latest(Base):
    """The newest reading of a series; ``trend`` is against ``base_value``, an hour ago at most."""

    __tablename__ = "latest"
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime] = _time()
    value: Mapped[float] = _number()
    quality: Mapped[str]
    received_at: Mapped[datetime] = _time()
    trend: Mapped[int] = mapped_column(SmallInteger)
    base_at: Mapped[datetime] = _time()
    base_value: Mapped[float] = _number()


class _Aggregate:
    n: Mapped[int]
    minimum: Mapped[float] = _number()
    maximum: Mapped[float] = _number()
    minimum_at: Mapped[datetime] = _time()
    maximum_at: Mapped[datetime] = _time()
    sum: Mapped[float] = _number()
    last: Mapped[float] = _number()
    last_at: Mapped[datetime] = _time()


class ObservationHour(_Aggregate, Base):
    """The readings of a series in an hour."""

    __tablename__ = "observation_hour"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "hour"),
        {"postgresql_partition_by": "RANGE (hour)"},
    )
    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    hour: Mapped[datetime] = _time()


class ObservationDay(_Aggregate, Base):
    """The readings of a series on a day of Asia/Shanghai."""

    __tablename__ = "observation_day"
    __table_args__ = (PrimaryKeyConstraint("series_id", "day"),)
    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    day: Mapped[date] = mapped_column(Date)


class VehiclePosition(Base):
    """Where a vehicle was: degrees of CGCS2000, km/h, degrees from north, metres."""

    __tablename__ = "vehicle_position"
    __table_args__ = (
        PrimaryKeyConstraint("series_id", "observed_at"),
        {"postgresql_partition_by": "RANGE (observed_at)"},
    )
    observed_at: Mapped[datetime] = _time()
    lon: Mapped[float] = _number()
    lat: Mapped[float] = _number()
    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    speed: Mapped[float | None] = mapped_column(REAL)
    direction: Mapped[float | None] = mapped_column(REAL)
    altitude: Mapped[float | None] = mapped_column(REAL)
    status: Mapped[str] = mapped_column(server_default=text("''"))


class LatestPosition(Base):
    """Where a vehicle was last."""

    __tablename__ = "latest_position"
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime] = _time()
    lon: Mapped[float] = _number()
    lat: Mapped[float] = _number()
    speed: Mapped[float | None] = mapped_column(REAL)
    direction: Mapped[float | None] = mapped_column(REAL)
    altitude: Mapped[float | None] = mapped_column(REAL)
    status: Mapped[str]
    received_at: Mapped[datetime] = _time()


class VehicleTrack(Base):
    """An hour's way of a vehicle, simplified, with the number of positions it was made of."""

    __tablename__ = "vehicle_track"
    __table_args__ = (PrimaryKeyConstraint("series_id", "hour"),)
    series_id: Mapped[int] = mapped_column(Integer, autoincrement=False)
    hour: Mapped[datetime] = _time()
    n: Mapped[int]
    length_m: Mapped[float] = _number()
    geom: Mapped[Any] = mapped_column(Geometry("LINESTRING", srid=4490, spatial_index=False), nullable=False)


class WaitingDevice(Base):
    """A device that reports and is in no dataset; ``last_payload`` holds its last values by metric."""

    __tablename__ = "waiting_device"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'accepted', 'refused')", name="state"),)
    code: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    protocol: Mapped[str]
    source: Mapped[str]
    first_seen: Mapped[datetime] = _time(server_default=func.now())
    last_seen: Mapped[datetime] = _time(server_default=func.now())
    readings: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    positions: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None] = _time()


class DeviceClock(Base):
    """By how much a device's clock was ahead when it last sent a reading of the future."""

    __tablename__ = "device_clock"
    device_code: Mapped[str] = mapped_column(primary_key=True)
    ahead_s: Mapped[float] = _number()
    noted_at: Mapped[datetime] = _time()


class DevicePicture(Base):
    """What a device's camera saw; the file holds the picture and nothing else that a camera writes."""

    __tablename__ = "device_picture"
    __table_args__ = (UniqueConstraint("device_code", "taken_at"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    device_code: Mapped[str]
    taken_at: Mapped[datetime] = _time()
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    body: Mapped[bytes]
    received_at: Mapped[datetime] = _time(server_default=func.now())


class FeedSource(Base):
    """Who may hand readings in over HTTP; of its token only the SHA-256 is kept."""

    __tablename__ = "feed_source"
    __table_args__ = (
        Index("uq_feed_source_name_valid", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(server_default=text("'http'"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = _time(server_default=func.now())
    last_used_at: Mapped[datetime | None] = _time()
    revoked_at: Mapped[datetime | None] = _time()


class IngestRequest(Base):
    """What was answered to a request with an idempotency key."""

    __tablename__ = "ingest_request"
    source_id: Mapped[int] = mapped_column(
        ForeignKey("ioc.feed_source.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    body_hash: Mapped[str]
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = _time(server_default=func.now(), index=True)
