"""Doors for devices: what came in by each, and when each device was last heard."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.base import Base


class FeedDoor(Base):
    """A door as its process noted it last; ``totals`` are since the store was made, by what was counted."""

    __tablename__ = "feed_door"
    door: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    connections: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    totals: Mapped[dict[str, int]] = mapped_column(
        JSONB, comment="since the store was made, by what was counted"
    )
    refusals: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class FeedCount(Base):
    """What was counted at a door within a minute."""

    __tablename__ = "feed_count"
    door: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class DeviceContact(Base):
    """When a device was heard last, by whatever it said: readings, heartbeats, what was refused."""

    __tablename__ = "device_contact"
    device_code: Mapped[str] = mapped_column(primary_key=True)
    door: Mapped[str]
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    messages: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
