"""Alarms with their steps, situations, silences, and what a district sets otherwise than the rules."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.account import Timestamp
from geodata.models.base import Base

REASON = "BETWEEN 1 AND 500"


class Situation(Base):
    """Alarms of one cause; it lasts while any of them does, and a while longer."""

    __tablename__ = "situation"
    __table_args__ = (
        Index("uq_situation_open", "kind", unique=True, postgresql_where=text("ended_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    began_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Alarm(Base):
    """One alarm of a rule at a series, from raised to cleared; severity 1 (红) to 4 (蓝).

    It is seen by whoever sees its device. ``began_at`` is the time of the reading, ``raised_at`` the store's.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        CheckConstraint("severity BETWEEN 1 AND 4 AND worst BETWEEN 1 AND severity", name="severity"),
        CheckConstraint("state IN ('raised', 'acknowledged', 'handling', 'cleared')", name="state"),
        CheckConstraint("(state = 'cleared') = (cleared_at IS NOT NULL)", name="cleared"),
        Index("uq_alarm_open", "rule", "series_id", unique=True, postgresql_where=text("cleared_at IS NULL")),
        Index("ix_alarm_cleared_at", "cleared_at"),
        Index("ix_alarm_device_code", "device_code", "raised_at"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rule: Mapped[str]
    series_id: Mapped[int]
    device_code: Mapped[str]
    metric: Mapped[str]
    unit: Mapped[str | None]
    station_code: Mapped[str | None]
    station_id: Mapped[int | None] = mapped_column(BigInteger)
    place: Mapped[str]
    title_zh: Mapped[str]
    title_en: Mapped[str]
    severity: Mapped[int] = mapped_column(SmallInteger)
    worst: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(server_default=text("'raised'"))
    value: Mapped[float | None] = mapped_column(Float)
    limit_value: Mapped[float | None] = mapped_column(Float)
    began_at: Mapped[datetime] = mapped_column(Timestamp)
    raised_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp(), index=True)
    cleared_at: Mapped[datetime | None] = mapped_column(Timestamp)
    silenced: Mapped[bool]
    situation_id: Mapped[int | None] = mapped_column(ForeignKey("ioc.situation.id"), index=True)
    dataset_id: Mapped[int]
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    area_code: Mapped[str | None]
    geom: Mapped[Any] = mapped_column(Geometry("POINT", srid=4490, spatial_index=False), nullable=True)


class AlarmStep(Base):
    """What happened to an alarm, or who did what; append only. Without an account it came of itself."""

    __tablename__ = "alarm_step"
    __table_args__ = (
        CheckConstraint(
            "action IN ('raised', 'rose', 'fell', 'acknowledged', 'handling', 'note', 'cleared')",
            name="action",
        ),
        CheckConstraint(f"length(note) {REASON}", name="note"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    alarm_id: Mapped[int] = mapped_column(ForeignKey("ioc.alarm.id"), index=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
    action: Mapped[str]
    severity: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[float | None] = mapped_column(Float)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("ioc.account.id"))
    actor: Mapped[str | None]
    note: Mapped[str | None]


class AlarmWatch(Base):
    """A series that is not at rest under a rule: its grade, and since when values ask for another one."""

    __tablename__ = "alarm_watch"
    __table_args__ = (PrimaryKeyConstraint("series_id", "rule"),)
    rule: Mapped[str]
    series_id: Mapped[int]
    grade: Mapped[int] = mapped_column(SmallInteger)
    since: Mapped[datetime | None] = mapped_column(Timestamp)
    rising: Mapped[bool]
    judged_at: Mapped[datetime] = mapped_column(Timestamp)


class AlarmSilence(Base):
    """Alarms that are expected for a time: recorded, and told to nobody. What is not named is any."""

    __tablename__ = "alarm_silence"
    __table_args__ = (
        CheckConstraint("num_nonnulls(rule, device_code, station_code, area_code) > 0", name="named"),
        CheckConstraint("ends_at > begins_at AND ends_at <= begins_at + interval '1 year'", name="times"),
        CheckConstraint(f"length(reason) {REASON}", name="reason"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rule: Mapped[str | None]
    device_code: Mapped[str | None]
    station_code: Mapped[str | None]
    area_code: Mapped[str | None]
    maintenance: Mapped[bool]
    begins_at: Mapped[datetime] = mapped_column(Timestamp)
    ends_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    reason: Mapped[str]
    opened_by: Mapped[int] = mapped_column(ForeignKey("ioc.account.id"))
    opener: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
    lifted_at: Mapped[datetime | None] = mapped_column(Timestamp)
    lifter: Mapped[str | None]


class AlarmChange(Base):
    """What a district sets otherwise for a rule, for all devices or one; append only, the newest holds."""

    __tablename__ = "alarm_change"
    __table_args__ = (
        CheckConstraint(f"length(reason) {REASON}", name="reason"),
        Index("ix_alarm_change_rule_device_code", "rule", "device_code", "id"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    rule: Mapped[str]
    device_code: Mapped[str | None]
    change: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[str]
    changed_by: Mapped[int] = mapped_column(ForeignKey("ioc.account.id"))
    changer: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
