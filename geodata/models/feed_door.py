"""Doors for devices: what came in by each, when each device was heard, its clock, what it was asked."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    func,
    text,
)
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


class DevicePresence(Base):
    """Whether a device is online, as was last told."""

    __tablename__ = "device_presence"
    device_code: Mapped[str] = mapped_column(primary_key=True)
    online: Mapped[bool]
    since: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), comment="heard again then; offline: heard last then"
    )


class DeviceLag(Base):
    """A run of looks at how late a device's newest reading came, all much like the first; seconds."""

    __tablename__ = "device_lag"
    device_code: Mapped[str] = mapped_column(primary_key=True)
    begun_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    looks: Mapped[int]
    first_s: Mapped[float] = mapped_column(Double)
    least_s: Mapped[float] = mapped_column(Double)


class DeviceQuestion(Base):
    """What somebody asked a device: waiting, sent, then answered, or failed for a reason."""

    __tablename__ = "device_question"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'answered', 'failed')", name="state"),
        CheckConstraint("reason IN ('offline', 'silent', 'unfit', 'doors')", name="reason"),
        Index("ix_device_question_device_code", "device_code", "id"),
        Index(
            "uq_device_question_open",
            "device_code",
            "asked",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'sent')"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    device_code: Mapped[str]
    asked: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="function as two hexadecimal digits; elements, from, to, step_s"
    )
    account_id: Mapped[int | None] = mapped_column(Integer)
    asker: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    expires_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        comment="still open then: the process of the doors did not come back in time",
    )
    state: Mapped[str] = mapped_column(server_default="waiting")
    sendings: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str | None]
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
